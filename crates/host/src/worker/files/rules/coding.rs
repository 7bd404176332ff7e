//! Which encoding of a body a client takes (RFC 9110 §12.5.3).

use super::list::elements;

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Brotli,
    Zstd,
    Gzip,
}

impl Coding {
    /// As `Content-Encoding` names it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// What a file's name has at its end.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => ".br",
            Self::Zstd => ".zst",
            Self::Gzip => ".gz",
        }
    }
}

/// The best first, where the client has no preference: what is usually smallest.
const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

/// Thousandths.
type Quality = u16;

/// The codings that the client takes and does not like less than none, the best first.
pub(crate) fn accepted(accept_encoding: &[u8]) -> impl Iterator<Item = Coding> {
    let quality = |coding: Coding| quality_of(accept_encoding, coding.name());
    let plain = explicit_quality(accept_encoding, "identity").unwrap_or(1);
    let mut ranked = ALL.map(|coding| (coding, quality(coding)));
    // Stable: equals stay in our order.
    ranked.sort_by_key(|(_, quality)| std::cmp::Reverse(*quality));
    ranked
        .into_iter()
        .filter(move |(_, quality)| *quality > 0 && *quality >= plain)
        .map(|(coding, _)| coding)
}

fn quality_of(accept_encoding: &[u8], name: &str) -> Quality {
    explicit_quality(accept_encoding, name)
        // The old name of the same (RFC 9110 §8.4.1.3).
        .or_else(|| (name == "gzip").then(|| explicit_quality(accept_encoding, "x-gzip"))?)
        .or_else(|| explicit_quality(accept_encoding, "*"))
        .unwrap_or(0)
}

fn explicit_quality(accept_encoding: &[u8], name: &str) -> Option<Quality> {
    elements(accept_encoding).find_map(|element| {
        let mut parts = element.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
        let is_it = parts
            .next()
            .is_some_and(|coding| coding.eq_ignore_ascii_case(name.as_bytes()));
        if !is_it {
            return None;
        }
        let weight = parts.find_map(|part| {
            part.strip_prefix(b"q=")
                .or_else(|| part.strip_prefix(b"Q="))
        });
        Some(weight.map_or(1000, quality))
    })
}

/// `0.123`. What cannot be understood is refused rather than sent.
fn quality(weight: &[u8]) -> Quality {
    let (whole, decimals) = match weight {
        [whole] => (whole, &[][..]),
        [whole, b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return 0,
    };
    match (whole, decimals.iter().all(u8::is_ascii_digit)) {
        (b'1', true) if decimals.iter().all(|digit| *digit == b'0') => 1000,
        (b'0', true) => decimals
            .iter()
            .chain(b"000")
            .take(3)
            .fold(0, |quality, digit| {
                quality * 10 + Quality::from(digit - b'0')
            }),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Coding, accepted};

    #[test]
    fn the_client_has_the_first_word() {
        use Coding::{Brotli, Gzip, Zstd};
        let table: [(&str, &[Coding]); 16] = [
            ("", &[]),
            ("gzip", &[Gzip]),
            ("x-gzip", &[Gzip]),
            ("gzip, deflate, br, zstd", &[Brotli, Zstd, Gzip]),
            ("gzip;q=1.0, br;q=0.5", &[Gzip, Brotli]),
            ("GZIP ; Q=0.001", &[Gzip]),
            ("gzip;q=0", &[]),
            ("gzip;q=0.000, br", &[Brotli]),
            ("*", &[Brotli, Zstd, Gzip]),
            ("*;q=0.5, br;q=0", &[Zstd, Gzip]),
            ("*;q=0", &[]),
            ("identity", &[]),
            ("identity, gzip", &[Gzip]),
            ("identity, gzip;q=0.9", &[]),
            ("identity;q=0.5, gzip;q=0.9", &[Gzip]),
            ("gzip;q=2, br;q=0.1234, zstd;q=x", &[]),
        ];
        for (field, expected) in table {
            let got: Vec<_> = accepted(field.as_bytes()).collect();
            assert_eq!(got, expected, "{field}");
        }
    }

    proptest! {
        #[test]
        fn nothing_is_too_odd(field: Vec<u8>) {
            prop_assert!(accepted(&field).count() <= 3);
        }

        #[test]
        fn what_is_refused_is_never_sent(before in "[a-z*;=,.0-9 ]{0,30}") {
            let field = format!("br;q=0, {before}");
            prop_assert!(accepted(field.as_bytes()).all(|coding| coding != Coding::Brotli));
        }
    }
}
