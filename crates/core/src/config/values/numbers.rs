//! Booleans, numbers, durations, sizes and permission bits.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::diagnostic::Complaint;
use crate::config::setting::Setting;
use crate::config::tree::{Node, Value};
use crate::config::types::Mode;

/// What uWSGI gives a socket for a `chmod-socket` without a value.
const BARE_MODE: u32 = 0o666;

/// `true` or `false`, in any of the spellings that people use in INI.
pub(in crate::config) fn boolean(setting: &Setting<'_>, node: &Node) -> Result<bool, Complaint> {
    boolean_value(&node.value).ok_or_else(|| setting.mismatch(node))
}

/// The same for a value alone.
pub(in crate::config) fn boolean_value(value: &Value) -> Option<bool> {
    let word = match value {
        Value::Bool(flag) => return Some(*flag),
        Value::Bare => return Some(true),
        Value::Text(text) | Value::Number(text) => text.trim().to_ascii_lowercase(),
        Value::Null | Value::Date(_) | Value::List(_) | Value::Table(_) => return None,
    };
    match word.as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// A whole number within bounds.
pub(in crate::config) fn whole(
    setting: &Setting<'_>,
    node: &Node,
    range: RangeInclusive<u32>,
) -> Result<u32, Complaint> {
    digits(node)
        .and_then(parse_whole)
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| range.contains(number))
        .ok_or_else(|| setting.mismatch(node))
}

/// `30s`, `5m`, `1h`, `1d`, `500ms`; a bare number is seconds.
pub(in crate::config) fn duration(
    setting: &Setting<'_>,
    node: &Node,
    longest: Duration,
) -> Result<Duration, Complaint> {
    digits(node)
        .and_then(parse_duration)
        .filter(|duration| *duration <= longest)
        .ok_or_else(|| setting.mismatch(node))
}

/// The same, but a bare number is milliseconds.
pub(in crate::config) fn milliseconds(
    setting: &Setting<'_>,
    node: &Node,
    longest: Duration,
) -> Result<Duration, Complaint> {
    let duration = digits(node).and_then(|text| match parse_whole(text) {
        Some(number) => Some(Duration::from_millis(number)),
        None => parse_duration(text),
    });
    duration
        .filter(|duration| *duration <= longest)
        .ok_or_else(|| setting.mismatch(node))
}

/// `512M`, `64K`, `1G`; a bare number is bytes. Units are powers of 1024.
pub(in crate::config) fn size(
    setting: &Setting<'_>,
    node: &Node,
    range: RangeInclusive<u64>,
) -> Result<u64, Complaint> {
    digits(node)
        .and_then(parse_size)
        .filter(|bytes| range.contains(bytes))
        .ok_or_else(|| setting.mismatch(node))
}

/// The same, but a bare number is megabytes, as in uWSGI's limits of memory.
pub(in crate::config) fn megabytes(
    setting: &Setting<'_>,
    node: &Node,
    range: RangeInclusive<u64>,
) -> Result<u64, Complaint> {
    let bytes = digits(node).and_then(|text| match parse_whole(text) {
        Some(number) => number.checked_mul(1 << 20),
        None => parse_size(text),
    });
    bytes
        .filter(|bytes| range.contains(bytes))
        .ok_or_else(|| setting.mismatch(node))
}

/// The same, but a bare number is kilobytes.
pub(in crate::config) fn kilobytes(
    setting: &Setting<'_>,
    node: &Node,
    range: RangeInclusive<u64>,
) -> Result<u64, Complaint> {
    let bytes = digits(node).and_then(|text| match parse_whole(text) {
        Some(number) => number.checked_mul(1 << 10),
        None => parse_size(text),
    });
    bytes
        .filter(|bytes| range.contains(bytes))
        .ok_or_else(|| setting.mismatch(node))
}

