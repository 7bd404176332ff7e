//! The second half of the reading: every value with its variables, files and placeholders put in.
//!
//! uWSGI goes through all values three times, once for each kind of group. The order in which that
//! shows is kept: a placeholder may stand before the key that it names, but not if that key's own
//! value has placeholders, which uWSGI would leave there as they are.

use std::collections::{HashMap, HashSet};

use super::arithmetic::{Fault, evaluate};
use super::keyword::{Class, class_of};
use super::load::{Bound, Given};
use super::magic::{Meaning, Site, meaning};
use super::outside::{Lack, Outside, Question};
use super::text::{Group, Piece, PieceKind, is_plain, pieces};
use crate::config::diagnostic::{Complaint, quote};
use crate::config::tree::{Entry, Node, Place, Value};

/// Longest value, once everything is put in.
const VALUE_LIMIT_BYTES: usize = 128 * 1024;
/// Most bytes of all values together.
const TOTAL_LIMIT_BYTES: usize = 4 * 1024 * 1024;

/// A failure; none when it has been complained about elsewhere.
pub(super) type Failed = Option<Box<Complaint>>;

#[expect(
    clippy::unnecessary_wraps,
    reason = "what may also have been said already"
)]
fn fail(complaint: Complaint) -> Failed {
    Some(Box::new(complaint))
}

/// A text to be put together, and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'t> {
    pub(super) raw: &'t str,
    pub(super) place: &'t Place,
    pub(super) site: &'t Site,
    pub(super) bound: Option<&'t Bound>,
    pub(super) class: Class,
}

/// How far a value has come.
#[derive(Clone, Debug)]
enum Done {
    Not,
    Busy,
    Ready(String),
    /// It has been complained about.
    Bad,
    /// It is no text.
    Several,
}

