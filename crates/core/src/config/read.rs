//! From bytes, or flags, to a vassal: find each key in the option table, apply it, check the whole.
//!
//! Every complaint is collected on the way. Options are applied after all keys are known, so that
//! repeated ones meet, and in the order of the file.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::diagnostic::{Complaint, Diagnostics, quote};
use super::dialect::{First, Outside, Policy, Unasked, expand, user_entries};
use super::draft::{Draft, Start};
use super::flags::{flag_entries, is_overridden};
use super::format::{Document, Format};
use super::given::given;
use super::options::{Answer, Found, ValueKind, look_up, nearest};
use super::setting::{Outcome, Setting};
use super::source::Source;
use super::tree::{Entry, Node, Place, Value};
use super::types::{GroupName, UserName};
use super::vassal::VassalConfig;
use crate::sys::{FileReadError, read_bounded};

/// Largest vassal file.
const FILE_LIMIT_BYTES: u64 = 1024 * 1024;

/// Reads and parses a vassal file; its extension says the format.
pub fn read_vassal(path: &Path) -> Result<VassalConfig, Diagnostics> {
    parse_vassal(path, &read_vassal_bytes(path)?)
}

/// The bytes of a vassal file: regular, readable and of at most 1 MiB.
pub fn read_vassal_bytes(path: &Path) -> Result<Vec<u8>, Diagnostics> {
    read_bounded(path, FILE_LIMIT_BYTES).map_err(|error| {
        let complaint = match &error {
            FileReadError::Io(io) => {
                let message = format!("could not read the file: {io}");
                Complaint::new(Place::File, message)
                    .hint("check that it exists and that the emperor's user may read it")
            }
            FileReadError::NotRegular => Complaint::new(Place::File, "not a regular file")
                .hint("a vassal is a plain file, or a link to one"),
            FileReadError::TooLarge { .. } => too_large(),
        };
        Diagnostics::new(path, None, vec![complaint])
    })
}

/// Parses the bytes of a vassal file. Nothing but the working directory, which makes a relative
/// `path` absolute, is asked of the machine; [`Diagnostics::asks_outside`] tells when the file needs
/// more than that.
pub fn parse_vassal(path: &Path, bytes: &[u8]) -> Result<VassalConfig, Diagnostics> {
    parse_vassal_under(path, bytes, &Policy::default())
}

/// The same between what the provider adds to it.
pub fn parse_vassal_under(
    path: &Path,
    bytes: &[u8],
    policy: &Policy,
) -> Result<VassalConfig, Diagnostics> {
    let unasked = Unasked::default();
    parse_vassal_with(path, bytes, policy, &unasked)
        .map_err(|diagnostics| diagnostics.asking(unasked.was_asked()))
}

/// Parses the bytes of a vassal file between what the provider adds to it, and asks `outside` for
/// whatever it names.
pub fn parse_vassal_with(
    path: &Path,
    bytes: &[u8],
    policy: &Policy,
    outside: &dyn Outside,
) -> Result<VassalConfig, Diagnostics> {
    let world = World { policy, outside };
    parse_all(
        &policy.flags_base,
        Some((path, bytes)),
        &policy.flags,
        world,
    )
}

