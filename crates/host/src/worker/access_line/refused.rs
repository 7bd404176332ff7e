//! What a line says of a request whose head was refused: the words of its first line, as far as they
//! came. Nothing of it has been found to be right, and it may not even be HTTP.

/// Most that is shown of the words; a method is short, and so is a version.
const WORD_LIMIT_BYTES: usize = 32;
const TARGET_LIMIT_BYTES: usize = 512;

/// The first words; empty where nothing came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RefusedHead {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) protocol: String,
}

impl RefusedHead {
    pub(crate) fn read(head: &[u8]) -> Self {
        let head = head.strip_prefix(b"\r\n").unwrap_or(head);
        let mut lines = head.split(|byte| matches!(byte, b'\r' | b'\n'));
        let mut words = lines
            .next()
            .unwrap_or_default()
            .splitn(3, |byte| *byte == b' ');
        let mut next = |limit| shortened(words.next().unwrap_or_default(), limit);
        Self {
            method: next(WORD_LIMIT_BYTES),
            target: next(TARGET_LIMIT_BYTES),
            protocol: next(WORD_LIMIT_BYTES),
        }
    }
}

fn shortened(word: &[u8], limit: usize) -> String {
    match word.get(..limit) {
        Some(beginning) if word.len() > limit => {
            String::from_utf8_lossy(beginning).into_owned() + "…"
        }
        _ => String::from_utf8_lossy(word).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{RefusedHead, TARGET_LIMIT_BYTES};

    fn words(head: &str) -> [String; 3] {
        let RefusedHead {
            method,
            target,
            protocol,
        } = RefusedHead::read(head.as_bytes());
        [method, target, protocol]
    }

    #[test]
    fn the_first_line_is_told_as_far_as_it_came() {
        for (head, expected) in [
            ("GET /a HTTP/3.0\r\nHost: a\r\n", ["GET", "/a", "HTTP/3.0"]),
            ("\r\nGET /a HTTP/1.1\r\n", ["GET", "/a", "HTTP/1.1"]),
            ("GET /a b HTTP/1.1\r\n", ["GET", "/a", "b HTTP/1.1"]),
            ("GET  / HTTP/1.1\r\n", ["GET", "", "/ HTTP/1.1"]),
            ("GET /\nHost: a\r\n", ["GET", "/", ""]),
            ("GET", ["GET", "", ""]),
            ("\u{16}\u{3}\u{1}\0", ["\u{16}\u{3}\u{1}\0", "", ""]),
            ("", ["", "", ""]),
        ] {
            assert_eq!(words(head), expected, "{head:?}");
        }
        let long = words(&format!("GET /{} HTTP/1.1", "a".repeat(9000)));
        assert_eq!(long[1], format!("/{}…", "a".repeat(TARGET_LIMIT_BYTES - 1)));
    }

    proptest! {
        #[test]
        fn nothing_is_too_odd(head: Vec<u8>) {
            let read = RefusedHead::read(&head);
            prop_assert!(read.method.len() + read.target.len() + read.protocol.len() < 4096);
        }
    }
}
