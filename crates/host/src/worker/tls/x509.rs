//! The few facts of a certificate that are told to apps and to the log (RFC 5280 §4.1).
//!
//! rustls checks certificates and keeps the rest to itself. What is read here decides nothing; a
//! certificate that cannot be read has no description.

use super::names::Name;

/// Tags of DER (X.690 §8).
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// Who a certificate is of and by, and when it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Description {
    /// In hexadecimal.
    pub(super) serial: String,
    pub(super) issuer: Name,
    pub(super) subject: Name,
    /// Seconds since 1970.
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

/// Values of DER, one behind the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Der<'a>(pub(super) &'a [u8]);

impl<'a> Der<'a> {
    /// The next value: its tag and what it holds.
    pub(super) fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            // No certificate is longer than four bytes can say.
            if digits.is_empty() || digits.len() > 4 {
                return None;
            }
            let length = digits
                .iter()
                .fold(0_usize, |length, digit| length << 8 | usize::from(*digit));
            (length, rest)
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, value))
    }

    /// The next value, if it has this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next()
            .filter(|(found, _)| *found == tag)
            .map(|(_, value)| value)
    }
}

impl Description {
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let mut signed = Der(Der(certificate).expect(SEQUENCE)?);
        let mut fields = Der(signed.expect(SEQUENCE)?);
        let mut after_version = fields;
        if after_version.expect(VERSION).is_some() {
            fields = after_version;
        }
        let serial = fields.expect(INTEGER)?;
        let _algorithm = fields.expect(SEQUENCE)?;
        let issuer = Name::of(fields.expect(SEQUENCE)?)?;
        let mut validity = Der(fields.expect(SEQUENCE)?);
        let not_before = time(validity.next()?)?;
        let not_after = time(validity.next()?)?;
        let subject = Name::of(fields.expect(SEQUENCE)?)?;
        Some(Self {
            serial: serial_number(serial),
            issuer,
            subject,
            not_before,
            not_after,
        })
    }
}

/// As OpenSSL writes them: without the zero byte that keeps them positive.
fn serial_number(serial: &[u8]) -> String {
    match serial {
        [0, rest @ ..] if !rest.is_empty() => hexadecimal(rest),
        all => hexadecimal(all),
    }
}

/// Two digits a byte.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .map(|digit| digit.to_ascii_uppercase())
        .collect()
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280 §4.1.2.5).
fn time((tag, text): (u8, &[u8])) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, text.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i64 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let part = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
    let (month, day) = (part(0)?, part(2)?);
    let (hours, minutes, seconds) = (part(4)?, part(6)?, part(8)?);
    let is_possible = (1..=12).contains(&month) && (1..=31).contains(&day);
    is_possible
        .then(|| ((days_since_1970(year, month, day) * 24 + hours) * 60 + minutes) * 60 + seconds)
}

/// The Gregorian calendar counted from March, so that the leap day is the last of a year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 719,468 days lie between 1 March of the year 0 and 1 January 1970.
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_seconds_since_1970() {
        for (tag, text, expected) in [
            (UTC_TIME, "700101000000Z", Some(0)),
            (UTC_TIME, "000229120000Z", Some(951_825_600)),
            (UTC_TIME, "491231235959Z", Some(2_524_607_999)),
            (UTC_TIME, "500101000000Z", Some(-631_152_000)),
            (GENERALIZED_TIME, "20500101000000Z", Some(2_524_608_000)),
            (GENERALIZED_TIME, "99991231235959Z", Some(253_402_300_799)),
            (UTC_TIME, "20500101000000Z", None),
            (GENERALIZED_TIME, "20501301000000Z", None),
            (GENERALIZED_TIME, "2050010100000-Z", None),
            (GENERALIZED_TIME, "20500101000000", None),
        ] {
            assert_eq!(time((tag, text.as_bytes())), expected, "{text}");
        }
    }

    #[test]
    fn serial_numbers_are_written_as_openssl_writes_them() {
        assert_eq!(serial_number(&[0, 0xff]), "FF");
        assert_eq!(serial_number(&[0]), "00");
        assert_eq!(serial_number(&[1, 2]), "0102");
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        assert_eq!(Der(&[0x30, 2, 1]).next(), None);
        assert_eq!(Der(&[0x30, 0x80]).next(), None);
        assert_eq!(Der(&[0x30, 0x85, 0, 0, 0, 0, 0]).next(), None);
        assert_eq!(Der(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).next(), None);
        assert_eq!(Der(&[0x30, 0x81, 1, 7, 9]).next(), Some((0x30, &[7][..])));
        assert_eq!(Der(&[]).next(), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _whatever = Description::of(&bytes);
            let _whatever = Name::of(&bytes);
        }

        /// Values within values, whose lengths are right; only so does reading get far.
        #[test]
        fn no_structure_is_too_strange(
            values in proptest::collection::vec((0..TAGS.len(), proptest::collection::vec(any::<u8>(), 0..20)), 0..12),
            nesting in proptest::collection::vec(0..TAGS.len(), 0..6),
        ) {
            let mut bytes: Vec<u8> = values.iter().flat_map(|(tag, value)| der(TAGS[*tag], value)).collect();
            for tag in nesting {
                bytes = der(TAGS[tag], &bytes);
                let _whatever = Description::of(&bytes);
                let _whatever = Name::of(&bytes).map(|name| (name.rfc4514(), name.one_line()));
            }
        }
    }

    /// Tags that certificates have.
    const TAGS: [u8; 9] = [0x02, 0x03, 0x06, 0x0c, 0x13, 0x17, 0x30, 0x31, 0xa0];

    fn der(tag: u8, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap().to_be_bytes();
        [&[tag, 0x82][..], &length, value].concat()
    }
}
