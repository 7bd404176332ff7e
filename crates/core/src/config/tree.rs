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
    /// A place in the n-th file that another one named, counted from 1.
    Inside(usize, Box<Place>),
}

impl Place {
    /// The same place, in the file of that number.
    pub(super) fn inside(self, number: usize) -> Self {
        Self::Inside(number, Box::new(self))
    }

    /// A part of the text of `len` bytes that stands here; all of it if that cannot be told.
    pub(super) fn part(&self, len: usize, part: &Range<usize>) -> Self {
        match self {
            Self::Bytes(range) if range.len() == len => {
                Self::Bytes(range.start + part.start..range.start + part.end)
            }
            Self::Inside(number, place) => place.part(len, part).inside(*number),
            Self::File | Self::Bytes(_) | Self::YamlNode(_) | Self::Flag(_) => self.clone(),
        }
    }
}

impl Place {
    /// What orders places without looking at their text: those of the file before those of the files
    /// that it names.
    pub(super) fn rank(&self) -> (usize, usize) {
        match self {
            Self::File => (0, 0),
            Self::Bytes(range) => (1, range.start),
            Self::YamlNode(ordinal) => (1, *ordinal),
            Self::Inside(number, place) => (number + 1, place.rank().1),
            Self::Flag(_) => (usize::MAX, 0),
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

impl Entry {
    /// Says of all its places that they are in the file of that number.
    pub(super) fn move_inside(&mut self, number: usize) {
        self.place = self.place.clone().inside(number);
        self.node.move_inside(number);
    }
}

impl Node {
    fn move_inside(&mut self, number: usize) {
        self.place = self.place.clone().inside(number);
        match &mut self.value {
            Value::List(items) => {
                for item in items {
                    item.move_inside(number);
                }
            }
            Value::Table(entries) => {
                for entry in entries {
                    entry.move_inside(number);
                }
            }
            Value::Null
            | Value::Bare
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Date(_) => {}
        }
    }
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
