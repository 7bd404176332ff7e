//! The text of one vassal file, made fit to be parsed, and where its places are.
//!
//! Places of TOML, JSON and INI are byte ranges from the start. YAML's parser says where a value
//! stands only by failing there, so its places are found when a diagnostic is about to be shown,
//! each at the price of one more pass; a budget bounds those passes.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Range;

use super::diagnostic::Complaint;
use super::format::{Format, yaml};
use super::tree::{Node, Place, Value};

/// How many bytes may be parsed again to find places for diagnostics.
const PLACE_BUDGET_BYTES: usize = 8 * 1024 * 1024;
/// How many bytes may be parsed again to see how YAML numbers were spelt.
const SPELLING_BUDGET_BYTES: usize = 4 * 1024 * 1024;
/// The least that one pass counts for.
const PASS_COST_BYTES: usize = 1024;

/// The text of one file.
#[derive(Debug)]
pub(super) struct Source<'a> {
    text: Cow<'a, str>,
    format: Format,
    place_budget: Cell<usize>,
    spelling_budget: Cell<usize>,
    /// The file's name, if it is not the first one.
    name: String,
    /// The files that it named.
    others: Vec<Source<'static>>,
}

impl<'a> Source<'a> {
    /// Takes the bytes of a file. What is not text is complained about, and shown as far as it is.
    pub(super) fn new(format: Format, bytes: &'a [u8]) -> (Self, Option<Complaint>) {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let complaint = text_complaint(bytes);
        let source = Self {
            text: String::from_utf8_lossy(bytes),
            format,
            place_budget: Cell::new(PLACE_BUDGET_BYTES),
            spelling_budget: Cell::new(SPELLING_BUDGET_BYTES),
            name: String::new(),
            others: Vec::new(),
        };
        (source, complaint)
    }

    /// The text of a file that another one named.
    pub(super) fn owned(
        format: Format,
        name: &str,
        text: &str,
    ) -> (Source<'static>, Option<Complaint>) {
        let (source, complaint) = Source::new(format, text.as_bytes());
        let source = Source {
            text: Cow::Owned(source.text.into_owned()),
            format,
            place_budget: source.place_budget,
            spelling_budget: source.spelling_budget,
            name: name.to_owned(),
            others: Vec::new(),
        };
        (source, complaint)
    }

    /// The files that it named, for the places in them.
    pub(super) fn with_others(mut self, others: Vec<Source<'static>>) -> Self {
        self.others = others;
        self
    }

    /// The file of that number, from 1.
    pub(super) fn other(&self, number: usize) -> Option<&Source<'static>> {
        self.others.get(number.checked_sub(1)?)
    }

    /// The file's name; none of the first one.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The text, without a byte order mark.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether repeated keys are how the format writes lists.
    pub(super) fn repeats_keys(&self) -> bool {
        self.format == Format::Ini
    }

    /// The bytes of a place; none when it is not in the text, or would cost too much to find.
    pub(super) fn range_of(&self, place: &Place) -> Option<Range<usize>> {
        match place {
            Place::File | Place::Flag(_) | Place::Inside(..) => None,
            Place::Bytes(range) => Some(range.clone()),
            Place::YamlNode(ordinal) => {
                spend(&self.place_budget, self.text.len())?;
                yaml::locate(&self.text, *ordinal)
            }
        }
    }

    /// How a scalar that is not text was written; none when that cannot be told.
    pub(super) fn spelling(&self, node: &Node) -> Option<String> {
        if let Place::Inside(number, place) = &node.place {
            let inner = Node {
                value: node.value.clone(),
                place: (**place).clone(),
            };
            return self.other(*number)?.spelling(&inner);
        }
        let parsed = match &node.value {
            Value::Text(text) | Value::Number(text) | Value::Date(text) => text.clone(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null | Value::Bare | Value::List(_) | Value::Table(_) => return None,
        };
        let (Place::YamlNode(ordinal), Value::Number(_) | Value::Bool(_)) =
            (&node.place, &node.value)
        else {
            return Some(parsed);
        };
        spend(&self.spelling_budget, self.text.len())?;
        let range = yaml::locate(&self.text, *ordinal)?;
        // An anchor or a tag may stand before the value itself.
        let written = self.text.get(range)?.split_whitespace().next_back()?;
        written
            .chars()
            .all(|c| c.is_ascii_graphic())
            .then(|| written.to_owned())
    }
}

fn spend(budget: &Cell<usize>, bytes: usize) -> Option<()> {
    budget.set(budget.get().checked_sub(bytes.max(PASS_COST_BYTES))?);
    Some(())
}

/// Why these bytes are not text that a parser should see.
fn text_complaint(bytes: &[u8]) -> Option<Complaint> {
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Some(Complaint::new(Place::File, "the file is UTF-16").hint("save it as UTF-8"));
    }
    if let Err(error) = std::str::from_utf8(bytes) {
        let at = error.valid_up_to();
        let place = Place::Bytes(at..at + '\u{fffd}'.len_utf8());
        return Some(Complaint::new(place, "not valid UTF-8").hint("save the file as UTF-8"));
    }
    let at = bytes.iter().position(|byte| *byte == 0)?;
    let place = Place::Bytes(at..at + 1);
    Some(Complaint::new(place, "a NUL byte").hint("remove it: a vassal file is plain text"))
}
