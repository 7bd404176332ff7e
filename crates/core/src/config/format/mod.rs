//! The formats that a vassal file may have; each becomes the same tree.

pub(super) mod ini;
mod json;
mod toml;
pub(super) mod yaml;
mod yaml_text;

use std::path::Path;

use super::diagnostic::{Complaint, quote};
use super::tree::{Entry, Node, Place, Value};

/// The keys below which all options may stand.
pub(super) const SECTIONS: [&str; 2] = ["lictor", "uwsgi"];

/// How a vassal file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Toml,
    Yaml,
    Json,
    Ini,
}

/// The options of a file, and where they begin.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) entries: Vec<Entry>,
    pub(super) place: Place,
    /// Whether it is written as for uWSGI: below the key `uwsgi`.
    pub(super) is_dialect: bool,
}

impl Format {
    /// The format that a file's name stands for.
    pub(super) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            "ini" => Some(Self::Ini),
            _ => None,
        }
    }

    /// Parses a file's text down to its options. INI has sections instead: [`ini::sections`].
    pub(super) fn parse(self, text: &str) -> Result<Document, Vec<Complaint>> {
        let root = match self {
            Self::Ini => return Err(vec![empty()]),
            Self::Toml => toml::parse(text),
            Self::Yaml => yaml::parse(text),
            Self::Json => json::parse(text),
        };
        let document = root.and_then(options_of);
        let document = document.map_err(|complaint| vec![complaint])?;
        Ok(Document {
            // TOML has no place in uWSGI.
            is_dialect: document.is_dialect && self != Self::Toml,
            ..document
        })
    }
}

/// The options at the top level, or below the one key that stands for all of them.
fn options_of(root: Node) -> Result<Document, Complaint> {
    let entries = match root.value {
        Value::Table(entries) => entries,
        Value::Null => Vec::new(),
        other @ (Value::Bare
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Date(_)
        | Value::List(_)) => {
            let message = format!("the file is {}, not a table of options", other.kind());
            return Err(
                Complaint::new(root.place, message).hint("write one option and its value a line")
            );
        }
    };
    if entries.is_empty() {
        return Err(empty());
    }
    let is_section = |entry: &Entry| {
        SECTIONS.contains(&entry.key.as_str()) && matches!(entry.node.value, Value::Table(_))
    };
    let Some(at) = entries.iter().position(is_section) else {
        let place = entries
            .first()
            .map_or(Place::Bytes(0..0), |entry| entry.place.clone());
        return Ok(Document {
            entries,
            place,
            is_dialect: false,
        });
    };
    let mut rest = entries;
    let section = rest.swap_remove(at);
    if let Some(stray) = rest.first() {
        let message = format!(
            "{} stands beside {}",
            quote(&stray.key),
            quote(&section.key)
        );
        return Err(Complaint::new(stray.place.clone(), message)
            .also(section.place, "the options are below this key")
            .hint("write all options at the top level, or all of them below that key"));
    }
    let is_dialect = section.key == "uwsgi";
    let place = section.place;
    if let Value::Table(entries) = section.node.value
        && !entries.is_empty()
    {
        return Ok(Document {
            entries,
            place,
            is_dialect,
        });
    }
    Err(empty())
}

/// The complaint about a file without options.
pub(super) fn empty() -> Complaint {
    Complaint::new(Place::Bytes(0..0), "the file has no options")
        .hint("write at least what to load and where to listen, such as `module` and `http`")
}