/// All values, and what has become of them.
pub(super) struct Resolver<'a> {
    outside: &'a dyn Outside,
    given: &'a [Given],
    /// uWSGI lets the first of several values stand for a key.
    first: HashMap<&'a str, usize>,
    done: Vec<Done>,
    used: HashSet<String>,
    bytes: usize,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(outside: &'a dyn Outside, given: &'a [Given]) -> Self {
        let mut first = HashMap::new();
        for (index, given) in given.iter().enumerate() {
            first.entry(given.key.as_str()).or_insert(index);
        }
        Self {
            outside,
            given,
            first,
            done: vec![Done::Not; given.len()],
            used: HashSet::new(),
            bytes: 0,
        }
    }

    /// Whether any value is made of that key's.
    pub(super) fn is_used(&self, key: &str) -> bool {
        self.used.contains(key)
    }

    /// The value of one key, complete.
    pub(super) fn value(&mut self, index: usize) -> Result<Value, Failed> {
        let Some(given) = self.given.get(index) else {
            return Err(None);
        };
        if let Some(Done::Ready(text)) = self.done.get(index)
            && matches!(given.value, Value::Text(_))
        {
            return Ok(Value::Text(text.clone()));
        }
        self.set(index, Done::Busy);
        let outcome = self.complete(given, &given.value, &given.place);
        self.set(
            index,
            match &outcome {
                Ok(value) => plain_text(value).map_or(Done::Several, Done::Ready),
                Err(_) => Done::Bad,
            },
        );
        outcome
    }

    fn set(&mut self, index: usize, done: Done) {
        if let Some(slot) = self.done.get_mut(index) {
            *slot = done;
        }
    }

    fn complete(&mut self, given: &Given, value: &Value, place: &Place) -> Result<Value, Failed> {
        Ok(match value {
            Value::Text(raw) => Value::Text(self.text(&Text {
                raw,
                place,
                site: &given.site,
                bound: given.bound.as_ref(),
                class: class_of(&given.key),
            })?),
            Value::List(items) => {
                let items = items.iter().map(|item| self.node(given, item));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            Value::Table(entries) => {
                let entries = entries.iter().map(|entry| {
                    Ok(Entry {
                        key: entry.key.clone(),
                        place: entry.place.clone(),
                        node: self.node(given, &entry.node)?,
                    })
                });
                Value::Table(entries.collect::<Result<_, Failed>>()?)
            }
            Value::Null | Value::Bare | Value::Bool(_) | Value::Number(_) | Value::Date(_) => {
                value.clone()
            }
        })
    }

    fn node(&mut self, given: &Given, node: &Node) -> Result<Node, Failed> {
        Ok(Node {
            value: self.complete(given, &node.value, &node.place)?,
            place: node.place.clone(),
        })
    }

    /// A text with everything put in.
    pub(super) fn text(&mut self, text: &Text<'_>) -> Result<String, Failed> {
        if text.raw.len() > VALUE_LIMIT_BYTES {
            let message = format!("a value of more than {VALUE_LIMIT_BYTES} bytes");
            return Err(fail(
                Complaint::new(text.place.clone(), message).hint("keep it small"),
            ));
        }
        let complete = if is_plain(text.raw) {
            text.raw.to_owned()
        } else {
            self.joined(text, &pieces(text.raw))?
        };
        self.bytes = self.bytes.saturating_add(complete.len());
        if self.bytes > TOTAL_LIMIT_BYTES {
            let message = format!("values of more than {TOTAL_LIMIT_BYTES} bytes together");
            return Err(fail(Complaint::new(text.place.clone(), message).hint(
                "a vassal file holds the options of one app; keep what is put into it small",
            )));
        }
        Ok(complete)
    }

    fn joined(&mut self, text: &Text<'_>, pieces: &[Piece]) -> Result<String, Failed> {
        let mut joined = String::new();
        for piece in pieces {
            let part = self.part(text, piece)?;
            joined.push_str(&part);
            if joined.len() > VALUE_LIMIT_BYTES {
                let message = format!("a value of more than {VALUE_LIMIT_BYTES} bytes");
                return Err(fail(
                    Complaint::new(part_place(text, piece), message)
                        .hint("keep what is put into it small"),
                ));
            }
        }
        Ok(joined)
    }

    fn part(&mut self, text: &Text<'_>, piece: &Piece) -> Result<String, Failed> {
        let at = || part_place(text, piece);
        let raw = text.raw.get(piece.range.clone()).unwrap_or_default();
        match &piece.kind {
            PieceKind::Literal(literal) => Ok(literal.clone()),
            // There `%h` and `%%` are the format's own.
            PieceKind::Magic(_) if text.class == Class::LogFormat => Ok(raw.to_owned()),
            PieceKind::Magic(c) => self.magic(*c, text, at()),
            PieceKind::Open(group) if text.class != Class::Plain => Ok(group.opening().to_owned()),
            PieceKind::Open(group) => {
                let message = format!("`{}` without `)`", group.opening());
                Err(fail(Complaint::new(at(), message).hint("add the `)`")))
            }
            PieceKind::Group(group, inner) => {
                let inner = self.joined(text, inner)?;
                let found = match group {
                    Group::Variable => self.variable(&inner, text, at())?,
                    Group::File => Some(self.file(&inner, text, at())?),
                    Group::Placeholder => self.placeholder(&inner, text, at())?,
                };
                // Only a class that lets unknown ones stand gets here without a value.
                Ok(found.unwrap_or_else(|| raw.to_owned()))
            }
        }
    }

    fn magic(&mut self, c: Option<char>, text: &Text<'_>, at: Place) -> Result<String, Failed> {
        let Some(c) = c else {
            return Err(fail(
                Complaint::new(
                    at,
                    "a `%` at the end of a value, which uWSGI joins with the next line",
                )
                .hint("write `%%` for a percent sign"),
            ));
        };
        match meaning(c, text.site) {
            Meaning::Text(value) if value.is_empty() && c.is_ascii_digit() => {
                let message = format!("`%{c}` is a directory that the file's path does not have");
                Err(fail(Complaint::new(at, message).hint(
                    "write `%%` for a percent sign, as in an encoded address",
                )))
            }
            Meaning::Text(value) => Ok(value),
            Meaning::Asks(question) => self.fact(question, &format!("%{c}"), at),
            Meaning::Seconds => {
                let micros = self.fact(Question::Microseconds, "%t", at)?;
                let micros: u64 = micros.parse().unwrap_or_default();
                Ok((micros / 1_000_000).to_string())
            }
            Meaning::Nothing => {
                let message = format!("{}, which uWSGI deletes", quote(&format!("%{c}")));
                Err(fail(Complaint::new(at, message).hint(
                    "write `%%` for a percent sign, or one of uWSGI's variables such as `%n`",
                )))
            }
        }
    }

    fn fact(&self, question: Question<'_>, what: &str, at: Place) -> Result<String, Failed> {
        match self.outside.ask(question).text() {
            Ok(text) => Ok(text),
            Err(Lack::Failed(reason)) => {
                let message = format!("`{what}` cannot be told: {reason}");
                Err(fail(
                    Complaint::new(at, message).hint("write the value out"),
                ))
            }
            Err(Lack::Absent | Lack::Unasked) => Err(fail(unasked(what, at))),
        }
    }

    fn variable(&self, name: &str, text: &Text<'_>, at: Place) -> Result<Option<String>, Failed> {
        let what = format!("$({name})");
        match self.outside.ask(Question::Variable(name)).text() {
            Ok(value) => Ok(Some(value)),
            Err(Lack::Absent) if text.class != Class::Plain => Ok(None),
            Err(Lack::Absent) => {
                let message = format!("the environment has no {}", quote(name));
                Err(fail(Complaint::new(at, message).hint(
                    "set it for the emperor, or write the value out; uWSGI would leave it as it stands",
                )))
            }
            Err(Lack::Failed(reason)) => {
                let message = format!("{} cannot be used: {reason}", quote(&what));
                Err(fail(Complaint::new(at, message)))
            }
            Err(Lack::Unasked) => Err(fail(unasked(&what, at))),
        }
    }

    /// The content of a file, without the end of its last line.
    fn file(&self, path: &str, text: &Text<'_>, at: Place) -> Result<String, Failed> {
        if let Some(complaint) = refused_scheme(path, &at) {
            return Err(fail(complaint));
        }
        let absolute = absolute(path, text.site);
        match self.outside.ask(Question::Text(&absolute)).text() {
            Ok(content) => Ok(content.trim_end_matches(['\n', '\r']).to_owned()),
            Err(Lack::Failed(reason)) => {
                let message = format!("could not read {}: {reason}", quote(&absolute));
                Err(fail(Complaint::new(at, message).hint(
                    "check that it is a regular file that the vassal's user may read",
                )))
            }
            Err(Lack::Absent | Lack::Unasked) => Err(fail(unasked(&format!("@({path})"), at))),
        }
    }

    fn placeholder(
        &mut self,
        expression: &str,
        text: &Text<'_>,
        at: Place,
    ) -> Result<Option<String>, Failed> {
        let is_lenient = text.class != Class::Plain;
        if !expression.contains(' ') {
            return match self.key(expression, text, &at)? {
                None if is_lenient => Ok(None),
                None => Err(fail(self.undefined(expression, text, at))),
                found => Ok(found),
            };
        }
        let outcome = evaluate(expression, |word| self.key(word, text, &at))?;
        match outcome {
            Ok(value) => Ok(Some(value)),
            Err(Fault::Undefined(_)) if is_lenient => Ok(None),
            Err(Fault::Undefined(word)) => Err(fail(self.undefined(&word, text, at))),
            Err(fault) => Err(fail(fault_complaint(&fault, at))),
        }
    }

    /// What a key stands for.
    fn key(&mut self, key: &str, text: &Text<'_>, at: &Place) -> Result<Option<String>, Failed> {
        if key == "_" {
            return self.bound(text);
        }
        let Some(&index) = self.first.get(key) else {
            return Ok(None);
        };
        self.used.insert(key.to_owned());
        let place = self.given.get(index).map(|given| given.key_place.clone());
        let place = place.unwrap_or(Place::File);
        let about = |message: String| Complaint::new(at.clone(), message).also(place, "set here");
        match self.done.get(index) {
            Some(Done::Ready(value)) => Ok(Some(value.clone())),
            Some(Done::Busy) => Err(fail(
                about(format!("{} is made of itself", quote(key))).hint("write its value out"),
            )),
            Some(Done::Several) => Err(fail(
                about(format!("{} is not one value", quote(key)))
                    .hint("only a single value can stand in another one"),
            )),
            Some(Done::Not) if self.has_placeholders(index) => Err(fail(
                about(format!(
                    "{} is set further down and has placeholders itself",
                    quote(key)
                ))
                .hint("move its line above this one; uWSGI would leave its placeholders as they stand"),
            )),
            Some(Done::Not) => {
                let value = self.value(index)?;
                Ok(plain_text(&value))
            }
            Some(Done::Bad) | None => Err(None),
        }
    }

    fn has_placeholders(&self, index: usize) -> bool {
        let value = self.given.get(index).map(|given| &given.value);
        matches!(value, Some(Value::Text(raw)) if raw.contains("%("))
    }

    fn bound(&mut self, text: &Text<'_>) -> Result<Option<String>, Failed> {
        match text.bound {
            None => Ok(None),
            Some(Bound::Literal(value)) => Ok(Some(value.clone())),
            Some(Bound::Key(key)) => self.key(key, text, text.place),
            Some(Bound::Raw(raw, place)) => {
                let item = Text {
                    raw,
                    place,
                    bound: None,
                    ..*text
                };
                self.text(&item).map(Some)
            }
        }
    }

    fn undefined(&self, key: &str, text: &Text<'_>, at: Place) -> Complaint {
        if key == "_" {
            return Complaint::new(at, "`%(_)` where no loop or condition gives it a value")
                .hint("use it between `for…` and `endfor`, or `if-…` and `endif`");
        }
        let complaint = Complaint::new(at, format!("nothing sets {}", quote(key)));
        let operator = key.chars().find(|c| "+-*/".contains(*c));
        let near = self
            .first
            .keys()
            .filter(|known| strsim::osa_distance(known, key) <= (key.len().min(40) / 4).max(1))
            .min();
        match (near, operator) {
            (Some(near), _) if key.len() <= 40 => {
                complaint.hint(format!("did you mean {}?", quote(near)))
            }
            (_, Some(operator)) if text.class == Class::Plain => {
                complaint.hint(format!("write spaces around `{operator}` to calculate"))
            }
            _ => complaint.hint("set it on a line of its own; `%%(` stands for a plain `%(`"),
        }
    }
}

