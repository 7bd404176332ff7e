//! Header fields of an answer: which bytes may be one, and, for ASGI, which are the server's own
//! business. Depends on nothing.

/// What is done with a field that an app gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Sent,
    /// `Content-Length`.
    Length(u64),
    /// About the connection, which is the server's; it frames bodies itself (ASGI, "Response Start").
    Dropped,
}

/// Looks at one field. The error says what is wrong with it.
pub(crate) fn judge(name: &[u8], value: &[u8]) -> Result<Field, &'static str> {
    if !is_name(name) {
        return Err("is not a valid name");
    }
    if !is_value(value) {
        return Err("has a control character in its value");
    }
    let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
    if is("content-length") {
        let digits = std::str::from_utf8(value).ok();
        let length = digits.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        return match length.and_then(|text| text.parse().ok()) {
            Some(length) => Ok(Field::Length(length)),
            None => Err("is not a number of bytes"),
        };
    }
    // An app may want the connection to end; anything else would be about ours.
    let is_close = is("connection") && value.eq_ignore_ascii_case(b"close");
    if !is_close && OURS.iter().any(|ours| is(ours)) {
        return Ok(Field::Dropped);
    }
    Ok(Field::Sent)
}

const OURS: [&str; 5] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// Whether a field may follow the body: nothing that decides how it is read (RFC 9110 §6.5.1).
pub(crate) fn may_trail(name: &[u8]) -> bool {
    const NEVER: [&str; 7] = [
        "content-length",
        "content-encoding",
        "content-type",
        "content-range",
        "host",
        "trailer",
        "set-cookie",
    ];
    let mut kept_out = NEVER.iter().chain(&OURS);
    !kept_out.any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// A token (RFC 9110 §5.6.2).
#[expect(clippy::indexing_slicing, reason = "there is an entry for each byte")]
pub(crate) fn is_name(name: &[u8]) -> bool {
    !name.is_empty() && name.iter().all(|byte| TOKEN[usize::from(*byte)])
}

/// A value must not end its line; a tab is harmless (RFC 9110 §5.5), and some apps fold with it. PEP
/// 3333 forbids all other control characters.
pub(crate) fn is_value(value: &[u8]) -> bool {
    let may_stand = |byte: &u8| !byte.is_ascii_control() || *byte == b'\t';
    value.iter().all(may_stand)
}

/// Which bytes a token is made of.
static TOKEN: [bool; 256] = token();

#[expect(clippy::indexing_slicing, reason = "there is an entry for each byte")]
const fn token() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
            );
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Judged = (&'static [u8], &'static [u8], Result<Field, &'static str>);

    #[test]
    fn fields_are_judged() {
        let table: [Judged; 14] = [
            (b"content-type", b"text/plain", Ok(Field::Sent)),
            (b"X-Odd", b"", Ok(Field::Sent)),
            (b"x", b"caf\xe9\ta", Ok(Field::Sent)),
            (b"Content-Length", b"12", Ok(Field::Length(12))),
            (b"content-length", b"+1", Err("is not a number of bytes")),
            (b"content-length", b"", Err("is not a number of bytes")),
            (b"transfer-encoding", b"chunked", Ok(Field::Dropped)),
            (b"Connection", b"keep-alive", Ok(Field::Dropped)),
            (b"connection", b"close", Ok(Field::Sent)),
            (b"connection", b"close, te", Ok(Field::Dropped)),
            (b"", b"a", Err("is not a valid name")),
            (b"a b", b"a", Err("is not a valid name")),
            (
                b"a",
                b"b\r\nc: d",
                Err("has a control character in its value"),
            ),
            (b"a", b"\0", Err("has a control character in its value")),
        ];
        for (name, value, expected) in table {
            assert_eq!(judge(name, value), expected, "{name:?}: {value:?}");
        }
    }

    #[test]
    fn what_frames_a_body_may_not_follow_it() {
        assert!(may_trail(b"x-checksum") && may_trail(b"server-timing"));
        for name in [
            &b"Content-Length"[..],
            b"transfer-encoding",
            b"Trailer",
            b"host",
        ] {
            assert!(!may_trail(name));
        }
    }

    #[test]
    fn a_name_is_a_token() {
        for byte in 0..=u8::MAX {
            let expected = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_name(&[b'a', byte]), expected, "{byte}");
        }
        assert!(!is_name(b""));
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_ends_its_line(name: Vec<u8>, value: Vec<u8>) {
            if judge(&name, &value).is_ok() {
                let bytes = name.iter().chain(&value);
                prop_assert!(bytes.clone().all(|byte| !b"\r\n\0".contains(byte)));
                prop_assert!(!name.contains(&b':') && !name.contains(&b' '));
            }
        }
    }
}
