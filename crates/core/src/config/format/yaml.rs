//! YAML, the only user of its parser.
//!
//! The parser tells where a value stands only in an error, so the n-th visited value is given the
//! place "n", and [`locate`] finds it by visiting again and failing there. What aliases blow up is
//! bounded by counting what is visited, and what makes the scanner itself slow is refused first.

use std::fmt;
use std::ops::Range;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, MapAccess, SeqAccess, Visitor,
};

use super::yaml_text::{byte_of_char, second_document, suspicious, token_end};
use crate::config::diagnostic::Complaint;
use crate::config::tree::{Entry, Node, Place, Value, broken_bound};

/// Most bytes of text after aliases are followed: what a file may have without them.
const TEXT_LIMIT_BYTES: usize = 1024 * 1024;

/// Parses a document.
pub(super) fn parse(text: &str) -> Result<Node, Complaint> {
    if let Some(complaint) = suspicious(text) {
        return Err(complaint);
    }
    let mut walk = Walk::default();
    visit(text, &mut walk).map_err(|error| syntax_complaint(text, &error, walk.failure))
}

/// The bytes of the n-th visited value.
pub(in crate::config) fn locate(text: &str, ordinal: usize) -> Option<Range<usize>> {
    let mut walk = Walk {
        stop_at: Some(ordinal),
        ..Walk::default()
    };
    let error = visit(text, &mut walk).err()?;
    let start = byte_of_char(text, error.location()?.index());
    Some(start..token_end(text, start))
}

fn visit(text: &str, walk: &mut Walk) -> Result<Node, serde_yaml::Error> {
    Seed { walk, depth: 0 }.deserialize(serde_yaml::Deserializer::from_str(text))
}

fn syntax_complaint(text: &str, error: &serde_yaml::Error, failure: Option<String>) -> Complaint {
    let place = error.location().map_or(Place::Bytes(0..0), |location| {
        let start = byte_of_char(text, location.index());
        Place::Bytes(start..token_end(text, start))
    });
    if let Some(message) = failure {
        return Complaint::new(place, message)
            .hint("a vassal file holds the options of one app and nothing else");
    }
    let message = error.to_string();
    if message.contains("more than one document") {
        let place = second_document(text).map_or(place, Place::Bytes);
        return Complaint::new(place, "a second YAML document")
            .hint("one vassal, one file: put it into a file of its own");
    }
    // The parser appends the place, which is shown otherwise.
    let message = message.split(" at line ").next().unwrap_or_default();
    Complaint::new(place, format!("not valid YAML: {message}"))
        .hint("indent by spaces, and put what begins with `@`, `%`, `*`, `&` or `[` into quotes")
}

/// What a pass over the document has seen.
#[derive(Default)]
struct Walk {
    nodes: usize,
    text_bytes: usize,
    stop_at: Option<usize>,
    /// Why the pass stopped, if it is a complaint of ours.
    failure: Option<String>,
}

struct Seed<'w> {
    walk: &'w mut Walk,
    depth: usize,
}

impl Seed<'_> {
    /// Counts one value. An error here gets the value's location from the parser.
    fn enter<E: serde::de::Error>(&mut self, text_bytes: usize) -> Result<Place, E> {
        let ordinal = self.walk.nodes;
        self.walk.nodes += 1;
        self.walk.text_bytes += text_bytes;
        if self.walk.stop_at == Some(ordinal) {
            return Err(E::custom("here"));
        }
        // Keys and values count alike here, so a file may hold half as many options.
        let broken = broken_bound(self.walk.nodes / 2, self.depth).or_else(|| {
            (self.walk.text_bytes > TEXT_LIMIT_BYTES)
                .then(|| "aliases that repeat too much text".to_owned())
        });
        match broken {
            Some(message) => Err(self.fail(message)),
            None => Ok(Place::YamlNode(ordinal)),
        }
    }

    fn fail<E: serde::de::Error>(&mut self, message: String) -> E {
        self.walk.failure = Some(message);
        E::custom("refused")
    }

    fn leaf<E: serde::de::Error>(mut self, value: Value) -> Result<Node, E> {
        let text_bytes = if let Value::Text(text) = &value {
            text.len()
        } else {
            0
        };
        let place = self.enter(text_bytes)?;
        Ok(Node { value, place })
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: serde::de::Error>(self, flag: bool) -> Result<Node, E> {
        self.leaf(Value::Bool(flag))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Node, E> {
        self.leaf(Value::Number(number.to_string()))
    }

    fn visit_i128<E: serde::de::Error>(self, number: i128) -> Result<Node, E> {
        self.leaf(Value::Number(number.to_string()))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Node, E> {
        self.leaf(Value::Number(number.to_string()))
    }

    fn visit_u128<E: serde::de::Error>(self, number: u128) -> Result<Node, E> {
        self.leaf(Value::Number(number.to_string()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Node, E> {
        self.leaf(Value::Number(number.to_string()))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Node, E> {
        self.leaf(Value::Text(text.to_owned()))
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Node, E> {
        self.leaf(Value::Null)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<Node, E> {
        self.leaf(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Node, A::Error> {
        let place = self.enter(0)?;
        let depth = self.depth + 1;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(Seed {
            walk: self.walk,
            depth,
        })? {
            items.push(item);
        }
        Ok(Node {
            value: Value::List(items),
            place,
        })
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Node, A::Error> {
        let place = self.enter(0)?;
        let depth = self.depth + 1;
        let mut entries = Vec::new();
        while let Some(key) = map.next_key_seed(Seed {
            walk: self.walk,
            depth,
        })? {
            let (Value::Text(name) | Value::Number(name)) = key.value else {
                let message = format!("{} as the name of an option", key.value.kind());
                return Err(self.fail(message));
            };
            let node = map.next_value_seed(Seed {
                walk: self.walk,
                depth,
            })?;
            entries.push(Entry {
                key: name,
                place: key.place,
                node,
            });
        }
        Ok(Node {
            value: Value::Table(entries),
            place,
        })
    }

    fn visit_enum<A: EnumAccess<'de>>(mut self, _data: A) -> Result<Node, A::Error> {
        // Counted, so that the places of the values before it stay what they are.
        self.enter::<A::Error>(0)?;
        self.walk.failure = Some("a tag, which no option takes".to_owned());
        Err(A::Error::custom("refused"))
    }
}
