//! Files that rules for requests send (`route = … static:FILE`).

use std::path::Path;

use bytes::Bytes;

use super::open::{Absence, Entry, Root};
use super::rules::conditions::Conditions;
use super::rules::route::is_clean_name;
use super::{Files, Place, report, response_head};
use crate::worker::exchange::{Outcome, Report, RequestHead};

/// The files and directories of the rules.
pub(super) fn places<'p>(files: impl Iterator<Item = &'p Path>) -> Vec<Place> {
    files.map(Place::new).collect()
}

impl Files {
    /// Sends a file, told by its number among those of the rules and by its name there.
    pub(crate) fn send_routed<'r>(
        &self,
        (number, name): (usize, &[u8]),
        head: &RequestHead<'_>,
        fields: impl Iterator<Item = (&'r str, &'r [u8])>,
    ) -> Report {
        let Some(place) = self.routed.get(number) else {
            return Report::failure();
        };
        if !matches!(head.method, "GET" | "HEAD") {
            let allow = (
                Bytes::from_static(b"Allow"),
                Bytes::from_static(b"GET, HEAD"),
            );
            return refusal(405, "405 Method Not Allowed\n", Some(allow));
        }
        // What was put into the name must not lead out of the directory.
        if !name.is_empty() && !is_clean_name(name) {
            return missing();
        }
        let root = match Root::open(&place.path, &self.safe) {
            Ok(root) => root,
            Err(absence) => return without(place, name, absence),
        };
        match root.look(name) {
            Ok(Entry::File(file)) => {
                let conditions = Conditions::read(head.method, fields);
                self.send(&root, name, file, (head, &conditions))
            }
            Ok(Entry::Directory) => missing(),
            Err(absence) => without(place, name, absence),
        }
    }
}

fn without(place: &Place, name: &[u8], absence: Absence) -> Report {
    match place.without(name, absence) {
        None => missing(),
        Some(_unavailable) => Report {
            is_error: true,
            ..report(Outcome::Failed, 503, 0)
        },
    }
}

fn missing() -> Report {
    refusal(404, "404 Not Found\n", None)
}

fn refusal(status: u16, body: &'static str, field: Option<(Bytes, Bytes)>) -> Report {
    let content_type = (
        Bytes::from_static(b"Content-Type"),
        Bytes::from_static(b"text/plain; charset=utf-8"),
    );
    let fields = std::iter::once(content_type).chain(field).collect();
    let head = response_head(status, fields);
    let body = Bytes::from_static(body.as_bytes());
    let length = body.len() as u64;
    report(Outcome::Answer(head, body), status, length)
}
