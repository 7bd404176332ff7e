//! Durations as people type them in `?wait=30s` and `--wait=30s`.
//!
//! The same notation as in a vassal file: a number with `ms`, `s`, `m`, `h` or `d`; a bare number
//! is seconds.

use std::time::Duration;

/// The text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration; write `30s`, `5m` or a number of seconds")]
pub(crate) struct NotADuration(String);

/// Reads `30s`, `1.5m`, `500ms` or `30`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, NotADuration> {
    let refuse = || NotADuration(text.chars().take(40).collect());
    let unit_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let seconds_per_unit = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return Err(refuse()),
    };
    // Keeps signs, exponents and blanks out, which f64 would take.
    if number.is_empty() || !number.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(refuse());
    }
    let count: f64 = number.parse().ok().ok_or_else(refuse)?;
    Duration::try_from_secs_f64(count * seconds_per_unit)
        .ok()
        .ok_or_else(refuse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_or_without_unit() {
        let table = [
            ("30", 30_000),
            ("30s", 30_000),
            ("500ms", 500),
            ("1.5m", 90_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("0", 0),
        ];
        for (text, milliseconds) in table {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn all_else_is_refused() {
        for text in [
            "",
            "s",
            "-1",
            "1e3",
            "inf",
            "30 s",
            "1w",
            "1.2.3s",
            "99999999999999999999d",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
