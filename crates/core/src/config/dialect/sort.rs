//! The keys of a reading sorted: which are options, which only served others, which replace others.

use std::collections::HashMap;

use super::keyword::{Keyword, keyword};
use super::load::{COMPLAINT_LIMIT, Given, Loader};
use super::resolve::Resolver;
use crate::config::diagnostic::{Complaint, quote};
use crate::config::options::{Found, ValueKind, look_up, nearest};
use crate::config::setting::Outcome;
use crate::config::tree::{Entry, Node, Value};

/// What lines that failed would have said: an option, or anything if they direct the reading.
pub(super) fn told_by(failed: &[String]) -> Vec<&'static str> {
    let told = failed.iter().flat_map(|key| match look_up(key) {
        _ if keyword(key).is_some() => vec!["module", "http"],
        Some(Found::Option(spec)) => vec![spec.name],
        Some(_) | None => Vec::new(),
    });
    told.collect()
}

/// The options among the keys, complete.
pub(super) fn entries_of(loader: &mut Loader<'_>, told: &mut Vec<&'static str>) -> Vec<Entry> {
    let given = std::mem::take(&mut loader.given);
    let mut resolver = Resolver::new(loader.outside, &given);
    let mut values: Vec<Option<Value>> = Vec::new();
    for index in 0..given.len() {
        values.push(match resolver.value(index) {
            Ok(value) => Some(value),
            Err(failed) => {
                loader.complaints.extend(failed.map(|complaint| *complaint));
                None
            }
        });
        if loader.complaints.len() > COMPLAINT_LIMIT {
            return Vec::new();
        }
    }
    let mut kept = Kept::default();
    // What a file that could not be read might use is not said to be unused.
    let is_all_read = !loader.failed.iter().any(|key| names_a_file(key));
    for (given, value) in given.iter().zip(values) {
        let is_used = resolver.is_used(&given.key) || loader.asked.contains(&given.key);
        let kind = kind_of(&given.key);
        if given.is_placeholder {
            loader.complaints.extend(hidden_option(given, kind));
            continue;
        }
        let may_be_used = is_used || (!is_all_read && nearest(&given.key).is_none());
        if kind == Kind::Unknown && may_be_used {
            continue;
        }
        let Some(value) = value else {
            if let Some(Found::Option(spec)) = look_up(&given.key) {
                told.push(spec.name);
            }
            continue;
        };
        loader.complaints.extend(foreign_user(given));
        kept.add(given, value, kind);
    }
    kept.entries.into_iter().map(|(_, entry)| entry).collect()
}

/// The last `uid` and `gid` that the file or the provider gives.
pub(super) fn users_of(loader: &Loader<'_>) -> Outcome<Vec<Entry>> {
    let mut resolver = Resolver::new(loader.outside, &loader.given);
    let mut entries = Vec::new();
    for key in ["uid", "gid"] {
        let own = |given: &Given| given.key == key && given.is_own && !given.is_placeholder;
        let Some(index) = loader.given.iter().rposition(own) else {
            continue;
        };
        let Some(given) = loader.given.get(index) else {
            continue;
        };
        let Ok(value) = resolver.value(index) else {
            let message = format!("{} in a file that asks for more than itself", quote(key));
            return Err(vec![Complaint::new(given.place.clone(), message).hint(
                "write it out: it is looked at before anything else, as that user",
            )]);
        };
        entries.push(Entry {
            key: given.key.clone(),
            place: given.key_place.clone(),
            node: Node {
                value,
                place: given.place.clone(),
            },
        });
    }
    Ok(entries)
}

/// Whether a key of that name reads another file.
fn names_a_file(key: &str) -> bool {
    matches!(keyword(key), Some(Keyword::Include | Keyword::Inherit))
}

/// How an option meets another value of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    One(&'static str),
    Many,
    Unknown,
}

fn kind_of(key: &str) -> Kind {
    match look_up(key) {
        Some(Found::Option(spec)) if spec.kind == ValueKind::Many => Kind::Many,
        Some(Found::Option(spec)) => Kind::One(spec.name),
        Some(_) => Kind::Many,
        None => Kind::Unknown,
    }
}

/// The entries in their order; of a single value the last one counts, if it stands in another file
/// or below a condition. Twice in a row it is a mistake, which is found later.
#[derive(Default)]
struct Kept<'g> {
    entries: Vec<(&'g Given, Entry)>,
    single: HashMap<String, usize>,
}

impl<'g> Kept<'g> {
    fn add(&mut self, given: &'g Given, value: Value, kind: Kind) {
        let entry = Entry {
            key: given.key.clone(),
            place: given.key_place.clone(),
            node: Node {
                value,
                place: given.place.clone(),
            },
        };
        if let Some(name) = what_it_sets(&entry, kind) {
            let known = self.single.get(&name).copied();
            if let Some(slot) = known.and_then(|index| self.entries.get_mut(index)) {
                let before = slot.0;
                let replaces = before.reading != given.reading
                    || before.is_conditional
                    || given.is_conditional;
                if replaces {
                    *slot = (given, entry);
                    return;
                }
            } else {
                self.single.insert(name, self.entries.len());
            }
        }
        self.entries.push((given, entry));
    }
}

/// What one value replaces another of: an option with a single value, or one variable of `env`.
fn what_it_sets(entry: &Entry, kind: Kind) -> Option<String> {
    match (kind, &entry.node.value) {
        (Kind::One(name), _) => Some(name.to_owned()),
        (Kind::Many, Value::Text(text)) if entry.key == "env" => {
            let (variable, _) = text.split_once('=')?;
            Some(format!("env {variable}"))
        }
        (Kind::Many | Kind::Unknown, _) => None,
    }
}

fn hidden_option(given: &Given, kind: Kind) -> Option<Complaint> {
    let is_option = kind != Kind::Unknown;
    is_option.then(|| {
        let message = format!(
            "{} is an option and cannot be a placeholder",
            quote(&given.key)
        );
        Complaint::new(given.key_place.clone(), message)
            .hint("use another name, or `set` to set the option")
    })
}

/// Who the vassal runs as is known before any other file is read, which happens as that user.
fn foreign_user(given: &Given) -> Option<Complaint> {
    if given.is_own || !matches!(given.key.as_str(), "uid" | "gid") {
        return None;
    }
    let message = format!("{} in a file that another one names", quote(&given.key));
    Some(
        Complaint::new(given.key_place.clone(), message)
            .hint("write it into the vassal file itself: other files are read as that user"),
    )
}
