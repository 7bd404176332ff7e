//! Bytes that Python need not touch: files instead of the app, files in its name, and compression.
//!
//! `rules` decides (pure), `open` opens, and here both meet: [`Files::answer`] before the app is
//! asked, [`Files::take_over`] when it has named a file. What comes of it goes the way of every
//! answer; the HTTP side sends the file while no thread waits for it.

mod compress;
mod named;
pub(crate) mod open;
mod place;
mod routed;
mod rules;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use lictor_core::config::{FileServeMode, FilesConfig};

pub(crate) use self::compress::{Encoder, compress};
pub(crate) use self::named::{file_field, take_name};
pub(crate) use self::rules::compressible::{Advice, advice, encoded, takes_gzip, vary};

use self::named::NamedFiles;
use self::open::entry::Opened;
use self::open::{Entry, Root};
use self::place::Place;
use self::rules::coding::{Coding, accepted};
use self::rules::conditions::Conditions;
use self::rules::content_type;
use self::rules::expires::{Expires, Wanted};
use self::rules::plan::{Body, Described, Facts, Fields, plan};
use self::rules::range::Part;
use self::rules::route::{self, Mount, Named, is_clean, with_slash};
use super::exchange::{BodyPiece, FilePart, Outcome, Report, RequestHead, ResponseHead};
use super::introduce::fresh_name;

/// What the options say about files.
#[derive(Debug)]
pub(crate) struct Files {
    /// The longest prefix first.
    mounts: Vec<Mount<Place>>,
    index: Vec<String>,
    max_age: Option<u64>,
    expires: Expires,
    /// Ends of paths that are left to the app.
    skipped: Vec<String>,
    safe: Vec<PathBuf>,
    named: Option<NamedFiles>,
    /// Of the rules for requests.
    routed: Vec<Place>,
}

/// What a path stands for.
enum Found<'f> {
    File(Root<'f>, Vec<u8>, Opened),
    /// A directory whose path has no slash at its end.
    WithoutSlash,
    /// Something, but this process has no descriptor or no memory left for it.
    Unavailable,
}

impl Files {
    /// `None`: every request goes to the app, and so does its answer to the client.
    /// `routed` are the files that rules for requests send.
    pub(crate) fn new<'p>(
        config: &FilesConfig,
        routed: impl Iterator<Item = &'p Path>,
    ) -> Option<Self> {
        let routed = routed::places(routed);
        let maps = config.static_maps.iter().map(|map| Mount {
            prefix: map.prefix.clone().into_bytes(),
            is_prefix_kept: map.is_prefix_kept,
            root: Place::new(&map.path),
        });
        let checked = config.check_static.iter().map(|path| Mount {
            prefix: Vec::new(),
            is_prefix_kept: false,
            root: Place::new(path),
        });
        let mut mounts: Vec<_> = maps.chain(checked).collect();
        route::sort(&mut mounts);
        let is_naming = config.file_serve_mode != FileServeMode::Off;
        if mounts.is_empty() && !is_naming && routed.is_empty() {
            return None;
        }
        Some(Self {
            mounts,
            index: config.static_index.clone(),
            max_age: config.static_max_age.map(|age| age.as_secs()),
            expires: Expires::new(&config.static_expires),
            skipped: config.static_skip.clone(),
            safe: config.static_safe.clone(),
            named: is_naming.then(|| NamedFiles::new(config)),
            routed,
        })
    }

    /// The answer to a request that a file answers.
    pub(crate) fn answer<'r>(
        &self,
        head: &RequestHead<'_>,
        fields: impl Iterator<Item = (&'r str, &'r [u8])>,
    ) -> Option<Report> {
        if !matches!(head.method, "GET" | "HEAD") {
            return None;
        }
        let mut mounts = self
            .mounts
            .iter()
            .filter_map(|mount| Some((&mount.root, mount.name(&head.path)?)))
            .peekable();
        let is_skipped = |end: &String| head.path.ends_with(end.as_bytes());
        if self.skipped.iter().any(is_skipped) {
            return None;
        }
        if mounts.peek().is_none() || !is_clean(&head.path, head.uri.as_bytes()) {
            return None;
        }
        match mounts.find_map(|(place, named)| self.find(place, named))? {
            Found::File(root, name, file) => {
                let conditions = Conditions::read(head.method, fields);
                Some(self.send(&root, &name, file, (head, &conditions)))
            }
            Found::WithoutSlash => Some(redirect(with_slash(head.uri))),
            Found::Unavailable => Some(Report {
                is_error: true,
                ..report(Outcome::Failed, 503, 0)
            }),
        }
    }

    fn find<'f>(&'f self, place: &'f Place, named: Named<'_>) -> Option<Found<'f>> {
        let root = match Root::open(&place.path, &self.safe) {
            Ok(root) => root,
            Err(absence) => return place.without(b"", absence),
        };
        match root.look(named.name) {
            Ok(Entry::File(file)) => {
                (!named.is_directory).then(|| Found::File(root, named.name.to_vec(), file))
            }
            Ok(Entry::Directory) => {
                let (name, file) = self.index_of(&root, named.name, place)?;
                Some(if named.is_directory {
                    Found::File(root, name, file)
                } else {
                    Found::WithoutSlash
                })
            }
            Err(absence) => place.without(named.name, absence),
        }
    }

    fn index_of(
        &self,
        root: &Root<'_>,
        directory: &[u8],
        place: &Place,
    ) -> Option<(Vec<u8>, Opened)> {
        self.index.iter().find_map(|index| {
            let name = match directory {
                b"" => index.as_bytes().to_vec(),
                _ => [directory, b"/", index.as_bytes()].concat(),
            };
            match root.look(&name) {
                Ok(Entry::File(file)) => Some((name, file)),
                Ok(Entry::Directory) => None,
                Err(absence) => {
                    place.tell(&name, absence);
                    None
                }
            }
        })
    }

    fn send(
        &self,
        root: &Root<'_>,
        name: &[u8],
        file: Opened,
        (head, conditions): (&RequestHead<'_>, &Conditions<'_>),
    ) -> Report {
        let kind = content_type::of(if name.is_empty() { root.path() } else { name });
        let age = self.age_of(root, name, &file, (head, kind.name));
        let packed = conditions
            .accept_encoding
            .as_deref()
            .filter(|_| kind.is_compressible)
            .and_then(|accept| packed(root, name, &file, accept));
        let (file, coding) = match packed {
            Some((packed, coding)) => (packed, Some(coding)),
            None => (file, None),
        };
        let described = Described {
            facts: facts(&file),
            content_type: kind.name,
            coding,
            is_negotiated: kind.is_compressible,
            max_age: age.or(self.max_age),
            has_expires: age.is_some(),
            own: &[],
        };
        carry_out(&described, file, conditions)
    }

    /// How long the client may keep this file, by `static-expires` and its kind.
    fn age_of(
        &self,
        root: &Root<'_>,
        name: &[u8],
        file: &Opened,
        (head, content_type): (&RequestHead<'_>, &str),
    ) -> Option<u64> {
        if self.expires.is_empty() {
            return None;
        }
        let path = if name.is_empty() {
            root.path().to_vec()
        } else {
            [root.path(), name].join(&b'/')
        };
        self.expires.age_of(&Wanted {
            file: &path,
            uri: head.uri,
            path_info: &head.path,
            content_type,
            changed: facts(file).modified(u64::MAX).unwrap_or_default(),
            now: now(),
        })
    }

    /// The app has answered, and perhaps named a file that is to be sent instead.
    pub(crate) fn take_over<'r>(
        &self,
        report: Report,
        head: &RequestHead<'_>,
        fields: impl Iterator<Item = (&'r str, &'r [u8])>,
    ) -> Report {
        match &self.named {
            Some(named) => named.take_over(report, &self.safe, head, fields),
            None => report,
        }
    }
}

