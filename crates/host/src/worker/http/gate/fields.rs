//! What the fields of a head come to (RFC 9112 §3.2 and §6, RFC 9110 §10.1.1). Depends on nothing.
//!
//! Errors are the status to refuse with.

use super::bytes::{TOKEN, UNDERSCORE, classes, is_token};
use super::target::is_host_field;

/// Most fields of a head: hyper's own limit, for which it needs no memory of its own.
const FIELD_LIMIT: u32 = 100;

/// Where the body of a request ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
}

/// What the transfer codings named so far come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Coding {
    #[default]
    Absent,
    Chunked,
    /// Something else, without `chunked` at its end.
    Other,
    OtherThenChunked,
}

/// The fields seen so far, as far as they say where the message ends or for whom it is.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields {
    count: u32,
    has_host: bool,
    length: Option<u64>,
    coding: Coding,
    /// Something else than `100-continue` is expected.
    expects_other: bool,
    has_underscore: bool,
}

impl Fields {
    /// Takes one line, without its end.
    pub(super) fn add(&mut self, line: &[u8]) -> Result<(), u16> {
        let (name, value, seen) = split(line).ok_or(400_u16)?;
        self.count += 1;
        if self.count > FIELD_LIMIT {
            return Err(431);
        }
        self.has_underscore |= seen & UNDERSCORE != 0;
        match (name.len(), name.first().map(u8::to_ascii_lowercase)) {
            (4, Some(b'h')) if name.eq_ignore_ascii_case(b"host") => {
                let was_there = std::mem::replace(&mut self.has_host, true);
                valid(!was_there && is_host_field(value))
            }
            (14, Some(b'c')) if name.eq_ignore_ascii_case(b"content-length") => {
                let before = self.length.replace(length(value).ok_or(400_u16)?);
                valid(before.is_none())
            }
            (17, Some(b't')) if name.eq_ignore_ascii_case(b"transfer-encoding") => valid(
                value
                    .split(|byte| *byte == b',')
                    .all(|part| self.add_coding(part)),
            ),
            (6, Some(b'e')) if name.eq_ignore_ascii_case(b"expect") => {
                self.expects_other |= !value.eq_ignore_ascii_case(b"100-continue");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Whether a coding may stand where it does: nothing may follow `chunked`.
    fn add_coding(&mut self, coding: &[u8]) -> bool {
        let coding = trim(coding);
        let name_end = coding.iter().position(|byte| !is_token(*byte));
        let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
        self.coding = match (self.coding, is_chunked) {
            (Coding::Absent, true) => Coding::Chunked,
            (Coding::Other, true) => Coding::OtherThenChunked,
            (Coding::Absent | Coding::Other, false) => Coding::Other,
            (Coding::Chunked | Coding::OtherThenChunked, _) => return false,
        };
        !coding.is_empty() && name_end != Some(0)
    }

    /// The head is complete. `lines` are its fields once more.
    pub(super) fn finish(&self, is_http_10: bool, lines: &[u8]) -> Result<Framing, u16> {
        valid(self.has_host || is_http_10)?;
        // RFC 9112 §6.1 and §6.3: whoever sends both may be about to smuggle.
        let may_have_coding = !is_http_10 && self.length.is_none() && self.coding != Coding::Other;
        valid(self.coding == Coding::Absent || may_have_coding)?;
        valid(!self.has_underscore || !has_shadow(lines))?;
        if self.expects_other && !is_http_10 {
            return Err(417);
        }
        match self.coding {
            Coding::Absent => Ok(Framing::Length(self.length.unwrap_or(0))),
            Coding::Chunked => Ok(Framing::Chunked),
            Coding::OtherThenChunked => Err(501),
            Coding::Other => Err(400),
        }
    }
}

fn valid(is_valid: bool) -> Result<(), u16> {
    if is_valid { Ok(()) } else { Err(400) }
}

/// Name and value of a line, and the classes of bytes in the name. A line that begins with a blank continues the one before (obs-fold), a
/// blank before the colon hides a name from others: neither is a field (RFC 9112 §5.1, §5.2).
fn split(line: &[u8]) -> Option<(&[u8], &[u8], u8)> {
    let mut seen = 0;
    let name_end = line.iter().position(|byte| {
        let classes = classes(*byte);
        seen |= classes;
        classes & TOKEN == 0
    })?;
    let (name, rest) = line.split_at_checked(name_end)?;
    let value = rest.strip_prefix(b":")?;
    (!name.is_empty()).then(|| (name, trim(value), seen))
}

/// Without the blanks around it.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Digits and nothing else.
fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    let length = value.iter().try_fold(0_u64, |length, byte| {
        let digit = char::from(*byte).to_digit(10)?;
        length.checked_mul(10)?.checked_add(u64::from(digit))
    })?;
    i64::try_from(length).is_ok().then_some(length)
}

/// Whether a name with an underscore would share its key in the environ with another name.
fn has_shadow(lines: &[u8]) -> bool {
    let key = |name: &[u8]| name.to_ascii_lowercase();
    let names: Vec<Vec<u8>> = lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| split(line.strip_suffix(b"\r")?))
        .map(|(name, ..)| key(name))
        .collect();
    let plain = |name: &Vec<u8>| -> Vec<u8> {
        let dashed = |byte: &u8| if *byte == b'_' { b'-' } else { *byte };
        name.iter().map(dashed).collect()
    };
    names
        .iter()
        .filter(|name| name.contains(&b'_'))
        .any(|name| {
            names
                .iter()
                .any(|other| other != name && plain(other) == plain(name))
        })
}

#[cfg(test)]
mod tests {
    use super::{Fields, Framing};

