//! Which byte may stand where. Depends on nothing.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = ONES << 7;
const SPACES: u64 = ONES * 0x20;
const DELETES: u64 = ONES * 0x7f;

/// Where the first control byte stands, tabs aside. In a head this is the end of a line or nonsense,
/// so one pass finds both; eight bytes are looked at in one step.
pub(super) fn first_control(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    loop {
        let found = match rest.split_first_chunk::<8>() {
            Some((eight, after)) => {
                let word = u64::from_le_bytes(*eight);
                let below_space = word.wrapping_sub(SPACES) & !word;
                let deleted = word ^ DELETES;
                let deleted = deleted.wrapping_sub(ONES) & !deleted;
                // A borrow may raise a false bit, but only above the first true one.
                let found = (below_space | deleted) & HIGH_BITS;
                if found == 0 {
                    rest = after;
                    continue;
                }
                found.trailing_zeros() as usize / 8
            }
            None => rest.iter().position(|byte| is_control(*byte))?,
        };
        let (before, from) = rest.split_at_checked(found)?;
        if from.first() != Some(&b'\t') {
            return Some(bytes.len() - rest.len() + before.len());
        }
        rest = from.get(1..)?;
    }
}

fn is_control(byte: u8) -> bool {
    byte < b' ' || byte == 0x7f
}

/// What a field value or a chunk extension is made of (RFC 9110 §5.5).
pub(super) fn is_text(byte: u8) -> bool {
    byte == b'\t' || !is_control(byte)
}

/// Of a token (RFC 9110 §5.6.2).
pub(super) const TOKEN: u8 = 1;
/// The one sign in a token that matters to the environ.
pub(super) const UNDERSCORE: u8 = 1 << 1;
/// Of a path: RFC 3986 §3.3 and what clients leave as it is (`"`, `[`, `\`, `]`, `^`, `{`, `|`, `}`
/// and UTF-8).
pub(super) const PATH: u8 = 1 << 2;
/// Of a query: RFC 3986 §3.4, and again what clients leave as it is.
pub(super) const QUERY: u8 = 1 << 3;
/// Of a registered name, without escapes, which no name in use needs, and without a comma, which is
/// what two `Host` fields look like once somebody has joined them.
pub(super) const HOST: u8 = 1 << 4;

/// Everything that a byte may be.
#[expect(clippy::indexing_slicing, reason = "there is an entry for each byte")]
pub(super) fn classes(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

pub(super) fn is_token(byte: u8) -> bool {
    classes(byte) & TOKEN != 0
}

static CLASSES: [u8; 256] = every_class();

#[expect(clippy::indexing_slicing, reason = "there is an entry for each byte")]
const fn every_class() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = classify(byte);
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

const fn classify(byte: u8) -> u8 {
    let mut classes = match byte {
        b'_' => TOKEN | UNDERSCORE | HOST,
        b'a'..=b'z'
        | b'A'..=b'Z'
        | b'0'..=b'9'
        | b'-'
        | b'.'
        | b'!'
        | b'$'
        | b'&'
        | b'\''
        | b'*'
        | b'+'
        | b'~' => TOKEN | HOST,
        b'#' | b'%' | b'^' | b'`' | b'|' => TOKEN,
        b'(' | b')' | b';' | b'=' => HOST,
        _ => 0,
    };
    if matches!(byte, b'!' | b'$'..=b';' | b'=' | b'@'..=b'_' | b'a'..=b'~' | 0x80..) {
        classes |= PATH | QUERY;
    }
    // hyper's type for targets takes each of these in one place only.
    match byte {
        b'"' => classes | PATH,
        b'?' | b'`' => classes | QUERY,
        _ => classes,
    }
}

#[cfg(test)]
mod tests {
    use super::{first_control, is_control};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn eight_at_a_time_finds_what_one_at_a_time_does(
            bytes in proptest::collection::vec(
                prop_oneof![8 => any::<u8>().prop_map(|byte| byte | 0x21), 1 => any::<u8>(), 1 => Just(b'\t')],
                0..64,
            )
        ) {
            let slowly = bytes.iter().position(|byte| is_control(*byte) && *byte != b'\t');
            prop_assert_eq!(first_control(&bytes), slowly);
        }
    }
}
