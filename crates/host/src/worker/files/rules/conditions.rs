//! Conditional requests (RFC 9110 §13): whether the client has the file already, and which part of it
//! is wanted.

use std::borrow::Cow;
use std::time::{Duration, UNIX_EPOCH};

use super::list::elements;
use super::range::{self, Part, Wanted};

/// The fields of a request that matter for a file. A field that comes twice is one list, which none
/// of those that hold one value survives.
#[derive(Debug, Default)]
pub(crate) struct Conditions<'r> {
    /// Else HEAD, to which ranges mean nothing.
    pub(crate) is_get: bool,
    pub(crate) if_match: Option<Cow<'r, [u8]>>,
    pub(crate) if_none_match: Option<Cow<'r, [u8]>>,
    pub(crate) if_modified_since: Option<Cow<'r, [u8]>>,
    pub(crate) if_unmodified_since: Option<Cow<'r, [u8]>>,
    pub(crate) if_range: Option<Cow<'r, [u8]>>,
    pub(crate) range: Option<Cow<'r, [u8]>>,
    pub(crate) accept_encoding: Option<Cow<'r, [u8]>>,
}

impl<'r> Conditions<'r> {
    /// From all fields of a request, names in lower case.
    pub(crate) fn read(method: &str, fields: impl Iterator<Item = (&'r str, &'r [u8])>) -> Self {
        let mut conditions = Self {
            is_get: method == "GET",
            ..Self::default()
        };
        for (name, value) in fields {
            let place = match name {
                "if-match" => &mut conditions.if_match,
                "if-none-match" => &mut conditions.if_none_match,
                "if-modified-since" => &mut conditions.if_modified_since,
                "if-unmodified-since" => &mut conditions.if_unmodified_since,
                "if-range" => &mut conditions.if_range,
                "range" => &mut conditions.range,
                "accept-encoding" => &mut conditions.accept_encoding,
                _ => continue,
            };
            match place {
                None => *place = Some(Cow::Borrowed(value)),
                Some(before) => {
                    let before = before.to_mut();
                    before.extend_from_slice(b", ");
                    before.extend_from_slice(value);
                }
            }
        }
        conditions
    }
}

/// What is known of the file, or of what the app says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) size: u64,
    pub(crate) etag: Option<&'a [u8]>,
    /// In whole seconds since 1970, if it can be told.
    pub(crate) modified: Option<u64>,
    /// The same clock.
    pub(crate) now: u64,
}

/// What the client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// 200.
    Whole,
    /// 206.
    Part(Part),
    /// 206, the parts one after the other.
    Parts(Vec<Part>),
    /// 304.
    NotModified,
    /// 412.
    Failed,
    /// 416.
    Unsatisfiable,
}

/// In the order of RFC 9110 §13.2.2.
pub(crate) fn judge(conditions: &Conditions<'_>, subject: &Subject<'_>) -> Verdict {
    if let Some(tags) = &conditions.if_match {
        if !has_tag(tags, subject.etag, is_strongly_equal) {
            return Verdict::Failed;
        }
    } else if let Some(since) = conditions.if_unmodified_since.as_deref().and_then(date)
        && subject.modified.is_none_or(|modified| modified > since)
    {
        return Verdict::Failed;
    }
    if let Some(tags) = &conditions.if_none_match {
        if has_tag(tags, subject.etag, is_weakly_equal) {
            return Verdict::NotModified;
        }
    } else if let Some(since) = conditions.if_modified_since.as_deref().and_then(date)
        && subject.modified.is_some_and(|modified| modified <= since)
    {
        return Verdict::NotModified;
    }
    let range = conditions.range.as_deref().filter(|_| conditions.is_get);
    let is_fresh = |validator: &[u8]| is_same(validator, subject);
    match range {
        Some(range) if conditions.if_range.as_deref().is_none_or(is_fresh) => {
            match range::wanted(range, subject.size) {
                Wanted::Whole => Verdict::Whole,
                Wanted::Part(part) => Verdict::Part(part),
                Wanted::Parts(parts) => Verdict::Parts(parts),
                Wanted::Unsatisfiable => Verdict::Unsatisfiable,
            }
        }
        Some(_) | None => Verdict::Whole,
    }
}

/// `If-Range` (RFC 9110 §13.1.5): whether the part that the client has is of this very file. A date
/// says so only when the file was at rest by then: it may change twice in one second.
fn is_same(validator: &[u8], subject: &Subject<'_>) -> bool {
    let validator = validator.trim_ascii();
    if validator.starts_with(b"\"") {
        return subject
            .etag
            .is_some_and(|etag| is_strongly_equal(validator, etag));
    }
    date(validator).is_some_and(|date| subject.modified == Some(date) && date < subject.now)
}

fn has_tag(list: &[u8], etag: Option<&[u8]>, is_equal: fn(&[u8], &[u8]) -> bool) -> bool {
    if list.trim_ascii() == b"*" {
        return true;
    }
    etag.is_some_and(|etag| elements(list).any(|element| is_equal(element, etag)))
}

fn is_strongly_equal(one: &[u8], other: &[u8]) -> bool {
    one == other && one.starts_with(b"\"")
}

fn is_weakly_equal(one: &[u8], other: &[u8]) -> bool {
    opaque(one) == opaque(other)
}

fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// Seconds since 1970, of any of the three forms of a date.
pub(crate) fn date(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// As `Last-Modified` says it. Only for times up to now, of which the calendar has the year.
pub(crate) fn date_text(seconds: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Conditions, Part, Subject, Verdict, date_text, judge};

    const SUBJECT: Subject<'static> = Subject {
        size: 10,
        etag: Some(b"\"a\""),
        modified: Some(1_000_000_000),
        now: 1_000_000_100,
    };

    fn verdict(fields: &[(&'static str, &str)], method: &str) -> Verdict {
        let conditions = Conditions::read(
            method,
            fields.iter().map(|(name, value)| (*name, value.as_bytes())),
        );
        judge(&conditions, &SUBJECT)
    }

    type Row<'t> = (Vec<(&'static str, &'t str)>, Verdict);

    #[track_caller]
    fn check(table: Vec<Row<'_>>) {
        for (fields, expected) in table {
            assert_eq!(verdict(&fields, "GET"), expected, "{fields:?}");
        }
    }

    #[test]
    fn conditions_come_in_their_order() {
        use Verdict::{Failed, NotModified, Whole};
        let [before, at, after] = [999_999_999, 1_000_000_000, 1_000_000_001].map(date_text);
        let (before, at, after) = (before.as_str(), at.as_str(), after.as_str());
        let none_b = ("if-none-match", "\"b\"");
        let since = ("if-unmodified-since", before);
        check(vec![
            (vec![], Whole),
            (vec![("if-none-match", "\"a\"")], NotModified),
            (vec![("if-none-match", "W/\"a\"")], NotModified),
            (vec![("if-none-match", "\"b\", \"a\"")], NotModified),
            (vec![("if-none-match", "*")], NotModified),
            (vec![none_b], Whole),
            (vec![none_b, ("if-none-match", "\"a\"")], NotModified),
            (vec![none_b, ("if-modified-since", after)], Whole),
            (vec![("if-modified-since", before)], Whole),
            (vec![("if-modified-since", at)], NotModified),
            (vec![("if-modified-since", after)], NotModified),
            (vec![("if-modified-since", "yesterday")], Whole),
            (
                vec![("if-modified-since", at), ("if-modified-since", at)],
                Whole,
            ),
            (vec![("if-match", "\"a\"")], Whole),
            (vec![("if-match", "W/\"a\"")], Failed),
            (vec![("if-match", "\"b\"")], Failed),
            (vec![("if-match", "*")], Whole),
            (
                vec![("if-match", "\"b\""), ("if-none-match", "\"a\"")],
                Failed,
            ),
            (vec![since], Failed),
            (vec![("if-unmodified-since", at)], Whole),
            (vec![("if-match", "\"a\""), since], Whole),
        ]);
        assert_eq!(verdict(&[("if-none-match", "\"a\"")], "HEAD"), NotModified);
    }

    #[test]
    fn a_range_is_of_this_file_or_of_none() {
        use Verdict::{NotModified, Unsatisfiable, Whole};
        let (at, after) = (date_text(1_000_000_000), date_text(1_000_000_001));
        let (at, after) = (at.as_str(), after.as_str());
        let part = |first, length| Part { first, length };
        let large = ("range", "bytes=2-4,500-");
        let parts = Verdict::Parts(vec![part(2, 3), part(500, 500)]);
        let part = Verdict::Part(part(2, 3));
        let range = ("range", "bytes=2-4");
        let beyond = ("range", "bytes=10-");
        check(vec![
            (vec![range], part.clone()),
            (vec![range, ("range", "bytes=1-1")], Whole),
            (vec![beyond], Unsatisfiable),
            (vec![range, ("if-range", "\"a\"")], part.clone()),
            (vec![range, ("if-range", "W/\"a\"")], Whole),
            (vec![range, ("if-range", "\"b\"")], Whole),
            (vec![range, ("if-range", at)], part),
            (vec![range, ("if-range", after)], Whole),
            (vec![beyond, ("if-range", "\"b\"")], Whole),
            (vec![range, ("if-none-match", "\"a\"")], NotModified),
        ]);
        assert_eq!(verdict(&[range], "HEAD"), Whole);
        for (if_range, expected) in [("\"a\"", parts), ("\"b\"", Whole)] {
            let fields =
                [large, ("if-range", if_range)].map(|(name, value)| (name, value.as_bytes()));
            let subject = Subject {
                size: 1000,
                ..SUBJECT
            };
            let conditions = Conditions::read("GET", fields.into_iter());
            assert_eq!(judge(&conditions, &subject), expected, "{if_range}");
        }
    }

    #[test]
    fn a_file_of_this_second_may_change_again() {
        let at = date_text(1_000_000_000);
        let conditions = Conditions::read(
            "GET",
            [("range", &b"bytes=0-1"[..]), ("if-range", at.as_bytes())].into_iter(),
        );
        let subject = Subject {
            now: 1_000_000_000,
            ..SUBJECT
        };
        assert_eq!(judge(&conditions, &subject), Verdict::Whole);
    }

    proptest! {
        #[test]
        fn nothing_is_too_odd(fields: Vec<(usize, Vec<u8>)>, size: u64) {
            let names = [
                "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
                "if-range", "range", "accept-encoding", "host",
            ];
            let conditions = Conditions::read(
                "GET",
                fields.iter().map(|(name, value)| (names[name % names.len()], value.as_slice())),
            );
            if let Verdict::Part(Part { first, length }) = judge(&conditions, &Subject { size, ..SUBJECT }) {
                prop_assert!(length > 0 && first.checked_add(length).is_some_and(|end| end <= size));
            }
        }
    }
}