/// The encoding beside a file that the client likes best, unless it is older than the file.
fn packed(
    root: &Root<'_>,
    name: &[u8],
    file: &Opened,
    accept_encoding: &[u8],
) -> Option<(Opened, Coding)> {
    accepted(accept_encoding).find_map(|coding| match root.beside(name, coding.suffix()) {
        Ok(Entry::File(packed)) if packed.modified_ns >= file.modified_ns => Some((packed, coding)),
        Ok(Entry::File(_) | Entry::Directory) | Err(_) => None,
    })
}

fn facts(file: &Opened) -> Facts {
    Facts {
        size: file.size,
        modified_ns: file.modified_ns,
        changed_ns: file.changed_ns,
    }
}

/// What comes of a file and the conditions of a request.
fn carry_out(described: &Described<'_>, file: Opened, conditions: &Conditions<'_>) -> Report {
    let plan = plan(described, conditions, now(), fresh_name);
    let head = response_head(plan.status, plan.fields);
    let file = Arc::new(file.fd);
    let part_of = |part: Part| FilePart {
        file: Arc::clone(&file),
        offset: part.first,
        length: part.length,
    };
    let (outcome, length) = match plan.body {
        Body::Nothing => (Outcome::Answer(head, Bytes::new()), 0),
        Body::Part(part) => (Outcome::File(head, part_of(part)), part.length),
        Body::Parts(parts) => {
            let length = parts.length();
            let sections = parts.sections.into_iter();
            let pieces = sections
                .flat_map(|(lead, part)| [BodyPiece::Bytes(lead), BodyPiece::File(part_of(part))])
                .chain([BodyPiece::Bytes(parts.end)]);
            (Outcome::FileParts(head, pieces.collect()), length)
        }
    };
    let body_bytes = if conditions.is_get { length } else { 0 };
    report(outcome, plan.status, body_bytes)
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn response_head(status: u16, fields: Fields) -> ResponseHead {
    let reason: &[u8] = match status {
        200 => b"OK",
        206 => b"Partial Content",
        301 => b"Moved Permanently",
        304 => b"Not Modified",
        404 => b"Not Found",
        405 => b"Method Not Allowed",
        412 => b"Precondition Failed",
        _ => b"Range Not Satisfiable",
    };
    ResponseHead {
        status,
        reason: Bytes::from_static(reason),
        fields,
        ..ResponseHead::default()
    }
}

fn report(outcome: Outcome, status: u16, body_bytes: u64) -> Report {
    Report {
        outcome,
        status,
        body_bytes,
        is_error: false,
    }
}

fn redirect(to: String) -> Report {
    let fields = vec![(Bytes::from_static(b"Location"), Bytes::from(to))];
    let head = response_head(301, fields);
    report(Outcome::Answer(head, Bytes::new()), 301, 0)
}

/// One line in the vassal's log. What it names is escaped.
fn log(line: &str) {
    say(&format!("lictor: {line}"));
}

/// The same in somebody else's words.
pub(crate) fn say(line: &str) {
    // One write, so that lines of several workers do not mix; a full pipe loses it.
    let _lost = rustix::io::write(rustix::stdio::stderr(), format!("{line}\n").as_bytes());
}
