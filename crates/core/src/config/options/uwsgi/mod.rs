//! What Lictor says to uWSGI's option names that it has no option for.
//!
//! All names of uWSGI 2.0.31 are either names of an option of ours (or aliases) or stand here, in one
//! place each: accepted where they ask for what Lictor does in any case, understood by the dialect of
//! uWSGI's own files, or refused with what to do instead. To give one of them a meaning, take its
//! name out of these tables and put it among the names of an option.

mod app;
mod background;
mod beyond;
mod commands;
mod dialect;
mod emperor;
mod http_router;
mod isolation;
mod lifecycle;
mod logging;
mod monitoring;
mod requests;
mod routers;
mod sockets;

#[cfg(test)]
mod tests;

use crate::config::diagnostic::{Complaint, quote};
use crate::config::tree::{Node, Place, Value};
use crate::config::values::boolean_value;

/// One or several names with the same answer.
#[derive(Debug)]
pub(in crate::config) struct Foreign {
    /// With dashes. A name that ends in `-` stands for all that begin with it.
    pub(in crate::config) names: &'static [&'static str],
    pub(in crate::config) answer: Answer,
}

/// What is said to such a name.
#[derive(Debug)]
pub(in crate::config) enum Answer {
    /// It is accepted when it asks for what Lictor always does.
    Fixed(Fixed),
    /// The reader of uWSGI's own files acts on it, so that it is no option when they are read.
    Dialect(&'static str),
    /// It is refused.
    Refused(Refused),
}

/// What an option asks for that Lictor always does.
#[derive(Debug)]
pub(in crate::config) struct Fixed {
    asks: Asks,
    /// What Lictor always does.
    pub(in crate::config) always: &'static str,
}

/// What has to be done instead.
#[derive(Debug)]
pub(in crate::config) struct Refused {
    /// The option that was meant, if there is one: it is not missing then.
    pub(in crate::config) stands_for: &'static [&'static str],
    pub(in crate::config) instead: &'static str,
}

/// What an option may ask for.
#[derive(Debug, PartialEq, Eq)]
enum Asks {
    True,
    False,
    /// Whatever it asks for, nobody would see a difference.
    Anything,
    /// A modifier of the uwsgi protocol, of which 0 is Python.
    Zero,
    PythonPlugin,
}

const fn fixed(names: &'static [&'static str], asks: Asks, always: &'static str) -> Foreign {
    Foreign {
        names,
        answer: Answer::Fixed(Fixed { asks, always }),
    }
}

const fn on(names: &'static [&'static str], always: &'static str) -> Foreign {
    fixed(names, Asks::True, always)
}

const fn off(names: &'static [&'static str], always: &'static str) -> Foreign {
    fixed(names, Asks::False, always)
}

const fn either(names: &'static [&'static str], always: &'static str) -> Foreign {
    fixed(names, Asks::Anything, always)
}

const fn dialect(names: &'static [&'static str], what: &'static str) -> Foreign {
    Foreign {
        names,
        answer: Answer::Dialect(what),
    }
}

const fn refused(names: &'static [&'static str], instead: &'static str) -> Foreign {
    refused_for(names, &[], instead)
}

const fn refused_for(
    names: &'static [&'static str],
    stands_for: &'static [&'static str],
    instead: &'static str,
) -> Foreign {
    Foreign {
        names,
        answer: Answer::Refused(Refused {
            stands_for,
            instead,
        }),
    }
}

/// Names of uWSGI 2.0.31.
static NAMES: [&[Foreign]; 13] = [
    app::NAMES,
    background::NAMES,
    commands::NAMES,
    dialect::NAMES,
    emperor::NAMES,
    http_router::NAMES,
    isolation::NAMES,
    lifecycle::NAMES,
    logging::NAMES,
    monitoring::NAMES,
    requests::NAMES,
    routers::NAMES,
    sockets::NAMES,
];

/// All names, those that stand for one thing before those that stand for many.
pub(super) fn foreign() -> impl Iterator<Item = &'static Foreign> {
    NAMES.iter().copied().flatten().chain(beyond::NAMES)
}

impl Fixed {
    /// Whether it is a matter of yes or no.
    pub(super) fn is_switch(&self) -> bool {
        matches!(self.asks, Asks::True | Asks::False)
    }

    /// What it may ask for, as it follows "accepted".
    pub(in crate::config) fn condition(&self) -> &'static str {
        match self.asks {
            Asks::True => "switched on, since that is how it always is",
            Asks::False => "switched off, since that is how it always is",
            Asks::Anything => "with any value, since none would make a difference",
            Asks::Zero => "with the value 0, since that is how it always is",
            Asks::PythonPlugin => "for Python, since that is how it always is",
        }
    }

    /// Why the value asks for something else, if it does.
    pub(in crate::config) fn complaint(&self, key: &str, node: &Node) -> Option<Complaint> {
        let is_granted = match self.asks {
            Asks::True => is_on(&node.value),
            Asks::False => boolean_value(&node.value) == Some(false),
            Asks::Anything => true,
            Asks::Zero => is_zero(&node.value),
            Asks::PythonPlugin => asks_for_python(&node.value),
        };
        if is_granted {
            return None;
        }
        if matches!(node.value, Value::Null) {
            let message = format!("{} has no value", quote(key));
            let hint = format!("remove it: {}", self.always);
            return Some(Complaint::new(node.place.clone(), message).hint(hint));
        }
        let message = format!("{} cannot be changed: {}", quote(key), self.always);
        Some(Complaint::new(node.place.clone(), message).hint("remove it"))
    }
}

impl Refused {
    pub(in crate::config) fn complaint(&self, key: &str, place: Place) -> Complaint {
        Complaint::new(place, format!("{} is not an option of Lictor", quote(key)))
            .hint(self.instead)
    }
}

/// As uWSGI takes a switch: any number but 0 is yes (`enable-threads = 4` stands in many files).
fn is_on(value: &Value) -> bool {
    let is_number = if let Value::Text(text) | Value::Number(text) = value {
        text.trim().parse::<u32>().is_ok_and(|number| number > 0)
    } else {
        false
    };
    is_number || boolean_value(value) == Some(true)
}

fn is_zero(value: &Value) -> bool {
    matches!(value, Value::Text(text) | Value::Number(text) if text.trim() == "0")
}

/// `python`, `python3`, `python311`, alone or in a list; uWSGI separates with commas. Beside it those
/// whose work Lictor does itself.
fn asks_for_python(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.split(',').map(str::trim).all(|name| {
            let name = name.strip_prefix("0:").unwrap_or(name);
            name.strip_prefix("python").is_some_and(|version| {
                version
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.')
            }) || matches!(name, "http" | "logfile" | "corerouter")
        }),
        Value::List(items) => items.iter().all(|item| asks_for_python(&item.value)),
        Value::Null
        | Value::Bare
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Date(_)
        | Value::Table(_) => false,
    }
}
