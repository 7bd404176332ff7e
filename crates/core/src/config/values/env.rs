//! Variables for the app: a table, or `KEY=VALUE` once or in a list.

use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::{Outcome, Setting};
use crate::config::tree::{Entry, Node, Place, Value};

/// The kernel's `MAX_ARG_STRLEN`: longest `KEY=VALUE`, with its terminating NUL.
const VARIABLE_LIMIT_BYTES: usize = 128 * 1024;

type Variable = (String, String);

/// All variables, in the order of the file.
pub(in crate::config) fn variables(setting: &Setting<'_>) -> Outcome<Vec<Variable>> {
    let mut found: Vec<(Variable, Place)> = Vec::new();
    let mut complaints = Vec::new();
    for node in &setting.nodes {
        let read: Vec<_> = match &node.value {
            Value::Table(entries) => entries.iter().map(|entry| member(setting, entry)).collect(),
            Value::List(items) => items.iter().map(|item| assignment(setting, item)).collect(),
            Value::Null
            | Value::Bare
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Date(_) => vec![assignment(setting, node)],
        };
        for outcome in read {
            match outcome {
                Ok(variable) => found.push(variable),
                Err(complaint) => complaints.push(complaint),
            }
        }
    }
    complaints.extend(repetitions(&found));
    if complaints.is_empty() {
        Ok(found.into_iter().map(|(variable, _)| variable).collect())
    } else {
        Err(complaints)
    }
}

/// `KEY: value` in a table. Numbers and booleans are taken as they are spelt.
fn member(setting: &Setting<'_>, entry: &Entry) -> Result<(Variable, Place), Complaint> {
    let node = &entry.node;
    let value = match &node.value {
        Value::Text(text) => text.clone(),
        Value::Number(_) | Value::Bool(_) => match setting.source {
            Some(source) => source.spelling(node),
            None => None,
        }
        .ok_or_else(|| wrong_value(entry).hint("write the value in quotes"))?,
        Value::Null | Value::Bare => {
            return Err(wrong_value(entry).hint("write `\"\"` for an empty value"));
        }
        Value::Date(_) | Value::List(_) | Value::Table(_) => {
            return Err(wrong_value(entry).hint("write one text in quotes"));
        }
    };
    checked(&entry.key, value, entry.place.clone())
}

fn wrong_value(entry: &Entry) -> Complaint {
    let message = format!(
        "the variable {} takes text, not {}",
        quote(&entry.key),
        entry.node.value.kind()
    );
    Complaint::new(entry.node.place.clone(), message)
}

/// `KEY=VALUE` as one text.
fn assignment(setting: &Setting<'_>, node: &Node) -> Result<(Variable, Place), Complaint> {
    let text = setting.text(node)?;
    let Some((key, value)) = text.split_once('=') else {
        let message = format!("{} is not `KEY=VALUE`", quote(text));
        return Err(Complaint::new(node.place.clone(), message).hint(format!(
            "write {} for an empty value",
            quote(&format!("{text}="))
        )));
    };
    checked(key, value.to_owned(), node.place.clone())
}

fn checked(key: &str, value: String, place: Place) -> Result<(Variable, Place), Complaint> {
    let is_name = |c: char| !c.is_control() && !c.is_whitespace() && c != '=';
    if key.is_empty() || !key.chars().all(is_name) {
        let message = format!("{} cannot be the name of a variable", quote(key));
        return Err(Complaint::new(place, message)
            .hint("use letters, digits and `_`, such as `DJANGO_SETTINGS_MODULE`"));
    }
    if key.len() + value.len() + 2 > VARIABLE_LIMIT_BYTES {
        let message = format!(
            "the variable {} is longer than the kernel allows",
            quote(key)
        );
        return Err(Complaint::new(place, message)
            .hint("put the value into a file and let the app read that"));
    }
    Ok(((key.to_owned(), value), place))
}

/// Each variable that is set more than once.
fn repetitions(found: &[(Variable, Place)]) -> Vec<Complaint> {
    let mut firsts = std::collections::HashMap::new();
    let mut complaints = Vec::new();
    for ((key, _), place) in found {
        if let Some(first) = firsts.insert(key, place) {
            complaints.push(
                Complaint::new(
                    place.clone(),
                    format!("the variable {} is set twice", quote(key)),
                )
                .also(first.clone(), "first here")
                .hint("keep one of them"),
            );
        }
    }
    complaints
}
