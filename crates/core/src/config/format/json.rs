//! JSON, read a level at a time: what a level holds is kept as borrowed text, whose address within
//! the file is its place. Every byte is so read once a level, and the levels are bounded.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::config::diagnostic::Complaint;
use crate::config::tree::{Bounds, Entry, Node, Place, Value};

/// Parses a document.
pub(super) fn parse(text: &str) -> Result<Node, Complaint> {
    if text.trim().is_empty() {
        return Ok(Node {
            value: Value::Null,
            place: Place::Bytes(0..0),
        });
    }
    let mut reader = Reader {
        text,
        bounds: Bounds::default(),
    };
    let raw = reader.read::<&RawValue>(text)?;
    reader.copy(raw, 0)
}

struct Reader<'t> {
    text: &'t str,
    bounds: Bounds,
}

/// The members of an object in their order, repeated keys included.
struct Members<'t>(Vec<(&'t RawValue, &'t RawValue)>);

impl<'t> Reader<'t> {
    fn copy(&mut self, raw: &'t RawValue, depth: usize) -> Result<Node, Complaint> {
        let json = raw.get();
        let place = self.place_of(json);
        self.bounds.admit(depth, &place)?;
        let value = match json.as_bytes().first() {
            Some(b'{') => {
                let members = self.read::<Members<'t>>(json)?.0;
                let entries = members
                    .into_iter()
                    .map(|(key, value)| self.entry(key, value, depth));
                Value::Table(entries.collect::<Result<_, _>>()?)
            }
            Some(b'[') => {
                let items = self.read::<Vec<&'t RawValue>>(json)?;
                let nodes = items.into_iter().map(|item| self.copy(item, depth + 1));
                Value::List(nodes.collect::<Result<_, _>>()?)
            }
            Some(b'"') => Value::Text(self.read::<String>(json)?),
            Some(b't') => Value::Bool(true),
            Some(b'f') => Value::Bool(false),
            Some(b'n') | None => Value::Null,
            Some(_) => Value::Number(json.to_owned()),
        };
        Ok(Node { value, place })
    }

    fn entry(
        &mut self,
        key: &'t RawValue,
        value: &'t RawValue,
        depth: usize,
    ) -> Result<Entry, Complaint> {
        Ok(Entry {
            key: self.read::<String>(key.get())?,
            place: self.place_of(key.get()),
            node: self.copy(value, depth + 1)?,
        })
    }

    /// Deserializes a piece of the text; an error gets its place in the whole.
    fn read<T: Deserialize<'t>>(&self, piece: &'t str) -> Result<T, Complaint> {
        serde_json::from_str(piece).map_err(|error| {
            let at = self.offset_of(piece) + offset_in(piece, error.line(), error.column());
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            Complaint::new(
                Place::Bytes(at..at + 1),
                format!("not valid JSON: {message}"),
            )
            .hint("keys and texts stand in double quotes, and nothing has a comma after the last")
        })
    }

    fn offset_of(&self, piece: &str) -> usize {
        piece
            .as_ptr()
            .addr()
            .saturating_sub(self.text.as_ptr().addr())
    }

    fn place_of(&self, piece: &str) -> Place {
        let start = self.offset_of(piece);
        Place::Bytes(start..start + piece.len())
    }
}

/// The byte that the parser's line and column stand for; it counts columns in bytes, from 1.
fn offset_in(piece: &str, line: usize, column: usize) -> usize {
    let before: usize = piece
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    (before + column.saturating_sub(1)).min(piece.len())
}

impl<'de: 't, 't> Deserialize<'de> for Members<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
