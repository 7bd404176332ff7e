//! Flags of `lictor serve` in the shape of a file's entries, and what they take from the file.

use super::setting::Setting;
use super::tree::{Entry, Node, Place, Value};

/// The options of which a flag replaces all that the file says.
const WHAT_TO_LOAD: [&str; 7] = [
    "module",
    "wsgi-file",
    "callable",
    "paste",
    "ini-paste",
    "ini-paste-logged",
    "eval",
];

/// Flags in the shape of a file's entries.
pub(super) fn flag_entries(flags: &[(String, Vec<String>)]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for (name, values) in flags {
        let key = name.trim_start_matches('-').to_owned();
        let dashes = if key.chars().count() == 1 { "-" } else { "--" };
        let place = Place::Flag(format!("{dashes}{key}"));
        let mut push = |value| {
            let node = Node {
                value,
                place: place.clone(),
            };
            entries.push(Entry {
                key: key.clone(),
                place: place.clone(),
                node,
            });
        };
        if values.is_empty() {
            push(Value::Bare);
        }
        for value in values {
            push(Value::Text(value.clone()));
        }
    }
    entries
}

/// Whether a flag replaces what the file says about an option.
pub(super) fn is_overridden(setting: &Setting<'_>, flags: &[Setting<'_>]) -> bool {
    let name = setting.spec.name;
    flags.iter().any(|flag| match flag.spec.name {
        // Variables are added to, one by one.
        "env" => false,
        "module" | "wsgi-file" | "paste" | "ini-paste" | "ini-paste-logged" | "eval" => {
            WHAT_TO_LOAD.contains(&name)
        }
        flag_name => flag_name == name,
    })
}
