//! INI as uWSGI reads it, but for what would go wrong silently.
//!
//! Sections `[uwsgi]` or `[lictor]`; `key = value`, split at the first `=`; a bare key is a switch;
//! a repeated key is a list; `;` and `#` start a comment only at the start of a line. uWSGI's
//! placeholders, quoted values and comments behind a value are refused: each would become part of
//! the value, which is never meant.

use std::ops::Range;

use super::{Document, SECTIONS, empty};
use crate::config::diagnostic::{Complaint, quote};
use crate::config::tree::{Bounds, Entry, Node, Place, Value};

/// What to do about something that INI cannot say.
const TOML_HINT: &str = "write the value out, or use TOML, where it has no special meaning";

#[derive(Default)]
struct Reader {
    section: Option<(String, Place)>,
    in_foreign_section: bool,
    bounds: Bounds,
    entries: Vec<Entry>,
    complaints: Vec<Complaint>,
    refused: Vec<String>,
}

/// Parses a document. INI's lines are independent, so all complaints are collected.
pub(super) fn parse(text: &str) -> Result<Document, Vec<Complaint>> {
    let mut reader = Reader::default();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let start = offset + (line.len() - line.trim_start().len());
        offset += line.len();
        let outcome = match trimmed.chars().next() {
            None | Some(';' | '#') => Ok(()),
            Some('[') => reader.header(trimmed, start..start + trimmed.len()),
            Some(_) => reader.option(trimmed, start),
        };
        if let Err(complaint) = outcome {
            reader.complaints.push(complaint);
        }
        if reader.complaints.len() > 100 {
            break;
        }
    }
    match reader.section {
        Some((_, place)) if !(reader.entries.is_empty() && reader.refused.is_empty()) => {
            Ok(Document {
                entries: reader.entries,
                place,
                complaints: reader.complaints,
                refused: reader.refused,
            })
        }
        _ if reader.complaints.is_empty() => Err(vec![empty()]),
        _ => Err(reader.complaints),
    }
}

impl Reader {
    fn header(&mut self, line: &str, range: Range<usize>) -> Result<(), Complaint> {
        let place = Place::Bytes(range);
        // What follows a bad header is not complained about one by one.
        self.in_foreign_section = true;
        let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        else {
            return Err(Complaint::new(place, "a section without `]`").hint("write `[uwsgi]`"));
        };
        if !SECTIONS.contains(&name) {
            let message = format!("section {} is not read", quote(name));
            return Err(Complaint::new(place, message).hint(
                "options stand in `[uwsgi]` or `[lictor]`; a vassal file has no other section",
            ));
        }
        match &self.section {
            Some((first, first_place)) if first != name => {
                let message = format!("both `[{first}]` and `[{name}]`");
                return Err(Complaint::new(place, message)
                    .also(first_place.clone(), "first here")
                    .hint("keep the options of one app in one section"));
            }
            Some(_) => {}
            None => self.section = Some((name.to_owned(), place)),
        }
        self.in_foreign_section = false;
        Ok(())
    }

    fn option(&mut self, line: &str, start: usize) -> Result<(), Complaint> {
        if self.in_foreign_section {
            return Ok(());
        }
        let place = Place::Bytes(start..start + line.len());
        if self.section.is_none() {
            self.in_foreign_section = true;
            return Err(Complaint::new(place, "an option before any section")
                .hint("begin the file with the line `[uwsgi]` or `[lictor]`"));
        }
        self.bounds.admit(1, &place)?;
        let (key, value) = match line.split_once('=') {
            Some((key, value)) => (key.trim_end(), Some(value.trim_start())),
            None => (line, None),
        };
        if key.is_empty() {
            return Err(
                Complaint::new(place, "a value without an option").hint("write `option = value`")
            );
        }
        let key_place = Place::Bytes(start..start + key.len());
        let node = match value {
            None => Node {
                value: Value::Bare,
                place: key_place.clone(),
            },
            Some(value) => {
                let value_start = start + line.len() - value.len();
                let range = value_start..value_start + value.len();
                // An empty value has no place of its own to point at.
                let place = if value.is_empty() {
                    key_place.clone()
                } else {
                    Place::Bytes(range)
                };
                let text = if has_variables(key) {
                    Ok(value.to_owned())
                } else {
                    plain(value, value_start)
                };
                let value = Value::Text(text.inspect_err(|_| self.refused.push(key.to_owned()))?);
                Node { value, place }
            }
        };
        self.entries.push(Entry {
            key: key.to_owned(),
            place: key_place,
            node,
        });
        Ok(())
    }
}

/// Whether the option's own value is made of what looks like placeholders: uWSGI too leaves those
/// alone that it does not know.
fn has_variables(key: &str) -> bool {
    matches!(
        key.replace('_', "-").as_str(),
        "log-format" | "logformat" | "access-log-format"
    )
}

/// The value as it is meant, or why that is not clear.
fn plain(value: &str, start: usize) -> Result<String, Complaint> {
    let at = |from: usize, len: usize| Place::Bytes(start + from..start + from + len);
    for mark in ['"', '\''] {
        if value.len() > 1 && value.starts_with(mark) && value.ends_with(mark) {
            return Err(
                Complaint::new(at(0, value.len()), "quotes would be part of the value")
                    .hint("write the value without quotes; INI needs none"),
            );
        }
    }
    for opening in ["$(", "@("] {
        if let Some(from) = value.find(opening) {
            let message = format!("the placeholder `{opening}…)` is not available yet");
            return Err(Complaint::new(at(from, value.len() - from), message).hint(TOML_HINT));
        }
    }
    let comment = value
        .char_indices()
        .zip(value.chars().skip(1))
        .find(|((_, c), next)| c.is_whitespace() && matches!(next, ';' | '#'));
    if let Some(((from, _), next)) = comment {
        let message = format!("what follows ` {next}` would be part of the value, as in uWSGI");
        return Err(
            Complaint::new(at(from + 1, value.len() - from - 1), message)
                .hint("put the comment on a line of its own, or use TOML if it is no comment"),
        );
    }
    without_percent(value, start)
}

/// Refuses `%n` and the like, and turns `%%` into `%`. A `%` before anything but a letter or `(`
/// has no meaning for uWSGI either and stands for itself.
fn without_percent(value: &str, start: usize) -> Result<String, Complaint> {
    let mut text = String::with_capacity(value.len());
    let mut chars = value.char_indices().peekable();
    while let Some((from, c)) = chars.next() {
        text.push(c);
        if c != '%' {
            continue;
        }
        match chars.peek().map(|(_, next)| *next) {
            Some('%') => drop(chars.next()),
            Some(next) if next == '(' || next.is_ascii_alphabetic() => {
                let shown = if next == '(' {
                    "%(…)".to_owned()
                } else {
                    format!("%{next}")
                };
                let place = Place::Bytes(start + from..start + from + 2);
                let message = format!("the placeholder `{shown}` is not available yet");
                return Err(Complaint::new(place, message)
                    .hint("write the value out; a `%` that stands for itself is written `%%`"));
            }
            _ => {}
        }
    }
    Ok(text)
}
