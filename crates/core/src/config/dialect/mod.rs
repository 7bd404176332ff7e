//! uWSGI's dialect: what stands in an INI file, or below the key `uwsgi` of a YAML or JSON file,
//! becomes the same keys and values that a TOML file has as it stands.
//!
//! The way: `load` follows files, sections, loops and conditions and gives one list of keys;
//! `resolve` puts variables, files and placeholders into their values; here the list is sorted into
//! options and what only served others. Whatever lies outside the file is asked of an [`Outside`].

mod arithmetic;
mod declared;
mod files;
mod keyword;
mod load;
mod logic;
mod machine;
mod magic;
mod outside;
mod resolve;
mod text;

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;

use files::Loaded;
use load::{Context, Given, Line, Loader};
use magic::{Names, Site};
use resolve::Resolver;

use super::diagnostic::{Complaint, quote};
use super::format::{Document, Format, SECTIONS, empty, ini};
use super::options::{Found, ValueKind, look_up};
use super::setting::Outcome;
use super::source::Source;
use super::tree::{Entry, Node, Place, Value};

pub use machine::Machine;
pub(super) use outside::Unasked;
pub use outside::{Answer, Outside, Question};

/// What the provider of an emperor adds to every vassal file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Files read before the vassal's, whose values it may replace: path and text.
    pub before: Vec<(String, String)>,
    /// `KEY=VALUE`, which the vassal may replace too.
    pub set: Vec<String>,
    /// Files read behind the vassal's, whose values replace its own.
    pub after: Vec<(String, String)>,
}

impl Policy {
    /// Whether it adds nothing.
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.set.is_empty() && self.after.is_empty()
    }
}

/// The first file of a reading.
pub(super) struct First<'f> {
    /// Absolute.
    pub(super) path: &'f Path,
    pub(super) format: Format,
    pub(super) text: &'f str,
}

/// What a reading comes to.
pub(super) struct Expanded {
    /// The options, as far as they are known; or why there are none.
    pub(super) document: Outcome<Document>,
    /// What is wrong with those that are not known.
    pub(super) complaints: Vec<Complaint>,
    /// The options among them, which are not missing.
    pub(super) told: Vec<&'static str>,
    /// The texts of the files beside the first one, for the places in them.
    pub(super) included: Vec<Source<'static>>,
}

/// Reads a file in uWSGI's dialect. One in another dialect is given as it is.
pub(super) fn expand(first: &First<'_>, policy: &Policy, outside: &dyn Outside) -> Expanded {
    let path = first.path.to_string_lossy().into_owned();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let names = Names {
        given: name,
        path,
        section: String::new(),
    };
    let mut loader = Loader::new(outside, names);
    let mut told = Vec::new();
    let document = expand_with(&mut loader, first, policy, &mut told);
    Expanded {
        document,
        complaints: loader.complaints,
        told,
        included: loader.included,
    }
}

fn expand_with(
    loader: &mut Loader<'_>,
    first: &First<'_>,
    policy: &Policy,
    told: &mut Vec<&'static str>,
) -> Outcome<Document> {
    let (sections, place) = match sections_of(first)? {
        Sections::Plain(document) if policy.is_empty() => return Ok(document),
        Sections::Plain(document) => {
            // The provider's word counts for every format; its own keys stay as they stand.
            let message = "the emperor's templates are for uWSGI's dialect";
            return Err(vec![Complaint::new(document.place, message).hint(
                "write the options into an INI file, or below the key `uwsgi`",
            )]);
        }
        Sections::Dialect(sections, place) => (sections, place),
    };
    loader.files.push(Loaded {
        path: loader.first.path.clone(),
        is_ini: first.format == Format::Ini,
        sections,
        read: Vec::new(),
    });
    for (path, text) in &policy.before {
        loader.template(path, text);
    }
    apply_set(loader, policy);
    read_first(loader);
    for (path, text) in &policy.after {
        loader.template(path, text);
    }
    loader.read_inherited();
    loader.complaints.extend(unread_sections(loader));
    told.extend(told_by(&loader.failed));
    let entries = entries_of(loader, told);
    if loader.complaints.is_empty() && entries.is_empty() {
        return Err(vec![empty()]);
    }
    Ok(Document {
        entries,
        place,
        is_dialect: true,
    })
}

enum Sections {
    Dialect(Vec<ini::Section>, Place),
    Plain(Document),
}

