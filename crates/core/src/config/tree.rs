//! What every format becomes before anything is understood: keys and values, each with its place.
//!
//! The four parsers end here, so that the rest of `config` knows only one kind of file. The bounds
//! on depth, number and size of values are held here too, whatever the parser itself allows.

use std::ops::Range;

use super::diagnostic::Complaint;

/// Deepest nesting of lists and tables; no option needs more than three.
pub(super) const DEPTH_LIMIT: usize = 16;
/// Most values in one file, counted after YAML aliases are followed.
pub(super) const NODE_LIMIT: usize = 10_000;

/// Where something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The file as a whole: it could not be read as text.
    File,
    /// A range of bytes of its text.
    Bytes(Range<usize>),
    /// The n-th value that the YAML parser visits; see [`super::format::yaml::locate`].
    YamlNode(usize),
    /// A command line flag, as it was written.
    Flag(String),
}

impl Place {
    /// What orders places of one file without looking at its text.
    pub(super) fn rank(&self) -> (usize, usize) {
        match self {
            Self::File => (0, 0),
            Self::Bytes(range) => (1, range.start),
            Self::YamlNode(ordinal) => (1, *ordinal),
            Self::Flag(_) => (2, 0),
        }
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

/// A value, as far as its format tells.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// `null`, or a YAML key with nothing behind it.
    Null,
    /// An INI key or a flag without a value.
    Bare,
    Bool(bool),
    /// A number as it was spelt, with its radix prefix. YAML's parser hides the spelling, so there
    /// it is that of the number; see [`super::source::Source::spelling`].
    Number(String),
    Text(String),
    /// TOML's dates and times, which no option takes.
    Date(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) place: Place,
    pub(super) node: Node,
}

impl Value {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null | Self::Bare => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::Date(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Counts values and depth while a format's tree is copied into ours.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    nodes: usize,
}

impl Bounds {
    /// Counts one more value at this depth, or says which bound it breaks.
    pub(super) fn admit(&mut self, depth: usize, place: &Place) -> Result<(), Complaint> {
        self.nodes += 1;
        match broken_bound(self.nodes, depth) {
            Some(message) => Err(Complaint::new(place.clone(), message)
                .hint("a vassal file holds the options of one app and nothing else")),
            None => Ok(()),
        }
    }
}

/// Which bound this many values at this depth break.
pub(super) fn broken_bound(nodes: usize, depth: usize) -> Option<String> {
    if depth > DEPTH_LIMIT {
        Some(format!("nested more than {DEPTH_LIMIT} levels deep"))
    } else if nodes > NODE_LIMIT {
        Some(format!("more than {NODE_LIMIT} values in one file"))
    } else {
        None
    }
}
