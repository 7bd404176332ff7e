//! The formats that a vassal file may have; each becomes the same tree.

mod ini;
mod json;
mod toml;
pub(super) mod yaml;
mod yaml_text;

use std::path::Path;

use super::diagnostic::{Complaint, quote};
use super::tree::{Entry, Node, Place, Value};

/// The keys below which all options may stand.
const SECTIONS: [&str; 2] = ["lictor", "uwsgi"];

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
    /// What is wrong with single lines, where the others can be understood without them.
    pub(super) complaints: Vec<Complaint>,
    /// The keys of options that are meant but could not be read.
    pub(super) refused: Vec<String>,
}

impl Document {
    /// A document of which everything could be read.
    fn new(entries: Vec<Entry>, place: Place) -> Self {
        Self {
            entries,
            place,
            complaints: Vec::new(),
            refused: Vec::new(),
        }
    }
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

    /// Parses a file's text down to its options.
    pub(super) fn parse(self, text: &str) -> Result<Document, Vec<Complaint>> {
        let root = match self {
            Self::Ini => return ini::parse(text),
            Self::Toml => toml::parse(text),
            Self::Yaml => yaml::parse(text),
            Self::Json => json::parse(text),
        };
        root.and_then(options_of)
            .map_err(|complaint| vec![complaint])
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
        return Ok(Document::new(entries, place));
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
    let place = section.place;
    if let Value::Table(entries) = section.node.value
        && !entries.is_empty()
    {
        return Ok(Document::new(entries, place));
    }
    Err(empty())
}

/// The complaint about a file without options.
fn empty() -> Complaint {
    Complaint::new(Place::Bytes(0..0), "the file has no options")
        .hint("write at least what to load and where to listen, such as `module` and `http`")
}