/// Who a vassal runs as, as far as its file and the provider say so without anything else.
pub fn vassal_user(path: &Path, bytes: &[u8], policy: &Policy) -> Result<VassalUser, Diagnostics> {
    let format =
        Format::of(path).ok_or_else(|| Diagnostics::new(path, None, vec![unknown_format()]))?;
    let (source, complaint) = Source::new(format, bytes);
    if let Some(complaint) = complaint {
        return Err(Diagnostics::new(path, Some(&source), vec![complaint]));
    }
    let first = First {
        path: &absolute(path),
        format,
        text: source.text(),
    };
    let (entries, included) = user_entries(&first, policy);
    let source = source.with_others(included);
    let annotate = |complaints| Diagnostics::new(path, Some(&source), complaints);
    let entries = entries.map_err(annotate)?;
    let mut reading = Reading::default();
    let base = directory_of(path);
    let mut draft = Draft::default();
    let flags = flag_entries(&policy.flags);
    let (bases, flag_bases) = (Bases::same(&base), Bases::same(&policy.flags_base));
    let settings = reading.gather(&entries, &bases, Some(&source));
    let settings = settings.into_iter();
    // Of the command line's, whatever else is wrong shows when all is read.
    let overriding = reading.gather(&flags, &flag_bases, None).into_iter();
    let overriding = overriding.filter(|setting| ["uid", "gid"].contains(&setting.spec.name));
    for setting in settings.chain(overriding) {
        (setting.spec.apply)(&mut draft, &setting).map_err(annotate)?;
    }
    Ok(VassalUser {
        uid: draft.uid,
        gid: draft.gid,
    })
}

/// Who a vassal runs as.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VassalUser {
    /// User, if said.
    pub uid: Option<UserName>,
    /// Group, if said.
    pub gid: Option<GroupName>,
}

/// What a reading knows beside the file.
#[derive(Clone, Copy)]
struct World<'w> {
    policy: &'w Policy,
    outside: &'w dyn Outside,
}

/// Parses options given as flags, over those of a file if there is one.
///
/// A flag is its name, with or without dashes, and the texts of its values: none for a switch,
/// several where it was repeated. A flag replaces what the file says; variables of `env` are added
/// to the file's. Relative paths in flags are relative to `base_dir`, those in the file to the
/// file's directory.
pub fn parse_flags(
    base_dir: &Path,
    file: Option<(&Path, &[u8])>,
    flags: &[(String, Vec<String>)],
    outside: &dyn Outside,
) -> Result<VassalConfig, Diagnostics> {
    let policy = &Policy::default();
    parse_all(base_dir, file, flags, World { policy, outside })
}

fn parse_all(
    base_dir: &Path,
    file: Option<(&Path, &[u8])>,
    flags: &[(String, Vec<String>)],
    world: World<'_>,
) -> Result<VassalConfig, Diagnostics> {
    let path = file.map_or(Path::new("command line"), |(path, _)| path);
    let base_dir = &absolute(base_dir);
    let mut reading = Reading::default();
    let entries = flag_entries(flags);
    let flag_bases = Bases::same(base_dir);
    let flag_settings = reading.gather(&entries, &flag_bases, None);
    let Some((file_path, bytes)) = file else {
        return reading
            .finish(
                &flag_settings,
                base_dir,
                &Start {
                    place: Place::Flag("command line".to_owned()),
                    format: None,
                },
            )
            .map_err(|complaints| Diagnostics::new(path, None, complaints));
    };
    let refuse = |source: Option<&Source<'_>>, complaint: Complaint| {
        Err(Diagnostics::new(path, source, vec![complaint]))
    };
    if bytes.len() as u64 > FILE_LIMIT_BYTES {
        return refuse(None, too_large());
    }
    let Some(format) = Format::of(file_path) else {
        return refuse(None, unknown_format());
    };
    let (source, complaint) = Source::new(format, bytes);
    if let Some(complaint) = complaint {
        return refuse(Some(&source), complaint);
    }
    let absolute_path = absolute(file_path);
    let first = First {
        path: &absolute_path,
        format,
        text: source.text(),
    };
    let expanded = expand(&first, world.policy, world.outside);
    let source = source.with_others(expanded.included);
    let annotate = |complaints| Diagnostics::new(path, Some(&source), complaints);
    let document = expanded.document.map_err(annotate)?;
    reading.complaints.extend(expanded.complaints);
    reading.told.extend(expanded.told);
    let file_base = directory_of(file_path);
    let bases = Bases::of(&document, &file_base);
    let mut settings = reading.gather(&document.entries, &bases, Some(&source));
    settings.retain(|setting| !is_overridden(setting, &flag_settings));
    settings.extend(flag_settings);
    let start = Start {
        place: document.place,
        format: Some(format),
    };
    let mut vassal = reading
        .finish(&settings, &file_base, &start)
        .map_err(annotate)?;
    vassal.module.given = given(document.entries.iter().chain(&entries));
    Ok(vassal)
}

