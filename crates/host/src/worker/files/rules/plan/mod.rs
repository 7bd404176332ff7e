//! The head of an answer that is a file, and which part of the file follows.

use bytes::Bytes;

use super::coding::Coding;
use super::conditions::{Conditions, Subject, Verdict, date, date_text, judge};
use super::multipart::Multipart;
use super::range::Part;

/// Names and values.
pub(crate) type Fields = Vec<(Bytes, Bytes)>;

/// What fstat(2) says of a regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) size: u64,
    /// Nanoseconds since 1970.
    pub(crate) modified_ns: i128,
    pub(crate) changed_ns: i128,
}

impl Facts {
    /// A strong validator (RFC 9110 §8.8.3): another file, or another content, has another one.
    ///
    /// The time of the inode's change is in it, because the kernel alone sets it: package managers
    /// and build tools give files of equal size the same time of modification again and again.
    pub(crate) fn etag(&self, coding: Option<Coding>) -> String {
        let (size, modified, changed) = (self.size, self.modified_ns, self.changed_ns);
        let coding = coding.map_or("", Coding::suffix);
        format!("\"{size:x}-{modified:x}-{changed:x}{coding}\"")
    }

    /// In whole seconds. A time that has not come yet is none (RFC 9110 §8.8.2.1).
    pub(crate) fn modified(&self, now: u64) -> Option<u64> {
        u64::try_from(self.modified_ns.div_euclid(1_000_000_000))
            .ok()
            .filter(|modified| *modified <= now)
    }
}

/// The file that is to be sent, and what is said of it.
#[derive(Debug)]
pub(crate) struct Described<'a> {
    pub(crate) facts: Facts,
    pub(crate) content_type: &'static str,
    pub(crate) coding: Option<Coding>,
    /// Other clients may get another encoding.
    pub(crate) is_negotiated: bool,
    pub(crate) max_age: Option<u64>,
    /// The same is said as a date.
    pub(crate) has_expires: bool,
    /// What the app says, which has precedence.
    pub(crate) own: &'a [(Bytes, Bytes)],
}

impl Described<'_> {
    /// The date until which a client may keep it.
    fn expires(&self, now: u64) -> Option<Bytes> {
        let age = self.max_age.filter(|_| self.has_expires)?;
        Some(Bytes::from(date_text(now.saturating_add(age))))
    }
}

/// An answer: a head, and what of the file follows it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) body: Body,
}

/// What follows a head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Nothing,
    Part(Part),
    Parts(Multipart),
}

/// What a client gets that asks for a file with these conditions. `boundary` makes what stands between
/// several parts.
pub(crate) fn plan(
    file: &Described<'_>,
    conditions: &Conditions<'_>,
    now: u64,
    boundary: impl FnOnce() -> String,
) -> Plan {
    let own = |name: &str| {
        let mut fields = file.own.iter();
        let found = fields.find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        found.map(|(_, value)| value.clone())
    };
    let etag = own("etag").unwrap_or_else(|| Bytes::from(file.facts.etag(file.coding)));
    let modified = match own("last-modified") {
        Some(text) => date(&text),
        None => file.facts.modified(now),
    };
    let size = file.facts.size;
    let subject = Subject {
        size,
        etag: Some(&etag),
        modified,
        now,
    };
    let is_encoded = file.coding.is_some() || own("content-encoding").is_some();
    let mut verdict = judge(conditions, &subject);
    // It would not be told apart whether the parts are encoded or the whole of them.
    if is_encoded && matches!(verdict, Verdict::Parts(_)) {
        verdict = Verdict::Whole;
    }
    let mut plan = Plan {
        status: 200,
        fields: kept(file.own, &verdict),
        body: Body::Nothing,
    };
    plan.add("ETag", || Some(etag.clone()));
    plan.add("Last-Modified", || modified.map(date_text).map(Bytes::from));
    plan.add("Cache-Control", || {
        file.max_age
            .map(|seconds| Bytes::from(format!("max-age={seconds}")))
    });
    plan.add("Expires", || file.expires(now));
    if file.is_negotiated {
        plan.add("Vary", || Some(Bytes::from_static(b"Accept-Encoding")));
    }
    match verdict {
        Verdict::Whole => {
            let (first, length) = (0, size);
            plan.describe(file, 200, Body::Part(Part { first, length }));
        }
        Verdict::Part(part) => {
            plan.describe(file, 206, Body::Part(part));
            let (first, last) = (part.first, part.first + part.length - 1);
            plan.set("Content-Range", format!("bytes {first}-{last}/{size}"));
        }
        Verdict::Parts(parts) => {
            plan.describe_parts(file, &parts, &boundary(), own("content-type"));
        }
        Verdict::NotModified => plan.status = 304,
        Verdict::Failed => plan.status = 412,
        Verdict::Unsatisfiable => {
            plan.status = 416;
            plan.set("Content-Range", format!("bytes */{size}"));
        }
    }
    plan
}

/// The app's fields as far as they are true of this answer: what describes the body does so only where
/// there is one.
fn kept(own: &[(Bytes, Bytes)], verdict: &Verdict) -> Fields {
    let has_parts = matches!(verdict, Verdict::Parts(_));
    let has_body = has_parts || matches!(verdict, Verdict::Whole | Verdict::Part(_));
    let is_kept = |name: &[u8]| {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        let is_of_body = is("content-type") || is("content-encoding") || is("content-disposition");
        let is_replaced = is("content-length") || is("content-range");
        // Each part has it.
        let is_moved = has_parts && is("content-type");
        !is_replaced && !is_moved && (has_body || !is_of_body)
    };
    own.iter()
        .filter(|(name, _)| is_kept(name))
        .cloned()
        .collect()
}

impl Plan {
    fn describe(&mut self, file: &Described<'_>, status: u16, body: Body) {
        self.status = status;
        self.body = body;
        self.add("Content-Type", || {
            Some(Bytes::from_static(file.content_type.as_bytes()))
        });
        self.add("Content-Encoding", || {
            file.coding
                .map(|coding| Bytes::from_static(coding.name().as_bytes()))
        });
        self.add("Accept-Ranges", || Some(Bytes::from_static(b"bytes")));
    }

    /// Each part has the type of the file, and the whole its own.
    fn describe_parts(
        &mut self,
        file: &Described<'_>,
        parts: &[Part],
        boundary: &str,
        own_type: Option<Bytes>,
    ) {
        let content_type =
            own_type.unwrap_or_else(|| Bytes::from_static(file.content_type.as_bytes()));
        let body = Multipart::new(boundary, &content_type, file.facts.size, parts);
        self.set("Content-Type", Multipart::content_type(boundary));
        self.describe(file, 206, Body::Parts(body));
    }

    /// Adds a field, unless the app has said it.
    fn add(&mut self, name: &'static str, value: impl FnOnce() -> Option<Bytes>) {
        let is_there = self
            .fields
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()));
        if let Some(value) = (!is_there).then(value).flatten() {
            self.fields
                .push((Bytes::from_static(name.as_bytes()), value));
        }
    }

    fn set(&mut self, name: &'static str, value: String) {
        let field = (Bytes::from_static(name.as_bytes()), Bytes::from(value));
        self.fields.push(field);
    }
}

#[cfg(test)]
mod tests;
