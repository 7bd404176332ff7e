//! `log-encoder`, in uWSGI's words: `KIND[:LOGGER] ARGUMENT`; and the other values of loggers.

use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::Setting;
use crate::config::tree::{Node, Value};
use crate::config::vassal::{LogEncoder, LogEncoderKind, LogEncoderPiece, LogRoute};

use super::boolean_value;

/// The form of a date where none is said, which is that of `asctime(3)`, as in uWSGI.
const DATE: &str = "%a %b %e %H:%M:%S %Y";

/// An encoder; none for the one that only ends a line, which every line does.
pub(in crate::config) fn log_encoder(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<Option<LogEncoder>, Complaint> {
    // What stands behind the first space belongs to the line, spaces and all.
    let Value::Text(text) = &node.value else {
        return Err(setting.mismatch(node));
    };
    let (kind, argument) = text.split_once(' ').unwrap_or((text, ""));
    let (kind, logger) = match kind.split_once(':') {
        Some((kind, logger)) => (kind, Some(logger.to_owned())),
        None => (kind, None),
    };
    let kind = match kind {
        "nl" => return Ok(None),
        "prefix" => LogEncoderKind::Prefix(argument.to_owned()),
        "suffix" => LogEncoderKind::Suffix(argument.to_owned()),
        "format" | "json" => {
            LogEncoderKind::Format(pieces(setting, node, argument)?, kind == "json")
        }
        "gzip" | "compress" | "msgpack" => {
            let what = format!("asks for {}, which makes no lines", quote(kind));
            return Err(setting
                .wrong(node, &what)
                .hint("let a log shipper pack what it sends, or logrotate compress files"));
        }
        _ => return Err(setting.mismatch(node)),
    };
    Ok(Some(LogEncoder { logger, kind }))
}

fn pieces(
    setting: &Setting<'_>,
    node: &Node,
    mut text: &str,
) -> Result<Vec<LogEncoderPiece>, Complaint> {
    let mut pieces = Vec::new();
    while let Some((before, rest)) = text.split_once("${") {
        let Some((name, after)) = rest.split_once('}') else {
            return Err(setting.wrong(node, "has `${` without `}`"));
        };
        if !before.is_empty() {
            pieces.push(LogEncoderPiece::Text(before.to_owned()));
        }
        pieces.push(match name {
            "msg" | "msgnl" => LogEncoderPiece::Line,
            "unix" => LogEncoderPiece::Seconds,
            "micros" => LogEncoderPiece::Micros,
            other => {
                let form = other.strip_prefix("strftime:");
                let form = form.ok_or_else(|| unknown_variable(setting, node, other))?;
                LogEncoderPiece::Time(form.to_owned())
            }
        });
        text = after;
    }
    if !text.is_empty() {
        pieces.push(LogEncoderPiece::Text(text.to_owned()));
    }
    Ok(pieces)
}

fn unknown_variable(setting: &Setting<'_>, node: &Node, name: &str) -> Complaint {
    let what = format!("has the variable {}, which there is not", quote(name));
    let hint = "there are `${msg}`, `${unix}`, `${micros}` and `${strftime:FORM}`";
    setting.wrong(node, &what).hint(hint)
}

/// `NAME PATTERN`.
pub(in crate::config) fn log_route(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<LogRoute, Complaint> {
    let text = setting.text(node)?;
    let Some((logger, pattern)) = text.split_once(' ') else {
        return Err(setting.mismatch(node));
    };
    let pattern = pattern.trim_start();
    check_pattern(setting, node, pattern)?;
    Ok(LogRoute {
        logger: logger.to_owned(),
        pattern: pattern.to_owned(),
    })
}

/// A regular expression.
pub(in crate::config) fn pattern(setting: &Setting<'_>, node: &Node) -> Result<String, Complaint> {
    let text = setting.text(node)?;
    check_pattern(setting, node, text)?;
    Ok(text.to_owned())
}

/// A pattern takes time linear in what it is held against, so that none can hang what uses it: what
/// needs more, such as references to groups, is not understood. Tells how many groups it has, all of it
/// included.
pub(super) fn check_pattern(
    setting: &Setting<'_>,
    node: &Node,
    pattern: &str,
) -> Result<usize, Complaint> {
    let regex = regex_lite::Regex::new(pattern).map_err(|error| {
        let what = format!("has the pattern {}: {error}", quote(pattern));
        setting
            .wrong(node, &what)
            .hint("write it without look-around and back-references, which take time without bound")
    })?;
    Ok(regex.captures_len())
}

/// A form of `strftime(3)`, or a switch.
pub(in crate::config) fn date_form(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<Option<String>, Complaint> {
    match (&node.value, boolean_value(&node.value)) {
        (Value::Bare, _) | (_, Some(true)) => Ok(Some(DATE.to_owned())),
        (_, Some(false)) => Ok(None),
        _ => setting.text(node).map(|form| Some(form.to_owned())),
    }
}

/// A regular expression and a number of seconds behind it.
pub(in crate::config) fn pattern_expires(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<(String, u64), Complaint> {
    let (pattern, seconds) = before_seconds(setting, node)?;
    check_pattern(setting, node, &pattern)?;
    Ok((pattern, seconds))
}

/// A media type and a number of seconds behind it.
pub(in crate::config) fn type_expires(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<(String, u64), Complaint> {
    let (kind, seconds) = before_seconds(setting, node)?;
    match kind.split_once('/') {
        Some((main, sub)) if !main.is_empty() && !sub.is_empty() && !kind.contains(';') => {
            Ok((kind.to_ascii_lowercase(), seconds))
        }
        _ => Err(setting.mismatch(node)),
    }
}

/// What stands before the last space or `=`, and the number behind it.
fn before_seconds(setting: &Setting<'_>, node: &Node) -> Result<(String, u64), Complaint> {
    let text = setting.text(node)?;
    let parts = text.rsplit_once([' ', '=']);
    let read = parts.and_then(|(before, seconds)| Some((before.trim_end(), seconds.parse().ok()?)));
    match read {
        Some((before, seconds)) if !before.is_empty() => Ok((before.to_owned(), seconds)),
        _ => Err(setting.mismatch(node)),
    }
}