fn too_large() -> Complaint {
    let message = format!("the file is larger than {FILE_LIMIT_BYTES} bytes");
    Complaint::new(Place::File, message)
        .hint("a vassal file holds the options of one app and nothing else")
}

pub(super) fn unknown_format() -> Complaint {
    Complaint::new(Place::File, "the file's name does not say its format")
        .hint("end it in `.toml`, `.yaml`, `.yml`, `.json` or `.ini`")
}

/// The directory that a file's relative paths are relative to, absolute by text alone.
pub(super) fn directory_of(path: &Path) -> PathBuf {
    absolute(path).parent().unwrap_or(Path::new("/")).to_owned()
}

/// Relative to the working directory; should that be gone, to the root.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| Path::new("/").join(path))
}

/// What relative paths are relative to.
pub(super) struct Bases {
    /// The directory of the file.
    file: PathBuf,
    /// That from which all but a few are taken.
    usual: PathBuf,
}

impl Bases {
    fn same(base: &Path) -> Self {
        Self {
            file: base.to_owned(),
            usual: base.to_owned(),
        }
    }

    /// uWSGI enters `chdir` before it looks for nearly anything that its files name.
    pub(super) fn of(document: &Document, file: &Path) -> Self {
        let chdir = document.entries.iter().rev().find_map(|entry| {
            let is_it = match look_up(&entry.key) {
                Some(Found::Option(spec)) => spec.name == "chdir",
                Some(Found::Foreign(_)) | None => false,
            };
            if let (true, Value::Text(text)) = (is_it, &entry.node.value) {
                Some(text.trim())
            } else {
                None
            }
        });
        let usual = match chdir {
            Some(chdir) if document.is_dialect => file.join(chdir),
            _ => file.to_owned(),
        };
        Self {
            file: file.to_owned(),
            usual,
        }
    }

    /// Its log and its pid file uWSGI opens before that.
    pub(super) fn for_option(&self, name: &str) -> &Path {
        if matches!(name, "chdir" | "logto" | "pidfile") {
            &self.file
        } else {
            &self.usual
        }
    }

    /// Where a relative path would begin if the file were no file of uWSGI's, if that is elsewhere.
    pub(super) fn moved(&self, name: &str) -> Option<&Path> {
        let base = self.for_option(name);
        (base != self.file).then_some(base)
    }

    /// The directory of the file.
    pub(super) fn file(&self) -> &Path {
        &self.file
    }
}

/// The state of one reading.
#[derive(Default)]
struct Reading {
    complaints: Vec<Complaint>,
    /// Options that were meant, whatever came of it: they are not missing.
    told: Vec<&'static str>,
}

