//! Which part of a file is wanted (RFC 9110 §14).
//!
//! One range is honoured. Several at once, and what cannot be understood, are answered with the whole
//! file, which §14.2 leaves to the server: nobody can ask for the same bytes a thousand times over.

/// What a `Range` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// From the first byte, so many.
    Part { first: u64, length: u64 },
    /// Nothing that there is.
    Unsatisfiable,
}

/// What a `Range` wants of a file of this size.
pub(crate) fn wanted(range: &[u8], size: u64) -> Wanted {
    parse(range, size).unwrap_or(Wanted::Whole)
}

fn parse(range: &[u8], size: u64) -> Option<Wanted> {
    let (unit, set) = split_once(range, b'=')?;
    if !unit.trim_ascii().eq_ignore_ascii_case(b"bytes") || set.contains(&b',') {
        return None;
    }
    let (first, last) = split_once(set.trim_ascii(), b'-')?;
    if first.is_empty() {
        let length = number(last)?.min(size);
        return Some(if length == 0 {
            Wanted::Unsatisfiable
        } else {
            Wanted::Part {
                first: size - length,
                length,
            }
        });
    }
    let first = number(first)?;
    let last = if last.is_empty() {
        u64::MAX
    } else {
        number(last)?
    };
    if last < first {
        return None;
    }
    if first >= size {
        return Some(Wanted::Unsatisfiable);
    }
    let length = last.min(size - 1) - first + 1;
    Some(Wanted::Part { first, length })
}

fn split_once(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|byte| *byte == at)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// Digits alone. A number beyond all files is as good as the largest.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |number: u64, digit: &u8| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    };
    Some(digits.iter().fold(0, add))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Wanted, wanted};

    #[test]
    fn one_range_is_honoured() {
        let part = |first, length| Wanted::Part { first, length };
        for (range, size, expected) in [
            ("bytes=0-0", 10, part(0, 1)),
            ("bytes=2-4", 10, part(2, 3)),
            ("bytes=2-", 10, part(2, 8)),
            ("bytes=2-99", 10, part(2, 8)),
            ("bytes=-3", 10, part(7, 3)),
            ("bytes=-99", 10, part(0, 10)),
            ("Bytes= 2-4 ", 10, part(2, 3)),
            ("bytes=0-99999999999999999999999999", 10, part(0, 10)),
            ("bytes=10-", 10, Wanted::Unsatisfiable),
            ("bytes=-0", 10, Wanted::Unsatisfiable),
            ("bytes=0-", 0, Wanted::Unsatisfiable),
            ("bytes=-1", 0, Wanted::Unsatisfiable),
            (
                "bytes=99999999999999999999999999-",
                10,
                Wanted::Unsatisfiable,
            ),
            ("bytes=4-2", 10, Wanted::Whole),
            ("bytes=0-1,3-4", 10, Wanted::Whole),
            ("bytes=0-1,", 10, Wanted::Whole),
            ("bytes=-", 10, Wanted::Whole),
            ("bytes=", 10, Wanted::Whole),
            ("bytes=+1-2", 10, Wanted::Whole),
            ("bytes=1 -2", 10, Wanted::Whole),
            ("items=0-1", 10, Wanted::Whole),
            ("0-1", 10, Wanted::Whole),
            ("", 10, Wanted::Whole),
        ] {
            assert_eq!(
                wanted(range.as_bytes(), size),
                expected,
                "{range} of {size}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_within_the_file(range in "(bytes=)?[0-9]{0,20}-?[0-9]{0,20}(,.*)?", size: u64) {
            if let Wanted::Part { first, length } = wanted(range.as_bytes(), size) {
                prop_assert!(length > 0);
                prop_assert!(first.checked_add(length).is_some_and(|end| end <= size));
            }
        }

        #[test]
        fn nothing_is_too_odd(range: Vec<u8>, size: u64) {
            let _whatever = wanted(&range, size);
        }
    }
}
