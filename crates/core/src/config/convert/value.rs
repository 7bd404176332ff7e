//! Values in TOML: of all forms that mean the same to the option, the one that reads best.
//!
//! Whether a form means the same is not guessed but tried: the option is applied to an empty draft
//! with the value as it stands in the file, and with the value in its new form.

use std::path::Path;

use crate::config::draft::Draft;
use crate::config::options::{OptionSpec, ValueKind};
use crate::config::read::Bases;
use crate::config::setting::Setting;
use crate::config::source::Source;
use crate::config::tree::{Entry, Node, Value};
use crate::config::values::boolean_value;

/// Units of sizes, largest first.
const SIZES: [(u64, char); 3] = [(1 << 30, 'G'), (1 << 20, 'M'), (1 << 10, 'K')];

/// Writes the values of one file.
pub(super) struct Writer<'a> {
    bases: &'a Bases,
    source: &'a Source<'a>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(bases: &'a Bases, source: &'a Source<'a>) -> Self {
        Self { bases, source }
    }

    /// A value of an option; a list where it is one.
    pub(super) fn best(&self, spec: &'static OptionSpec, key: &str, node: &Node) -> String {
        if let Value::List(items) = &node.value {
            let items = items.iter().map(|item| self.best(spec, key, item));
            return format!("[{}]", items.collect::<Vec<_>>().join(", "));
        }
        let meaning = self.meaning(spec, key, node, Some(self.source));
        let spelt = self.spelt(node);
        let mut forms = candidates(spec, &node.value, &spelt);
        if let (Some(base), Value::Text(text)) = (self.bases.moved(spec.name), &spelt) {
            forms.extend(with_paths_from(base, text.trim()));
        }
        let same = forms.into_iter().find(|value| {
            let candidate = Node {
                value: value.clone(),
                place: node.place.clone(),
            };
            meaning.is_some() && self.meaning(spec, key, &candidate, None) == meaning
        });
        written(&same.unwrap_or(spelt))
    }

    /// The values of one of several lists of an option.
    pub(super) fn elements(
        &self,
        spec: &'static OptionSpec,
        key: &str,
        node: &Node,
    ) -> Vec<String> {
        let items = match &node.value {
            Value::List(items) => items.as_slice(),
            Value::Null
            | Value::Bare
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Date(_)
            | Value::Table(_) => std::slice::from_ref(node),
        };
        items
            .iter()
            .map(|item| self.best(spec, key, item))
            .collect()
    }

    /// A value as its author wrote it, as a text of TOML where it is no text.
    pub(super) fn as_it_is(&self, node: &Node) -> String {
        written(&self.spelt(node))
    }

    /// A value with texts in place of numbers and booleans, as they were spelt.
    fn spelt(&self, node: &Node) -> Value {
        let inner = |node: &Node| Node {
            value: self.spelt(node),
            place: node.place.clone(),
        };
        match &node.value {
            Value::Number(_) | Value::Bool(_) => self
                .source
                .spelling(node)
                .map_or_else(|| node.value.clone(), Value::Text),
            Value::List(items) => Value::List(items.iter().map(inner).collect()),
            Value::Table(entries) => Value::Table(
                entries
                    .iter()
                    .map(|entry| Entry {
                        key: entry.key.clone(),
                        place: entry.place.clone(),
                        node: inner(&entry.node),
                    })
                    .collect(),
            ),
            other @ (Value::Null | Value::Bare | Value::Text(_) | Value::Date(_)) => other.clone(),
        }
    }

    /// What a vassal without any other option would become.
    fn meaning(
        &self,
        spec: &'static OptionSpec,
        key: &str,
        node: &Node,
        source: Option<&Source<'_>>,
    ) -> Option<Draft> {
        let mut draft = Draft::default();
        let setting = Setting {
            spec,
            key,
            key_place: node.place.clone(),
            nodes: vec![node],
            orders: vec![(false, 0)],
            // TOML's relative paths begin at its file.
            base: match source {
                Some(_) => self.bases.for_option(spec.name),
                None => self.bases.file(),
            },
            source,
        };
        (spec.apply)(&mut draft, &setting).ok().map(|()| draft)
    }
}

