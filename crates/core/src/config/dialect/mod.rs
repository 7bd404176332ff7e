//! uWSGI's dialect: what stands in an INI file, or below the key `uwsgi` of a YAML or JSON file,
//! becomes the same keys and values that a TOML file has as it stands.
//!
//! The way: `load` follows files, sections, loops and conditions and gives one list of keys;
//! `resolve` puts variables, files and placeholders into their values; here the list is sorted into
//! options and what only served others. Whatever lies outside the file is asked of an [`Outside`].

mod arithmetic;
mod declared;
mod files;
mod include;
mod keyword;
mod load;
mod logic;
mod machine;
mod magic;
mod outside;
mod resolve;
mod sort;
mod text;

use std::path::{Path, PathBuf};
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use files::Loaded;
use load::{Context, Line, Loader};
use magic::{Names, Site};
use sort::{entries_of, told_by, users_of};

use super::diagnostic::{Complaint, quote};
use super::format::{Document, Format, SECTIONS, empty, ini};
use super::setting::Outcome;
use super::source::Source;
use super::tree::{Entry, Place, Value};

pub use machine::Machine;
pub(super) use outside::Unasked;
pub use outside::{Answer, Outside, Question};

/// What is added to a vassal file: by the provider of an emperor, or on the command line of
/// `lictor serve`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Files read before the vassal's, whose values it may replace: path and text.
    pub before: Vec<(String, String)>,
    /// `KEY=VALUE`, which the vassal may replace too.
    pub set: Vec<String>,
    /// Files read behind the vassal's, whose values replace its own.
    pub after: Vec<(String, String)>,
    /// Options of the command line, as for [`parse_flags`](super::parse_flags).
    #[serde(default)]
    pub flags: Vec<(String, Vec<String>)>,
    /// What relative paths in them are relative to.
    #[serde(default)]
    pub flags_base: PathBuf,
}

impl Policy {
    /// Whether it adds nothing of uWSGI's dialect.
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
    let mut loader = Loader::new(outside, names_of(first.path));
    let mut told = Vec::new();
    let document = expand_with(&mut loader, first, policy, &mut told);
    Expanded {
        document,
        complaints: loader.complaints,
        told,
        included: loader.included,
    }
}

/// The lines that say who a vassal runs as, as far as the file and the provider say so alone.
pub(super) fn user_entries(
    first: &First<'_>,
    policy: &Policy,
) -> (Outcome<Vec<Entry>>, Vec<Source<'static>>) {
    let unasked = Unasked::default();
    let mut loader = Loader::new(&unasked, names_of(first.path));
    let outcome = match sections_of(first) {
        Err(complaints) => Err(complaints),
        Ok(Sections::Plain(document)) => Ok(document.entries),
        Ok(Sections::Dialect(sections, ..)) => {
            load(&mut loader, first.format, sections, policy);
            users_of(&loader)
        }
    };
    (outcome, loader.included)
}

fn expand_with(
    loader: &mut Loader<'_>,
    first: &First<'_>,
    policy: &Policy,
    told: &mut Vec<&'static str>,
) -> Outcome<Document> {
    let (sections, place, faults) = match sections_of(first)? {
        Sections::Plain(document) if policy.is_empty() => return Ok(document),
        Sections::Plain(document) => {
            // The provider's word counts for every format; its own keys stay as they stand.
            let message = "the emperor's templates are for uWSGI's dialect";
            return Err(vec![Complaint::new(document.place, message).hint(
                "write the options into an INI file, or below the key `uwsgi`",
            )]);
        }
        Sections::Dialect(sections, place, faults) => (sections, place, faults),
    };
    loader.complaints.extend(faults);
    load(loader, first.format, sections, policy);
    loader.complaints.extend(unread_sections(loader));
    told.extend(told_by(&loader.failed));
    let entries = entries_of(loader, told);
    if loader.complaints.is_empty() && entries.is_empty() {
        return Err(vec![empty()]);
    }
    Ok(Document {
        entries,
        place,
        // The language is the same in `[lictor]`; what the file means is not uWSGI's.
        is_dialect: first.format != Format::Ini || !has_lictor(loader),
    })
}

/// Whether the options of the first file stand in `[lictor]`.
fn has_lictor(loader: &Loader<'_>) -> bool {
    let mut sections = loader.files.iter().take(1).flat_map(|file| &file.sections);
    sections.any(|section| section.name == "lictor")
}

/// Everything in its order: the provider's before, the vassal's, the provider's behind.
fn load(loader: &mut Loader<'_>, format: Format, sections: Vec<ini::Section>, policy: &Policy) {
    loader.files.push(Loaded {
        path: loader.first.path.clone(),
        is_ini: format == Format::Ini,
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
}

fn names_of(path: &Path) -> Names {
    let path = path.to_string_lossy().into_owned();
    let name = path.rsplit('/').next().unwrap_or_default();
    Names::new(name, &path, "")
}

enum Sections {
    /// With where the first begins, and what is wrong with single lines.
    Dialect(Vec<ini::Section>, Place, Vec<Complaint>),
    Plain(Document),
}

fn sections_of(first: &First<'_>) -> Outcome<Sections> {
    if first.format == Format::Ini {
        let (sections, faults) = ini::sections(first.text);
        let own: Vec<&ini::Section> = sections
            .iter()
            .filter(|section| SECTIONS.contains(&section.name.as_str()))
            .collect();
        let Some(main) = own.first() else {
            if !faults.is_empty() {
                return Err(faults);
            }
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
        return Ok(Sections::Dialect(sections, place, faults));
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
    Ok(Sections::Dialect(vec![section], place, Vec::new()))
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
/// `[uwsgi:production]` is meant for uWSGI whoever reads it.
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
    let is_of_paste = section.contains(':') && !section.starts_with("uwsgi:");
    is_of_paste
        || known.contains(&section)
        || prefixes.iter().any(|prefix| section.starts_with(prefix))
}
