//! Names of requests: which are taken over, and how ours look.

/// Longest that is taken over from a proxy.
const LIMIT_BYTES: usize = 128;

/// Whether a name that a proxy gave can stand in a field, a log line and a shell alike.
pub(crate) fn is_request_id(value: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~+/=:@".contains(byte);
    (1..=LIMIT_BYTES).contains(&value.len()) && value.iter().all(is_plain)
}

/// 128 bits in hexadecimal, as nginx's `$request_id` looks.
pub(crate) fn hex_id(bits: [u8; 16]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit =
        |value: u8| char::from(DIGITS.get(usize::from(value & 15)).copied().unwrap_or(b'0'));
    bits.iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}
