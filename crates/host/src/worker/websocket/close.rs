//! Close frames: which codes may be sent (RFC 6455 §7.4 and IANA's registry), and their payload.

use super::frame::CONTROL_LIMIT;
use super::violation::Violation;

/// No code was given; never on the wire (RFC 6455 §7.4.1).
pub(super) const NO_CODE: u16 = 1005;
/// The connection ended without a close frame; never on the wire.
pub(super) const ABNORMAL: u16 = 1006;
/// What a reason may have beside the code.
const REASON_LIMIT: usize = CONTROL_LIMIT - 2;

/// Whether a code may stand in a close frame. 1012 to 1014 were registered after the RFC.
pub(super) fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Code and reason of a close frame.
pub(super) fn read(payload: &[u8]) -> Result<(Option<u16>, String), Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok((None, String::new())),
            _ => Err(Violation::ShortClose),
        };
    };
    let code = u16::from_be_bytes(*code);
    if !may_be_sent(code) {
        return Err(Violation::CloseCode(code));
    }
    match std::str::from_utf8(reason) {
        Ok(reason) => Ok((Some(code), reason.to_owned())),
        Err(_) => Err(Violation::NotUtf8),
    }
}

/// The payload of a close frame; the reason is cut between two characters where it is too long.
pub(super) fn payload(code: Option<u16>, reason: &str) -> Vec<u8> {
    let Some(code) = code else {
        return Vec::new();
    };
    let mut payload = code.to_be_bytes().to_vec();
    let reason = reason.get(..reason.floor_char_boundary(REASON_LIMIT));
    payload.extend_from_slice(reason.unwrap_or_default().as_bytes());
    payload
}

#[cfg(test)]
mod tests {
    use super::{Violation, may_be_sent, payload, read};

    #[test]
    fn codes() {
        let valid = [
            1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999,
            4000, 4999,
        ];
        let invalid = [
            0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535,
        ];
        assert!(valid.into_iter().all(may_be_sent));
        assert!(!invalid.into_iter().any(may_be_sent));
    }

    #[test]
    fn payloads_are_read() {
        assert_eq!(read(b""), Ok((None, String::new())));
        assert_eq!(read(b"\x03\xe8"), Ok((Some(1000), String::new())));
        assert_eq!(read(b"\x0f\xa0\xc3\xa9"), Ok((Some(4000), "é".to_owned())));
        assert_eq!(read(b"\x03"), Err(Violation::ShortClose));
        assert_eq!(read(b"\x03\xed"), Err(Violation::CloseCode(1005)));
        assert_eq!(read(b"\x03\xe8\xc3"), Err(Violation::NotUtf8));
    }

    #[test]
    fn payloads_are_written_and_cut_between_characters() {
        assert_eq!(payload(None, "unheard"), b"");
        assert_eq!(payload(Some(1001), "bye"), b"\x03\xe9bye");
        let long = "é".repeat(100);
        let written = payload(Some(1000), &long);
        // 61 characters of two bytes are 122; a 62nd would be the 124th byte.
        assert_eq!(written.len(), 2 + 122);
        assert_eq!(read(&written), Ok((Some(1000), "é".repeat(61))));
    }
}
