//! Which parts of a file are wanted (RFC 9110 §14).
//!
//! Ranges that overlap, or lie so near that a head between them would be longer than what it saves,
//! become one (§15.3.7.2), so that nobody gets a byte twice, however often he asks for it. Too many,
//! and what cannot be understood, are answered with the whole file, which §14.2 leaves to the server.

/// Most ranges that one request may name.
const MOST_RANGES: usize = 32;
/// A gap up to this is sent along: about what the head of a part takes.
const GAP_BYTES: u64 = 128;

/// What a `Range` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// One part.
    Part(Part),
    /// Two or more, in the order of the request.
    Parts(Vec<Part>),
    /// Nothing that there is.
    Unsatisfiable,
}

/// From the first byte, so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) first: u64,
    pub(crate) length: u64,
}

/// What a `Range` wants of a file of this size.
pub(crate) fn wanted(range: &[u8], size: u64) -> Wanted {
    parse(range, size).unwrap_or(Wanted::Whole)
}

fn parse(range: &[u8], size: u64) -> Option<Wanted> {
    let (unit, set) = split_once(range, b'=')?;
    if !unit.trim_ascii().eq_ignore_ascii_case(b"bytes") {
        return None;
    }
    // The usual one needs no list.
    if !set.contains(&b',') {
        return one(set.trim_ascii(), size);
    }
    let mut parts = Vec::new();
    let specs = set.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    // Empty elements mean nothing in a list (RFC 9110 §5.6.1.2), but take part in the count.
    for (count, spec) in specs.enumerate() {
        if count >= MOST_RANGES {
            return None;
        }
        if !spec.is_empty()
            && let Wanted::Part(part) = one(spec, size)?
        {
            parts.push(part);
        }
    }
    if set.iter().all(|byte| b", \t".contains(byte)) {
        return None;
    }
    let parts = joined(parts);
    Some(match *parts {
        [] => Wanted::Unsatisfiable,
        [part] => Wanted::Part(part),
        [..] => Wanted::Parts(parts),
    })
}

