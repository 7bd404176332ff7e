//! Percent-decoding of a path (RFC 3986 §2.1). Depends on nothing.
//!
//! PEP 3333 wants `PATH_INFO` decoded; what is not a valid escape stays as it was sent, as in
//! every other WSGI server.

use std::borrow::Cow;

/// The bytes that a path stands for.
pub(crate) fn decode(path: &str) -> Cow<'_, [u8]> {
    let bytes = path.as_bytes();
    if !bytes.contains(&b'%') {
        return Cow::Borrowed(bytes);
    }
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        let escaped = match tail {
            [high, low, after @ ..] if first == b'%' => hex_value(*high)
                .zip(hex_value(*low))
                .map(|(high, low)| (high << 4 | low, after)),
            _ => None,
        };
        if let Some((byte, after)) = escaped {
            decoded.push(byte);
            rest = after;
        } else {
            decoded.push(first);
        }
    }
    Cow::Owned(decoded)
}

/// Writes bytes as a path that stands for them.
pub(crate) fn encode(bytes: &[u8], path: &mut Vec<u8>) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(byte) {
            path.push(*byte);
        } else {
            path.extend(format!("%{byte:02X}").into_bytes());
        }
    }
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::decode;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_escaped_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let escaped: Vec<String> = bytes.iter().map(|byte| format!("%{byte:02x}")).collect();
            let escaped = escaped.concat();
            let decoded = decode(&escaped);
            prop_assert_eq!(decoded.as_ref(), &bytes[..]);
        }

        #[test]
        fn what_is_encoded_is_a_path_and_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let mut path = Vec::new();
            super::encode(&bytes, &mut path);
            prop_assert!(path.iter().all(u8::is_ascii_graphic));
            let path = String::from_utf8(path).unwrap();
            let decoded = decode(&path);
            prop_assert_eq!(decoded.as_ref(), &bytes[..]);
        }

        #[test]
        fn a_path_never_grows_and_stays_without_escapes(path in "[%0-9a-gA-G/.]{0,40}") {
            let decoded = decode(&path);
            prop_assert!(decoded.len() <= path.len());
            prop_assert!(path.contains('%') || decoded.as_ref() == path.as_bytes());
        }
    }

    #[test]
    fn escapes_become_bytes_and_the_rest_stays() {
        let table: [(&str, &[u8]); 9] = [
            ("/", b"/"),
            ("/a%20b", b"/a b"),
            ("/%C3%a9", b"/\xc3\xa9"),
            ("/%2f%2F", b"///"),
            ("/100%", b"/100%"),
            ("/%4", b"/%4"),
            ("/%zz", b"/%zz"),
            ("/%25%41", b"/%A"),
            ("/%%41", b"/%A"),
        ];
        for (path, bytes) in table {
            assert_eq!(decode(path).as_ref(), bytes, "{path}");
        }
    }
}
