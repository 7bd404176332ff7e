//! Whether an answer of the app is compressed, and how its head changes.

use bytes::Bytes;

use super::coding::{Coding, accepted};
use super::list::elements;

/// Smaller bodies fit a packet either way, and gain less than the head that says so.
pub(crate) const SMALLEST_BYTES: u64 = 512;

/// What is to be done with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    /// Send it as it is.
    Leave,
    /// Send it as it is, but another client would get it compressed.
    Vary,
    /// Compress it.
    Compress,
}

/// Whether a client takes gzip.
pub(crate) fn takes_gzip<'f>(fields: impl Iterator<Item = &'f [u8]>) -> bool {
    let mut lines = fields.peekable();
    if lines.peek().is_none() {
        return false;
    }
    let list = lines.collect::<Vec<_>>().join(&b", "[..]);
    accepted(&list).any(|coding| coding == Coding::Gzip)
}

/// `length` is that of the body, if it is known; `is_taken`: the client takes gzip.
pub(crate) fn advice(
    status: u16,
    fields: &[(Bytes, Bytes)],
    types: &[String],
    length: Option<u64>,
    is_taken: bool,
) -> Advice {
    let bodiless = matches!(status, 204 | 206 | 304);
    if bodiless || length.is_some_and(|length| length < SMALLEST_BYTES) {
        return Advice::Leave;
    }
    let mut is_of_type = false;
    for (name, value) in fields {
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if is("content-encoding") || is("content-range") {
            return Advice::Leave;
        }
        if is("cache-control")
            && elements(value).any(|element| element.eq_ignore_ascii_case(b"no-transform"))
        {
            return Advice::Leave;
        }
        if is("content-type") {
            is_of_type = is_among(value, types);
        }
    }
    match (is_of_type, is_taken) {
        (false, _) => Advice::Leave,
        (true, false) => Advice::Vary,
        (true, true) => Advice::Compress,
    }
}

/// `text/*` takes all of `text`, `application/*+json` all with that end.
fn is_among(content_type: &[u8], types: &[String]) -> bool {
    let media = content_type.split(|byte| *byte == b';').next();
    let media = media.unwrap_or_default().trim_ascii().to_ascii_lowercase();
    types.iter().any(|kind| match kind.split_once('*') {
        None => media == kind.as_bytes(),
        Some((start, end)) => {
            media.len() > start.len() + end.len()
                && media.starts_with(start.as_bytes())
                && media.ends_with(end.as_bytes())
        }
    })
}

/// The head of an answer that depends on what the client takes.
pub(crate) fn vary(fields: &mut Vec<(Bytes, Bytes)>) {
    let is_said = fields.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case(b"vary")
            && elements(value)
                .any(|element| element == b"*" || element.eq_ignore_ascii_case(b"accept-encoding"))
    });
    if !is_said {
        fields.push((
            Bytes::from_static(b"Vary"),
            Bytes::from_static(b"Accept-Encoding"),
        ));
    }
}

/// The head of a compressed answer: of another length, and of the same meaning but not the same bytes
/// as its `ETag` stands for.
pub(crate) fn encoded(fields: &mut Vec<(Bytes, Bytes)>) {
    fields.retain(|(name, _)| {
        !name.eq_ignore_ascii_case(b"content-length")
            && !name.eq_ignore_ascii_case(b"accept-ranges")
    });
    for (name, value) in fields.iter_mut() {
        if name.eq_ignore_ascii_case(b"etag") && value.starts_with(b"\"") {
            *value = Bytes::from([b"W/", value.as_ref()].concat());
        }
    }
    fields.push((
        Bytes::from_static(b"Content-Encoding"),
        Bytes::from_static(b"gzip"),
    ));
    vary(fields);
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{Advice, advice, encoded, takes_gzip};

    fn fields(pairs: &[(&'static str, &'static str)]) -> Vec<(Bytes, Bytes)> {
        pairs
            .iter()
            .map(|(name, value)| (Bytes::from(*name), Bytes::from(*value)))
            .collect()
    }

    #[test]
    fn the_usual_answers_are_left_alone() {
        use Advice::{Compress, Leave, Vary};
        let types = ["text/*", "application/json", "application/*+json"].map(str::to_owned);
        let html = ("Content-Type", "text/html; charset=utf-8");
        let ask = |status, pairs: &[(&'static str, &'static str)], length, is_taken| {
            advice(status, &fields(pairs), &types, length, is_taken)
        };
        for (pairs, expected) in [
            (vec![html], Compress),
            (vec![("content-type", "TEXT/Plain")], Compress),
            (vec![("content-type", "application/problem+json")], Compress),
            (vec![("content-type", "application/+json")], Leave),
            (vec![("content-type", "application/jsonish")], Leave),
            (vec![("content-type", "image/png")], Leave),
            (vec![], Leave),
            (vec![html, ("content-encoding", "br")], Leave),
            (vec![html, ("content-range", "bytes 0-1/2")], Leave),
            (vec![html, ("Cache-Control", "public, No-Transform")], Leave),
            (vec![html, ("Cache-Control", "public")], Compress),
        ] {
            assert_eq!(ask(200, &pairs, None, true), expected, "{pairs:?}");
        }
        for status in [204, 206, 304] {
            assert_eq!(ask(status, &[html], None, true), Leave);
        }
        assert_eq!(ask(404, &[html], Some(512), true), Compress);
        assert_eq!(ask(200, &[html], Some(511), true), Leave);
        assert_eq!(ask(200, &[html], None, false), Vary);
    }

    #[test]
    fn the_head_says_what_was_done() {
        let mut head = fields(&[
            ("Content-Length", "1000"),
            ("ETag", "\"a\""),
            ("Vary", "Cookie"),
            ("Accept-Ranges", "bytes"),
        ]);
        encoded(&mut head);
        let expected = fields(&[
            ("ETag", "W/\"a\""),
            ("Vary", "Cookie"),
            ("Content-Encoding", "gzip"),
            ("Vary", "Accept-Encoding"),
        ]);
        assert_eq!(head, expected);
        let mut head = fields(&[("ETag", "W/\"a\""), ("vary", "accept-encoding")]);
        encoded(&mut head);
        let expected = fields(&[
            ("ETag", "W/\"a\""),
            ("vary", "accept-encoding"),
            ("Content-Encoding", "gzip"),
        ]);
        assert_eq!(head, expected);
    }

    #[test]
    fn several_lines_are_one_list() {
        let takes = |lines: &[&'static str]| takes_gzip(lines.iter().map(|line| line.as_bytes()));
        assert!(takes(&["br", "gzip"]));
        assert!(!takes(&["br", "gzip;q=0"]));
        assert!(!takes(&[]));
    }
}