/// What one range names: a part, or nothing that there is; `None` if it is no range.
fn one(spec: &[u8], size: u64) -> Option<Wanted> {
    let (first, last) = split_once(spec, b'-')?;
    if first.is_empty() {
        let length = number(last)?.min(size);
        let first = size - length;
        return Some(if length > 0 {
            Wanted::Part(Part { first, length })
        } else {
            Wanted::Unsatisfiable
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
    Some(Wanted::Part(Part { first, length }))
}

/// Those that touch made one, which stands where the first of them did.
fn joined(parts: Vec<Part>) -> Vec<Part> {
    let mut kept: Vec<Part> = Vec::new();
    for mut part in parts {
        let mut place = kept.len();
        // What has grown may reach one that it did not before.
        while let Some(at) = kept.iter().position(|other| touches(*other, part)) {
            let other = kept.remove(at);
            let first = part.first.min(other.first);
            let end = (part.first + part.length).max(other.first + other.length);
            part = Part {
                first,
                length: end - first,
            };
            place = place.min(at);
        }
        kept.insert(place.min(kept.len()), part);
    }
    kept
}

fn touches(one: Part, other: Part) -> bool {
    let (low, high) = if one.first <= other.first {
        (one, other)
    } else {
        (other, one)
    };
    high.first <= (low.first + low.length).saturating_add(GAP_BYTES)
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

    use super::{GAP_BYTES, MOST_RANGES, Part, Wanted, wanted};

    fn part(first: u64, length: u64) -> Part {
        Part { first, length }
    }

    #[test]
    fn one_range_is_honoured() {
        let one = |first, length| Wanted::Part(part(first, length));
        for (range, size, expected) in [
            ("bytes=0-0", 10, one(0, 1)),
            ("bytes=2-4", 10, one(2, 3)),
            ("bytes=2-", 10, one(2, 8)),
            ("bytes=2-99", 10, one(2, 8)),
            ("bytes=-3", 10, one(7, 3)),
            ("bytes=-99", 10, one(0, 10)),
            ("Bytes= 2-4 ", 10, one(2, 3)),
            ("bytes=0-99999999999999999999999999", 10, one(0, 10)),
            ("bytes=0-1,", 10, one(0, 2)),
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
            ("bytes=-", 10, Wanted::Whole),
            ("bytes=", 10, Wanted::Whole),
            ("bytes=, ,", 10, Wanted::Whole),
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

    #[test]
    fn several_are_honoured_and_those_that_touch_are_one() {
        let many = |parts: &[(u64, u64)]| {
            Wanted::Parts(
                parts
                    .iter()
                    .map(|(first, length)| part(*first, *length))
                    .collect(),
            )
        };
        let one = |first, length| Wanted::Part(part(first, length));
        for (range, expected) in [
            ("bytes=0-9,500-509", many(&[(0, 10), (500, 10)])),
            // In the order of the request.
            ("bytes=500-509 ,\t0-9", many(&[(500, 10), (0, 10)])),
            ("bytes=0-9,-10", many(&[(0, 10), (990, 10)])),
            ("bytes=0-9,,500-,", many(&[(0, 10), (500, 500)])),
            ("bytes=0-9,2000-,500-509", many(&[(0, 10), (500, 10)])),
            ("bytes=0-9,2000-", one(0, 10)),
            ("bytes=2000-,3000-", Wanted::Unsatisfiable),
            ("bytes=0-9,5-20", one(0, 21)),
            ("bytes=0-9,0-9,0-9", one(0, 10)),
            ("bytes=0-,0-,0-", one(0, 1000)),
            ("bytes=0-9,10-19", one(0, 20)),
            ("bytes=0-9,138-139", one(0, 140)),
            ("bytes=0-9,139-139", many(&[(0, 10), (139, 1)])),
            // The third joins the first two.
            (
                "bytes=0-9,300-309,900-909,5-305",
                many(&[(0, 310), (900, 10)]),
            ),
            (
                "bytes=900-909,300-309,0-9,5-305",
                many(&[(900, 10), (0, 310)]),
            ),
            ("bytes=0-9,9-5", Wanted::Whole),
            ("bytes=0-9,a", Wanted::Whole),
        ] {
            assert_eq!(wanted(range.as_bytes(), 1000), expected, "{range}");
        }
        let list = |count: u64| {
            let specs: Vec<_> = (0..count).map(|n| format!("{0}-{0}", n * 1000)).collect();
            wanted(format!("bytes={}", specs.join(",")).as_bytes(), u64::MAX)
        };
        let most = MOST_RANGES as u64;
        assert!(matches!(list(most), Wanted::Parts(parts) if parts.len() == MOST_RANGES));
        assert_eq!(list(most + 1), Wanted::Whole);
        let commas = format!("bytes=0-0{}", ",".repeat(MOST_RANGES));
        assert_eq!(wanted(commas.as_bytes(), 10), Wanted::Whole);
    }

    proptest! {
        #[test]
        fn parts_lie_within_the_file_and_apart(
            specs in proptest::collection::vec("([0-9]{0,4}-[0-9]{1,4}|[0-9]{1,20}-)", 1..9),
            size in 0..20_000_u64,
        ) {
            let range = format!("bytes={}", specs.join(","));
            let parts = match wanted(range.as_bytes(), size) {
                Wanted::Part(part) => vec![part],
                Wanted::Parts(parts) => {
                    prop_assert!(parts.len() > 1);
                    parts
                }
                Wanted::Whole | Wanted::Unsatisfiable => vec![],
            };
            let mut ends: Vec<_> = parts.iter().map(|part| (part.first, part.first + part.length)).collect();
            ends.sort_unstable();
            for (first, end) in &ends {
                prop_assert!(first < end && *end <= size);
            }
            for pair in ends.windows(2) {
                prop_assert!(pair[0].1 + GAP_BYTES < pair[1].0);
            }
        }

        #[test]
        fn nothing_is_too_odd(range: Vec<u8>, rest in "bytes=[0-9, -]{0,60}", size: u64) {
            let _whatever = (wanted(&range, size), wanted(rest.as_bytes(), size));
        }
    }
}
