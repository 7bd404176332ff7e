//! INI as uWSGI reads it, as sections of keys and values; what a value means is `dialect`'s business.
//!
//! `key = value`, split at the first `=`; a bare key is a switch; a repeated key is a list; `;` and
//! `#` start a comment only at the start of a line. Quotes and comments behind a value would become
//! part of it, which is never meant: [`checked`] refuses them.

use crate::config::diagnostic::{Complaint, quote};
use crate::config::tree::{Bounds, Entry, Node, Place, Value};

/// One part of a file.
#[derive(Clone, Debug)]
pub(in crate::config) struct Section {
    pub(in crate::config) name: String,
    pub(in crate::config) place: Place,
    pub(in crate::config) entries: Vec<Entry>,
}

/// Parses a document. INI's lines are independent: what is wrong with some does not hide the others.
pub(in crate::config) fn sections(text: &str) -> (Vec<Section>, Vec<Complaint>) {
    let mut reader = Reader::default();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim();
        let start = offset + (line.len() - line.trim_start().len());
        offset += line.len();
        let outcome = match trimmed.chars().next() {
            None | Some(';' | '#') => Ok(()),
            Some('[') => reader.header(trimmed, start),
            Some(_) => reader.option(trimmed, start),
        };
        if let Err(complaint) = outcome {
            reader.complaints.push(complaint);
        }
        if reader.complaints.len() > 100 {
            break;
        }
    }
    (reader.sections, reader.complaints)
}

#[derive(Default)]
struct Reader {
    sections: Vec<Section>,
    /// What follows a bad header is not complained about one by one.
    is_lost: bool,
    bounds: Bounds,
    complaints: Vec<Complaint>,
}

impl Reader {
    fn header(&mut self, line: &str, start: usize) -> Result<(), Complaint> {
        let place = Place::Bytes(start..start + line.len());
        self.is_lost = true;
        let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        else {
            return Err(Complaint::new(place, "a section without `]`").hint("write `[uwsgi]`"));
        };
        self.bounds.admit(1, &place)?;
        self.is_lost = false;
        self.sections.push(Section {
            name: name.to_owned(),
            place,
            entries: Vec::new(),
        });
        Ok(())
    }

    fn option(&mut self, line: &str, start: usize) -> Result<(), Complaint> {
        if self.is_lost {
            return Ok(());
        }
        let place = Place::Bytes(start..start + line.len());
        let Some(section) = self.sections.last_mut() else {
            self.is_lost = true;
            return Err(Complaint::new(place, "an option before any section")
                .hint("begin the file with the line `[uwsgi]` or `[lictor]`"));
        };
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
            // An empty value has no place of its own to point at.
            Some("") => Node {
                value: Value::Text(String::new()),
                place: key_place.clone(),
            },
            Some(value) => {
                let value_start = start + line.len() - value.len();
                Node {
                    value: Value::Text(value.to_owned()),
                    place: Place::Bytes(value_start..value_start + value.len()),
                }
            }
        };
        section.entries.push(Entry {
            key: key.to_owned(),
            place: key_place,
            node,
        });
        Ok(())
    }
}

/// Complains about quotes and comments that would be part of the value.
pub(in crate::config) fn checked(value: &str, place: &Place) -> Result<(), Complaint> {
    for mark in ['"', '\''] {
        if value.len() > 1 && value.starts_with(mark) && value.ends_with(mark) {
            return Err(
                Complaint::new(place.clone(), "quotes would be part of the value")
                    .hint("write the value without quotes; INI needs none"),
            );
        }
    }
    let comment = value
        .char_indices()
        .zip(value.chars().skip(1))
        .find(|((_, c), next)| c.is_whitespace() && matches!(next, ';' | '#'));
    let Some(((from, _), next)) = comment else {
        return Ok(());
    };
    let message = format!(
        "what follows {} would be part of the value, as in uWSGI",
        quote(&format!(" {next}"))
    );
    let place = place.part(value.len(), &(from + 1..value.len()));
    Err(Complaint::new(place, message)
        .hint("put the comment on a line of its own, or use TOML if it is no comment"))
}