/// Permission bits. Digits alone are octal, in every format and with or without quotes, as in
/// `chmod(1)` and uWSGI; `0o660` says the same. A decimal number meant as bits cannot slip through:
/// all from 384 (0600) to 511 (0777), read as octal, lack the owner's rights, which are required.
pub(in crate::config) fn mode(setting: &Setting<'_>, node: &Node) -> Result<Mode, Complaint> {
    if matches!(node.value, Value::Bare | Value::Bool(true)) {
        return Ok(Mode(BARE_MODE));
    }
    let spelt = setting.spelling(node)?;
    let octal = spelt.strip_prefix("0o").unwrap_or(&spelt);
    let bits = Some(octal)
        .filter(|octal| octal.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|octal| u32::from_str_radix(octal, 8).ok())
        .filter(|bits| *bits <= 0o777)
        .ok_or_else(|| {
            setting
                .mismatch(node)
                .hint("write it as for `chmod`, such as `660`")
        })?;
    if bits & 0o600 == 0o600 {
        return Ok(Mode(bits));
    }
    let what = format!("is {bits:03o} in octal, which shuts out the socket's own user");
    Err(setting
        .wrong(node, &what)
        .hint("write it as for `chmod`, such as `660`"))
}

/// Permission bits that are taken away, in octal as for [`mode`].
pub(in crate::config) fn umask(setting: &Setting<'_>, node: &Node) -> Result<Mode, Complaint> {
    let spelt = setting.spelling(node)?;
    let octal = spelt.strip_prefix("0o").unwrap_or(&spelt);
    Some(octal)
        .filter(|octal| octal.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|octal| u32::from_str_radix(octal, 8).ok())
        .filter(|bits| *bits <= 0o777)
        .map(Mode)
        .ok_or_else(|| setting.mismatch(node))
}

/// How nice a process is to others (`setpriority(2)`).
pub(in crate::config) fn niceness(setting: &Setting<'_>, node: &Node) -> Result<i32, Complaint> {
    digits(node)
        .and_then(|text| text.parse().ok())
        .filter(|niceness| (-20..=19).contains(niceness))
        .ok_or_else(|| setting.mismatch(node))
}

/// The text of a number, wherever it stands.
fn digits(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) | Value::Number(text) => Some(text.trim()),
        Value::Null
        | Value::Bare
        | Value::Bool(_)
        | Value::Date(_)
        | Value::List(_)
        | Value::Table(_) => None,
    }
}

fn parse_whole(text: &str) -> Option<u64> {
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return u64::from_str_radix(digits, radix).ok();
        }
    }
    if text.starts_with('+') {
        return None;
    }
    text.parse().ok()
}

/// A number and its unit, which may be missing.
fn split_unit(text: &str) -> Option<(u64, &str)> {
    if let Some(number) = parse_whole(text) {
        return Some((number, ""));
    }
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = text.strip_suffix(unit)?;
    Some((number.parse().ok()?, unit.trim()))
}

fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        "t" | "tb" | "tib" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_units_and_bare_numbers_are_seconds() {
        for (text, expected) in [
            ("30", Some(Duration::from_secs(30))),
            ("30s", Some(Duration::from_secs(30))),
            ("5m", Some(Duration::from_mins(5))),
            ("1h", Some(Duration::from_hours(1))),
            ("2d", Some(Duration::from_hours(48))),
            ("500ms", Some(Duration::from_millis(500))),
            ("5 m", Some(Duration::from_mins(5))),
            ("", None),
            ("s", None),
            ("-1", None),
            ("+1", None),
            ("1.5s", None),
            ("1w", None),
            ("99999999999999999999", None),
            ("9999999999999999999d", None),
        ] {
            assert_eq!(parse_duration(text), expected, "{text}");
        }
    }

    #[test]
    fn sizes_take_units_of_1024_and_bare_numbers_are_bytes() {
        for (text, expected) in [
            ("4096", Some(4096)),
            ("64K", Some(65_536)),
            ("64k", Some(65_536)),
            ("64KiB", Some(65_536)),
            ("512M", Some(512 << 20)),
            ("1G", Some(1 << 30)),
            ("0x10", Some(16)),
            ("K", None),
            ("1.5M", None),
            ("1X", None),
            ("99999999999999T", None),
        ] {
            assert_eq!(parse_size(text), expected, "{text}");
        }
    }

    #[test]
    fn no_decimal_number_of_sensible_bits_is_also_octal_with_the_owners_rights() {
        for bits in 0o600_u32..=0o777 {
            let misread = u32::from_str_radix(&bits.to_string(), 8);
            assert!(misread.is_err() || misread.is_ok_and(|bits| bits & 0o600 != 0o600));
        }
    }
}