impl Reading {
    /// Finds what each entry sets.
    fn gather<'a>(
        &mut self,
        entries: &'a [Entry],
        bases: &'a Bases,
        source: Option<&'a Source<'a>>,
    ) -> Vec<Setting<'a>> {
        let mut settings: Vec<Setting<'a>> = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let order = (source.is_none(), index);
            match look_up(&entry.key) {
                Some(Found::Option(spec)) => {
                    let known = settings
                        .iter_mut()
                        .find(|known| known.spec.name == spec.name);
                    let Some(known) = known else {
                        settings.push(Setting {
                            spec,
                            key: &entry.key,
                            key_place: entry.place.clone(),
                            nodes: vec![&entry.node],
                            orders: vec![order],
                            base: bases.for_option(spec.name),
                            source,
                        });
                        continue;
                    };
                    let may_repeat = source.is_none_or(Source::repeats_keys);
                    if may_repeat && spec.kind == ValueKind::Many {
                        known.nodes.push(&entry.node);
                        known.orders.push(order);
                    } else {
                        self.complaints.push(repeated(known, entry, may_repeat));
                    }
                }
                Some(Found::Foreign(foreign)) => self.foreign(entry, &foreign.answer),
                None => self.unknown(entry),
            }
        }
        settings
    }

    /// What is said to a name of uWSGI's that is no option of ours.
    fn foreign(&mut self, entry: &Entry, answer: &Answer) {
        match answer {
            Answer::Fixed(fixed) => {
                self.complaints
                    .extend(fixed.complaint(&entry.key, &entry.node));
            }
            Answer::Dialect(_) => {
                let message = format!("{} belongs to uWSGI's own files", quote(&entry.key));
                self.complaints
                    .push(Complaint::new(entry.place.clone(), message).hint(
                        "write it into an INI file, or below the key `uwsgi` of a YAML or \
                             JSON file, where uWSGI's dialect is read",
                    ));
            }
            Answer::Refused(refused) => {
                self.complaints
                    .push(refused.complaint(&entry.key, entry.place.clone()));
                self.told.extend(refused.stands_for);
            }
        }
    }

    fn unknown(&mut self, entry: &Entry) {
        let message = format!("unknown option {}", quote(&entry.key));
        let complaint = Complaint::new(entry.place.clone(), message);
        self.complaints.push(match nearest(&entry.key) {
            Some(name) => {
                if let Some(Found::Option(spec)) = look_up(name) {
                    self.told.push(spec.name);
                }
                complaint.hint(format!("did you mean `{name}`?"))
            }
            None => complaint.hint("`lictor explain` lists every option"),
        });
    }

    /// Applies all settings and checks the whole.
    fn finish(
        mut self,
        settings: &[Setting<'_>],
        base: &Path,
        start: &Start,
    ) -> Outcome<VassalConfig> {
        let mut draft = Draft::default();
        for setting in settings {
            let outcome = match setting.nodes.iter().find_map(|node| nul_complaint(node)) {
                Some(complaint) => Err(vec![complaint]),
                None => (setting.spec.apply)(&mut draft, setting),
            };
            self.complaints.extend(outcome.err().unwrap_or_default());
        }
        self.told
            .extend(settings.iter().map(|setting| setting.spec.name));
        match draft.finish(base, start, &self.told) {
            Ok(vassal) if self.complaints.is_empty() => Ok(vassal),
            Ok(_) => Err(self.complaints),
            Err(missing) => {
                self.complaints.extend(missing);
                Err(self.complaints)
            }
        }
    }
}

/// The complaint about an option that is there already, perhaps by another name.
fn repeated(known: &Setting<'_>, entry: &Entry, may_repeat: bool) -> Complaint {
    let message = if known.key == entry.key {
        format!("{} is given twice", quote(&entry.key))
    } else {
        format!(
            "{} and {} are the same option",
            quote(known.key),
            quote(&entry.key)
        )
    };
    let hint = match (known.spec.kind, may_repeat) {
        (ValueKind::Many, true) => "repeat the same name for several values",
        (ValueKind::Many, false) => "give several values as a list",
        (ValueKind::Switch | ValueKind::One, _) => "keep one of them",
    };
    Complaint::new(entry.place.clone(), message)
        .also(known.key_place.clone(), "first here")
        .hint(hint)
}

/// Escapes can smuggle a NUL past the check of the text; no value may hold one.
fn nul_complaint(node: &Node) -> Option<Complaint> {
    match &node.value {
        Value::Text(text) if text.contains('\0') => Some(
            Complaint::new(node.place.clone(), "a NUL byte in a value")
                .hint("remove it: neither paths nor variables can hold one"),
        ),
        Value::List(items) => items.iter().find_map(nul_complaint),
        Value::Table(entries) => entries.iter().find_map(|entry| nul_complaint(&entry.node)),
        Value::Text(_)
        | Value::Null
        | Value::Bare
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Date(_) => None,
    }
}
