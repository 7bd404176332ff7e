//! One option as a file or the command line sets it, and the ways to read its values.

use std::path::Path;

use super::diagnostic::{Complaint, quote};
use super::options::OptionSpec;
use super::source::Source;
use super::tree::{Node, Place, Value};

/// What reading an option comes to.
pub(super) type Outcome<T> = Result<T, Vec<Complaint>>;

/// Where a value stands among all options: the flags behind the file.
pub(super) type Order = (bool, usize);

/// Sorts what several options have to say by where it stands.
pub(super) fn in_order<T>(mut values: Vec<(Order, T)>) -> Vec<T> {
    values.sort_by_key(|(order, _)| *order);
    values.into_iter().map(|(_, value)| value).collect()
}

/// An option with its values: one, or several where the format repeats keys.
#[derive(Debug)]
pub(super) struct Setting<'a> {
    pub(super) spec: &'static OptionSpec,
    /// As it was written: an alias, underscores.
    pub(super) key: &'a str,
    pub(super) key_place: Place,
    pub(super) nodes: Vec<&'a Node>,
    /// Where each of them stands.
    pub(super) orders: Vec<Order>,
    /// What relative paths are relative to.
    pub(super) base: &'a Path,
    /// The file, if it stands in one.
    pub(super) source: Option<&'a Source<'a>>,
}

impl<'a> Setting<'a> {
    /// Reads an option that takes one value.
    pub(super) fn one<T>(&self, read: fn(&Self, &Node) -> Result<T, Complaint>) -> Outcome<T> {
        match self.nodes.as_slice() {
            [node] => read(self, node).map_err(|complaint| vec![complaint]),
            [first, second, ..] => {
                let message = format!("{} is given twice", quote(self.key));
                Err(vec![
                    Complaint::new(second.place.clone(), message)
                        .also(first.place.clone(), "first here")
                        .hint("keep one of them"),
                ])
            }
            [] => Err(vec![self.without_value(&self.key_place)]),
        }
    }

    /// Reads an option that takes one value or a list, and finds every wrong one.
    pub(super) fn each<T>(
        &self,
        read: fn(&Self, &Node) -> Result<T, Complaint>,
    ) -> Outcome<Vec<(T, Place)>> {
        let mut values = Vec::new();
        let mut complaints = Vec::new();
        for node in self.flat() {
            match read(self, node) {
                Ok(value) => values.push((value, node.place.clone())),
                Err(complaint) => complaints.push(complaint),
            }
        }
        if complaints.is_empty() {
            Ok(values)
        } else {
            Err(complaints)
        }
    }

    /// The values of a list option, one list deep.
    fn flat(&self) -> impl Iterator<Item = &'a Node> {
        self.nodes.iter().flat_map(|node| {
            if let Value::List(items) = &node.value {
                items.as_slice()
            } else {
                std::slice::from_ref(*node)
            }
        })
    }

    /// The same, each with where it stands among all options.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (Order, &'a Node)> {
        self.nodes
            .iter()
            .zip(&self.orders)
            .flat_map(|(node, order)| {
                let items = if let Value::List(items) = &node.value {
                    items.as_slice()
                } else {
                    std::slice::from_ref(*node)
                };
                items.iter().map(|item| (*order, item))
            })
    }

    /// Text with something in it.
    pub(super) fn text<'n>(&self, node: &'n Node) -> Result<&'n str, Complaint> {
        let Value::Text(text) = &node.value else {
            return Err(self.mismatch(node));
        };
        match text.trim() {
            "" => Err(self.without_value(&node.place)),
            text => Ok(text),
        }
    }

    /// Text, or a number as it was spelt: for what looks like a number and is none.
    pub(super) fn spelling(&self, node: &Node) -> Result<String, Complaint> {
        let Value::Number(number) = &node.value else {
            return self.text(node).map(str::to_owned);
        };
        let spelt = match self.source {
            Some(source) => source.spelling(node),
            None => Some(number.clone()),
        };
        spelt.ok_or_else(|| self.mismatch(node).hint("write the value in quotes"))
    }

    /// The complaint that a value is not what the option takes.
    pub(super) fn mismatch(&self, node: &Node) -> Complaint {
        let found = match &node.value {
            Value::Null | Value::Bare => return self.without_value(&node.place),
            Value::Text(text) if text.is_empty() => return self.without_value(&node.place),
            Value::Text(text) | Value::Number(text) | Value::Date(text) => quote(text),
            Value::Bool(flag) => quote(&flag.to_string()),
            other @ (Value::List(_) | Value::Table(_)) => other.kind().to_owned(),
        };
        let message = format!("{} takes {}, not {found}", quote(self.key), self.spec.takes);
        Complaint::new(node.place.clone(), message)
    }

    /// The complaint that there is nothing where a value should be.
    pub(super) fn without_value(&self, place: &Place) -> Complaint {
        let message = format!(
            "{} has no value; it takes {}",
            quote(self.key),
            self.spec.takes
        );
        Complaint::new(place.clone(), message).hint("give it one, or remove it")
    }

    /// The complaint about the first value beyond what the option takes.
    pub(super) fn too_many(&self, place: &Place, limit: usize) -> Complaint {
        let message = format!("{} takes at most {limit} values", quote(self.key));
        Complaint::new(place.clone(), message).hint("remove the others")
    }

    /// A complaint about a value of this option: `` `key` … ``.
    pub(super) fn wrong(&self, node: &Node, what: &str) -> Complaint {
        Complaint::new(node.place.clone(), format!("{} {what}", quote(self.key)))
    }
}