    /// What lines of HTTP/1.1 come to.
    fn come_to(lines: &[&str]) -> Result<Framing, u16> {
        let mut fields = Fields::default();
        for line in lines {
            fields.add(line.as_bytes())?;
        }
        fields.finish(false, format!("{}\r\n", lines.join("\r\n")).as_bytes())
    }

    const TABLE: &[(&[&str], Result<Framing, u16>)] = &[
        (&["Host: a"], Ok(Framing::Length(0))),
        (&["host:a", "CONTENT-LENGTH:\t007 "], Ok(Framing::Length(7))),
        (
            &["Host: a", "Transfer-Encoding:  Chunked\t"],
            Ok(Framing::Chunked),
        ),
        (&[], Err(400)),
        (&["Host: a", "Host: a"], Err(400)),
        (&["Host: a b"], Err(400)),
        (
            &["Host: a", "Content-Length: 1", "Content-Length: 1"],
            Err(400),
        ),
        (&["Host: a", "Content-Length: 1, 1"], Err(400)),
        (&["Host: a", "Content-Length: +1"], Err(400)),
        (&["Host: a", "Content-Length: 1 1"], Err(400)),
        (&["Host: a", "Content-Length: 0x1"], Err(400)),
        (&["Host: a", "Content-Length:"], Err(400)),
        (
            &["Host: a", "Content-Length: 9223372036854775808"],
            Err(400),
        ),
        (
            &["Host: a", "Content-Length: 1", "Transfer-Encoding: chunked"],
            Err(400),
        ),
        (
            &["Host: a", "Transfer-Encoding: chunked", "Content-Length: 1"],
            Err(400),
        ),
        (
            &["Host: a", "Transfer-Encoding: chunked, chunked"],
            Err(400),
        ),
        (
            &[
                "Host: a",
                "Transfer-Encoding: chunked",
                "Transfer-Encoding: chunked",
            ],
            Err(400),
        ),
        (
            &["Host: a", "Transfer-Encoding: chunked, identity"],
            Err(400),
        ),
        (&["Host: a", "Transfer-Encoding: xchunked"], Err(400)),
        (&["Host: a", "Transfer-Encoding: identity"], Err(400)),
        (&["Host: a", "Transfer-Encoding:"], Err(400)),
        (&["Host: a", "Transfer-Encoding: , chunked"], Err(400)),
        (&["Host: a", "Transfer-Encoding: chunked;q=1"], Err(400)),
        (&["Host: a", "Transfer-Encoding: gzip, chunked"], Err(501)),
        (
            &[
                "Host: a",
                "Transfer-Encoding: gzip",
                "Transfer-Encoding: chunked",
            ],
            Err(501),
        ),
        (&["Host: a", "Expect: 100-Continue"], Ok(Framing::Length(0))),
        (&["Host: a", "Expect: 200-ok"], Err(417)),
        (&["Host: a", " folded: b"], Err(400)),
        (&["Host: a", "X : b"], Err(400)),
        (&["Host: a", ": b"], Err(400)),
        (&["Host: a", "X"], Err(400)),
        (&["Host: a", "X_Foo: b"], Ok(Framing::Length(0))),
        (&["Host: a", "X_Foo: b", "x_foo: c"], Ok(Framing::Length(0))),
        (&["Host: a", "X_Foo: b", "X-Foo: c"], Err(400)),
        (&["Host: a", "x-foo: c", "X_FOO: b"], Err(400)),
        (
            &["Host: a", "Content_Length: 5", "Content-Length: 5"],
            Err(400),
        ),
    ];

    #[test]
    fn fields_say_where_the_body_ends_or_are_refused() {
        for (lines, expected) in TABLE {
            assert_eq!(come_to(lines), *expected, "{lines:?}");
        }
        let many = vec!["X: y"; 100];
        assert_eq!(
            come_to(&[&["Host: a"], &many[..99]].concat()),
            Ok(Framing::Length(0))
        );
        assert_eq!(come_to(&[&["Host: a"], &many[..]].concat()), Err(431));
    }
}
