//! What rules write, with parts of the request put in. Pure.
//!
//! Clients choose what is put in, so each part is encoded for where it goes: nothing of it can end a
//! line of a header or of the log, and what was decoded of a path becomes a path again in a URL.

use lictor_core::config::{RoutePiece, RouteText};

/// A part of a request.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) bytes: Vec<u8>,
    /// It has been percent-decoded.
    pub(super) is_decoded: bool,
}

/// Looks up what is put in: a group or a variable.
pub(super) trait Parts {
    fn part(&self, piece: &RoutePiece) -> Part;
}

/// A URL, or the path and query of one.
pub(super) fn url(text: &RouteText, parts: &impl Parts) -> String {
    let mut url = String::new();
    for piece in &text.0 {
        match piece {
            RoutePiece::Text(plain) => push_kept(&mut url, plain.as_bytes(), is_in_url),
            RoutePiece::Group(_) | RoutePiece::Variable(_) => {
                let part = parts.part(piece);
                let is_kept = match (part.is_decoded, url.contains('?')) {
                    (false, _) => is_in_url,
                    (true, false) => is_in_path,
                    (true, true) => is_in_value,
                };
                push_kept(&mut url, &part.bytes, is_kept);
            }
        }
    }
    // A client that chooses the beginning cannot choose the host by two slashes.
    let names_host = matches!(text.0.first(), Some(RoutePiece::Text(plain)) if plain.len() > 1);
    if !names_host && url.starts_with("//") {
        return format!("/{}", url.trim_start_matches('/'));
    }
    url
}

/// The value of a header field, or a reason. Bytes that may not stand there are percent-encoded.
pub(super) fn line(text: &RouteText, parts: &impl Parts) -> Vec<u8> {
    let mut line = Vec::new();
    for byte in bytes(text, parts) {
        if byte == b'\t' || !byte.is_ascii_control() {
            line.push(byte);
        } else {
            line.extend(format!("%{byte:02X}").into_bytes());
        }
    }
    line
}

/// As it is, for whoever takes any bytes.
pub(super) fn bytes(text: &RouteText, parts: &impl Parts) -> Vec<u8> {
    let of = |piece: &RoutePiece| match piece {
        RoutePiece::Text(plain) => plain.as_bytes().to_vec(),
        RoutePiece::Group(_) | RoutePiece::Variable(_) => parts.part(piece).bytes,
    };
    text.0.iter().flat_map(of).collect()
}

fn push_kept(url: &mut String, bytes: &[u8], is_kept: fn(u8) -> bool) {
    for byte in bytes {
        if is_kept(*byte) {
            url.push(char::from(*byte));
        } else {
            url.extend(['%', hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
    }
}

fn hex_digit(value: u8) -> char {
    let digit = char::from_digit(u32::from(value), 16).unwrap_or('0');
    digit.to_ascii_uppercase()
}

/// RFC 3986 §3.3.
fn is_in_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte)
}

/// Of a value in a query, which must not become two.
fn is_in_value(byte: u8) -> bool {
    is_in_path(byte) && !b"&;=+".contains(&byte)
}

/// The same as in a path with what separates the parts of a URL, and what is escaped already.
fn is_in_url(byte: u8) -> bool {
    is_in_path(byte) || b"?#[]%".contains(&byte)
}