/// Makes a path absolute by text, relative to the vassal file's directory as in uWSGI.
pub(super) fn absolute(path: &str, site: &Site) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let base = &site.first.path;
    let directory = base.rsplit_once('/').map_or("", |(directory, _)| directory);
    format!("{directory}/{path}")
}

/// Why a file is not named by a path, if it is not.
pub(super) fn refused_scheme(path: &str, at: &Place) -> Option<Complaint> {
    let (message, hint) = match path.split_once("://") {
        None if path == "-" => (
            "standard input is not read".to_owned(),
            "write it into a file, and name that",
        ),
        None => return None,
        Some(("exec", _)) => (
            "`exec://` is refused: reading a file must not run commands".to_owned(),
            "run the command when you deploy, and name the file that it wrote",
        ),
        Some(("http" | "https", _)) => (
            "`http://` is refused: reading a file must not wait for the network".to_owned(),
            "fetch it when you deploy, and name the file",
        ),
        Some((scheme @ ("call" | "callint" | "sym" | "section" | "data"), _)) => (
            format!("`{scheme}://` is refused: it means code or data inside uWSGI's own program"),
            "write it into a file, and name that",
        ),
        Some((scheme, _)) => (
            format!("{} is refused", quote(&format!("{scheme}://"))),
            "only paths of files are read",
        ),
    };
    Some(Complaint::new(at.clone(), message).hint(hint))
}