fn sections_of(first: &First<'_>) -> Outcome<Sections> {
    if first.format == Format::Ini {
        let sections = ini::sections(first.text)?;
        let own: Vec<&ini::Section> = sections
            .iter()
            .filter(|section| SECTIONS.contains(&section.name.as_str()))
            .collect();
        let Some(main) = own.first() else {
            return Err(foreign(&sections).unwrap_or_else(|| vec![empty()]));
        };
        if let Some(other) = own.iter().find(|section| section.name != main.name) {
            let message = format!("both `[{}]` and `[{}]`", main.name, other.name);
            return Err(vec![
                Complaint::new(other.place.clone(), message)
                    .also(main.place.clone(), "first here")
                    .hint("keep the options of one app in one section"),
            ]);
        }
        let place = main.place.clone();
        return Ok(Sections::Dialect(sections, place));
    }
    let document = first.format.parse(first.text)?;
    if !document.is_dialect {
        return Ok(Sections::Plain(document));
    }
    let place = document.place.clone();
    let section = ini::Section {
        name: "uwsgi".to_owned(),
        place: document.place,
        entries: document.entries,
    };
    Ok(Sections::Dialect(vec![section], place))
}

/// The complaint about a file that has other sections only.
fn foreign(sections: &[ini::Section]) -> Option<Vec<Complaint>> {
    let section = sections.first()?;
    Some(vec![foreign_section(section)])
}

fn foreign_section(section: &ini::Section) -> Complaint {
    let message = format!("section {} is not read", quote(&section.name));
    Complaint::new(section.place.clone(), message).hint(
        "options stand in `[uwsgi]` or `[lictor]`; a section of another name is read where `ini = :NAME` asks for it",
    )
}

fn read_first(loader: &mut Loader<'_>) {
    let Some(file) = loader.files.first_mut() else {
        return;
    };
    let is_lictor = file.sections.iter().any(|section| section.name == "lictor");
    let name = if is_lictor { "lictor" } else { "uwsgi" };
    file.read.push(name.to_owned());
    let entries = file.section(name).unwrap_or_default();
    let is_ini = file.is_ini;
    if is_ini {
        loader.last_ini = Some(0);
    }
    let context = Context {
        site: Rc::new(Site {
            this: loader.first.clone(),
            first: loader.first.clone(),
        }),
        is_ini,
        is_own: true,
        reading: 0,
        is_conditional: false,
    };
    loader.section(&entries, &context);
}

fn apply_set(loader: &mut Loader<'_>, policy: &Policy) {
    let context = Context {
        site: Rc::new(Site {
            this: loader.first.clone(),
            first: loader.first.clone(),
        }),
        is_ini: false,
        is_own: true,
        // None of a file's.
        reading: usize::MAX,
        is_conditional: false,
    };
    let place = Place::Flag("--vassal-set".to_owned());
    for assignment in &policy.set {
        let value = Value::Text(assignment.clone());
        let line = Line {
            key: "set",
            key_place: &place,
            value: &value,
            place: &place,
        };
        if let Err(complaint) = loader.line(line, None, &context) {
            loader.complaints.push(complaint);
        }
    }
}

/// Sections of the first file that nothing asked for, but for those of the app's own tools.
fn unread_sections(loader: &Loader<'_>) -> Vec<Complaint> {
    let Some(file) = loader.files.first() else {
        return Vec::new();
    };
    let unread = file
        .sections
        .iter()
        .filter(|section| !file.read.contains(&section.name) && !belongs_to_the_app(&section.name));
    unread.map(foreign_section).collect()
}

/// Sections of Paste's loader, of Python's logging and of tools that share the file by custom.
fn belongs_to_the_app(section: &str) -> bool {
    let known = [
        "loggers",
        "handlers",
        "formatters",
        "alembic",
        "celery",
        "pytest",
    ];
    let prefixes = ["logger_", "handler_", "formatter_"];
    section.contains(':')
        || known.contains(&section)
        || prefixes.iter().any(|prefix| section.starts_with(prefix))
}

/// What lines that failed would have said: an option, or anything if they direct the reading.
fn told_by(failed: &[String]) -> Vec<&'static str> {
    let told = failed.iter().flat_map(|key| match look_up(key) {
        _ if keyword::keyword(key).is_some() => vec!["module", "http"],
        Some(Found::Option(spec)) => vec![spec.name],
        Some(_) | None => Vec::new(),
    });
    told.collect()
}

/// The options among the keys, complete.
fn entries_of(loader: &mut Loader<'_>, told: &mut Vec<&'static str>) -> Vec<Entry> {
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
        if loader.complaints.len() > 100 {
            return Vec::new();
        }
    }
    let mut kept = Kept::default();
    for (given, value) in given.iter().zip(values) {
        let is_used = resolver.is_used(&given.key) || loader.asked.contains(&given.key);
        let kind = kind_of(&given.key);
        if given.is_placeholder {
            loader.complaints.extend(hidden_option(given, kind));
            continue;
        }
        if kind == Kind::Unknown && is_used {
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
