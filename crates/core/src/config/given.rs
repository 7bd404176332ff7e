//! What a vassal file says, key by key, as an app finds it in `uwsgi.opt`.

use std::collections::BTreeMap;

use super::tree::{Entry, Value};
use super::vassal::Given;

/// Keys as they are written, with what stands behind them.
pub(super) fn given<'a>(entries: impl Iterator<Item = &'a Entry>) -> BTreeMap<String, Given> {
    let mut given = BTreeMap::new();
    for Entry { key, node, .. } in entries {
        let value = read(&node.value);
        match given.remove(key) {
            None => given.insert(key.clone(), value),
            Some(before) => given.insert(key.clone(), joined(before, value)),
        };
    }
    given
}

fn read(value: &Value) -> Given {
    match value {
        Value::Null | Value::Bare | Value::Bool(true) => Given::Switch,
        Value::List(items) => Given::List(items.iter().map(|item| text(&item.value)).collect()),
        Value::Table(entries) => Given::List(entries.iter().map(pair).collect()),
        Value::Bool(false) | Value::Number(_) | Value::Text(_) | Value::Date(_) => {
            Given::Text(text(value))
        }
    }
}

fn pair(entry: &Entry) -> String {
    format!("{}={}", entry.key, text(&entry.node.value))
}

/// What stands deeper is written as uWSGI writes such things: `key=value,key=value`.
fn text(value: &Value) -> String {
    match value {
        Value::Null | Value::Bare => String::new(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(text) | Value::Text(text) | Value::Date(text) => text.clone(),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| text(&item.value)).collect();
            items.join(",")
        }
        Value::Table(entries) => entries.iter().map(pair).collect::<Vec<_>>().join(","),
    }
}

fn joined(before: Given, after: Given) -> Given {
    let list = |given| match given {
        Given::Switch => vec!["true".to_owned()],
        Given::Text(text) => vec![text],
        Given::List(items) => items,
    };
    let mut items = list(before);
    items.extend(list(after));
    Given::List(items)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Given;
    use crate::config::parse_vassal;

    fn given(name: &str, text: &str, key: &str) -> Given {
        let vassal = parse_vassal(Path::new(name), text.as_bytes()).unwrap();
        vassal.module.given[key].clone()
    }

    #[test]
    fn every_format_comes_to_what_uwsgi_would_say() {
        let list = |items: &[&str]| Given::List(items.iter().map(|&item| item.into()).collect());
        let ini = "[uwsgi]\nmodule = a\nhttp-socket = :8000\nprocesses = 2\nmaster\n\
                   env = A=b\nenv = C=d\nlazy-apps = false\n";
        assert_eq!(given("a.ini", ini, "processes"), Given::Text("2".into()));
        assert_eq!(given("a.ini", ini, "master"), Given::Switch);
        assert_eq!(given("a.ini", ini, "env"), list(&["A=b", "C=d"]));
        assert_eq!(
            given("a.ini", ini, "lazy-apps"),
            Given::Text("false".into())
        );
        let toml = "module = \"a\"\nhttp = [\":8000\", \":8001\"]\nlazy-apps = true\nthreads = 4\n\
                    [env]\nA = \"b\"\n";
        assert_eq!(given("a.toml", toml, "http"), list(&[":8000", ":8001"]));
        assert_eq!(given("a.toml", toml, "lazy-apps"), Given::Switch);
        assert_eq!(given("a.toml", toml, "threads"), Given::Text("4".into()));
        assert_eq!(given("a.toml", toml, "env"), list(&["A=b"]));
    }
}