/// The complaint about something that only the machine knows.
pub(super) fn unasked(what: &str, at: Place) -> Complaint {
    let message = format!("{} needs more than this file", quote(what));
    Complaint::new(at, message).hint("it is looked up when the vassal is started, as its user")
}

fn fault_complaint(fault: &Fault, at: Place) -> Complaint {
    let (message, hint) = match fault {
        Fault::Undefined(word) => (format!("nothing sets {}", quote(word)), "set it"),
        Fault::NotANumber(text) => (
            format!("{} is no whole number to calculate with", quote(text)),
            "uWSGI would take it for what digits it begins with, or 0",
        ),
        Fault::Dangling(operator) => (
            format!("`{operator}` without a value on both sides"),
            "write values and operators in turn, with spaces between them",
        ),
        Fault::Overflow => (
            "the result does not fit into 64 bits".to_owned(),
            "write the value out",
        ),
        Fault::DivisionByZero => (
            "a division by zero".to_owned(),
            "uWSGI would take 0 for the result",
        ),
    };
    Complaint::new(at, message).hint(hint)
}

/// A single value as text.
pub(super) fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Number(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Bare => Some(String::new()),
        Value::Date(_) | Value::List(_) | Value::Table(_) => None,
    }
}

/// Where a piece of a text stands: exactly, if the text stands in the file as it is.
fn part_place(text: &Text<'_>, piece: &Piece) -> Place {
    text.place.part(text.raw.len(), &piece.range)
}