/// The forms that a value may have, the best ones first; `spelt` is the value as a text.
fn candidates(spec: &OptionSpec, value: &Value, spelt: &Value) -> Vec<Value> {
    let text = match (value, spelt) {
        (Value::Bare, _) => return vec![Value::Bool(true)],
        (_, Value::Text(text)) => text,
        _ => return vec![value.clone(), spelt.clone()],
    };
    let text = text.trim();
    let is_word = matches!(text, "true" | "false");
    let mut forms = Vec::new();
    if let (Some(flag), true) = (
        boolean_value(spelt),
        is_word || spec.kind == ValueKind::Switch,
    ) {
        forms.push(Value::Bool(flag));
    }
    if is_whole(text) {
        forms.extend(with_unit(spec, text).into_iter().map(Value::Text));
        let number = Value::Number(text.to_owned());
        // The example shows whether the option's numbers are texts, as modes are.
        let text = Value::Text(text.to_owned());
        if spec.example.starts_with(|c: char| c.is_ascii_digit()) {
            forms.extend([number, text]);
        } else {
            forms.extend([text, number]);
        }
    } else {
        forms.push(Value::Text(text.to_owned()));
    }
    forms
}

/// A relative path as an absolute one, alone or behind a `=`.
fn with_paths_from(base: &Path, text: &str) -> Vec<Value> {
    let from = |path: &str| base.join(path).to_string_lossy().into_owned();
    let behind = text.split_once('=');
    let behind = behind.map(|(name, path)| format!("{name}={}", from(path)));
    let forms = std::iter::once(from(text)).chain(behind);
    forms.map(Value::Text).collect()
}

/// A bare number with the unit that it may have had in mind.
fn with_unit(spec: &OptionSpec, text: &str) -> Vec<String> {
    if text == "0" {
        return Vec::new();
    }
    if spec.takes.starts_with("a duration") {
        return vec![format!("{text}s"), format!("{text}ms")];
    }
    if !spec.takes.starts_with("a size") {
        return Vec::new();
    }
    let number: u64 = text.parse().unwrap_or_default();
    let bytes = SIZES
        .iter()
        .filter(|(size, _)| number > 0 && number.is_multiple_of(*size))
        .map(|(size, unit)| format!("{}{unit}", number / size));
    bytes.chain([format!("{text}M")]).collect()
}

/// A number that TOML writes the same.
fn is_whole(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
        && !text.is_empty()
        && (text == "0" || !text.starts_with('0'))
        && text.parse::<i64>().is_ok()
}

/// A value in TOML.
fn written(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::Bare => "true".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Text(text) => string(text),
        Value::Number(text) | Value::Date(text) => text.clone(),
        Value::List(items) => {
            let items: Vec<_> = items.iter().map(|item| written(&item.value)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Table(entries) => {
            let member =
                |entry: &Entry| format!("{} = {}", key(&entry.key), written(&entry.node.value));
            let members: Vec<_> = entries.iter().map(member).collect();
            format!("{{ {} }}", members.join(", "))
        }
    }
}

/// A key of TOML, bare where it may be.
fn key(text: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !text.is_empty() && text.chars().all(is_bare) {
        text.to_owned()
    } else {
        string(text)
    }
}

/// A basic string of TOML.
fn string(text: &str) -> String {
    let mut written = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => written.push_str("\\\""),
            '\\' => written.push_str("\\\\"),
            '\n' => written.push_str("\\n"),
            '\t' => written.push_str("\\t"),
            c if c.is_control() => {
                let escape = format!("\\u{:04X}", u32::from(c));
                written.push_str(&escape);
            }
            c => written.push(c),
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_as_toml_reads_them() {
        for (text, written) in [
            ("plain", "\"plain\""),
            ("a \"b\" \\c", "\"a \\\"b\\\" \\\\c\""),
            ("tab\there\u{1}", "\"tab\\there\\u0001\""),
            ("grüße", "\"grüße\""),
        ] {
            assert_eq!(string(text), written);
        }
    }

    #[test]
    fn only_numbers_that_toml_writes_the_same_are_numbers() {
        for (text, expected) in [
            ("0", true),
            ("42", true),
            ("007", false),
            ("", false),
            ("-1", false),
            ("1e3", false),
            ("99999999999999999999", false),
        ] {
            assert_eq!(is_whole(text), expected, "{text}");
        }
    }
}
