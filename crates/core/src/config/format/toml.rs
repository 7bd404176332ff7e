//! TOML, whose parser gives every key and value with its bytes.

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use crate::config::diagnostic::Complaint;
use crate::config::tree::{Bounds, Entry, Node, Place, Value};

/// Parses a document.
pub(super) fn parse(text: &str) -> Result<Node, Complaint> {
    let table = DeTable::parse(text).map_err(|error| {
        let place = Place::Bytes(error.span().unwrap_or(0..0));
        // Some of the parser's messages have a second line for its own kind of rendering.
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        Complaint::new(place, format!("not valid TOML: {message}"))
            .hint("texts stand in quotes, each option has a line, tables come last")
    })?;
    let place = Place::Bytes(0..0);
    let entries = copy_table(table.get_ref(), &mut Bounds::default(), 0)?;
    Ok(Node {
        value: Value::Table(entries),
        place,
    })
}

fn copy_table(
    table: &DeTable<'_>,
    bounds: &mut Bounds,
    depth: usize,
) -> Result<Vec<Entry>, Complaint> {
    let mut in_order: Vec<_> = table.iter().collect();
    // The parser sorts by key; people sort by meaning.
    in_order.sort_by_key(|(key, _)| key.span().start);
    in_order
        .into_iter()
        .map(|(key, value)| {
            Ok(Entry {
                key: key.get_ref().to_string(),
                place: Place::Bytes(key.span()),
                node: copy(value, bounds, depth + 1)?,
            })
        })
        .collect()
}

fn copy(
    spanned: &Spanned<DeValue<'_>>,
    bounds: &mut Bounds,
    depth: usize,
) -> Result<Node, Complaint> {
    let place = Place::Bytes(spanned.span());
    bounds.admit(depth, &place)?;
    let value = match spanned.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Number(number.to_string()),
        DeValue::Float(number) => Value::Number(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Datetime(date) => Value::Date(date.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| copy(item, bounds, depth + 1))
                .collect::<Result<_, _>>()?,
        ),
        DeValue::Table(table) => Value::Table(copy_table(table, bounds, depth)?),
    };
    Ok(Node { value, place })
}
