//! uWSGI's language: `%(name)`.

use super::{Problem, header, near, problem};
use crate::config::diagnostic::quote;
use crate::config::vassal::{LogField, LogPiece};

/// uWSGI's names.
pub(super) const NAMES: [(&str, LogField); 33] = [
    ("addr", LogField::Remote),
    ("user", LogField::Unknown),
    ("method", LogField::Method),
    ("uri", LogField::Uri),
    ("proto", LogField::Protocol),
    ("host", LogField::Host),
    ("scheme", LogField::Scheme),
    ("cl", LogField::RequestLength),
    ("status", LogField::Status),
    ("rsize", LogField::BodyBytes),
    ("hsize", LogField::HeadBytes),
    ("size", LogField::AnswerBytes),
    ("micros", LogField::Micros),
    ("msecs", LogField::Millis),
    ("secs", LogField::Seconds),
    ("time", LogField::StartedSeconds),
    ("tmsecs", LogField::StartedMillis),
    ("tmicros", LogField::StartedMicros),
    ("ltime", LogField::StartedApache),
    ("ctime", LogField::StartedCtime),
    ("ftime", LogField::StartedOwn),
    ("epoch", LogField::NowSeconds),
    ("pid", LogField::Pid),
    ("wid", LogField::Worker),
    ("core", LogField::Thread),
    ("request_id", LogField::RequestId),
    ("path", LogField::Path),
    ("query", LogField::Query),
    ("port", LogField::RemotePort),
    ("rss", LogField::Resident),
    ("rssM", LogField::ResidentMegabytes),
    ("vsz", LogField::Addressed),
    ("vszM", LogField::AddressedMegabytes),
];

/// Names of variables that a request has in the app's environ, for `%(var.NAME)`.
pub(super) const VARIABLES: [(&str, LogField); 13] = [
    ("REMOTE_ADDR", LogField::Remote),
    ("REMOTE_PORT", LogField::RemotePort),
    ("REMOTE_USER", LogField::Unknown),
    ("REQUEST_METHOD", LogField::Method),
    ("REQUEST_URI", LogField::Uri),
    ("PATH_INFO", LogField::Path),
    ("QUERY_STRING", LogField::Query),
    ("SERVER_PROTOCOL", LogField::Protocol),
    ("HTTP_HOST", LogField::Host),
    ("REQUEST_SCHEME", LogField::Scheme),
    ("CONTENT_LENGTH", LogField::RequestLength),
    ("UWSGI_WORKER", LogField::Worker),
    ("HTTP_X_REQUEST_ID", LogField::RequestId),
];

/// uWSGI's names of what there is not, and what to do.
pub(super) const ABSENT: [(&str, &str); 12] = [
    ("headers", "leave it out"),
    ("vars", "leave it out"),
    ("pktsize", "leave it out: there are no uwsgi packets"),
    ("modifier1", "leave it out: there are no uwsgi packets"),
    ("modifier2", "leave it out: there are no uwsgi packets"),
    ("switches", "leave it out: requests do not switch"),
    (
        "rerr",
        "leave it out: a request that was cut off is always logged",
    ),
    (
        "werr",
        "leave it out: a request that was cut off is always logged",
    ),
    (
        "ioerr",
        "leave it out: a request that was cut off is always logged",
    ),
    ("signum", "leave it out"),
    ("stream", "leave it out"),
    ("metric", "use `lictor status --json`"),
];

/// What stands behind a `%(`, and what follows its `)`.
pub(super) fn variable(text: &str) -> Result<(LogPiece, &str), Problem> {
    let Some((name, after)) = text.split_once(')') else {
        let message = format!("`%(` without `)` before {}", quote(text));
        return problem(
            message,
            "write variables as `%(uri)`, and a percent sign as `%%`",
        );
    };
    Ok((named(name)?, after))
}

pub(super) fn named(name: &str) -> Result<LogPiece, Problem> {
    match name {
        "referer" | "uagent" => {
            let field = if name == "referer" {
                name
            } else {
                "user-agent"
            };
            return Ok(LogPiece::Header(field.to_owned()));
        }
        _ => {}
    }
    if let Some((_, field)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Ok(LogPiece::Field(*field));
    }
    if let Some(header_name) = name.strip_prefix("header.") {
        return header(header_name);
    }
    if let Some(variable) = name.strip_prefix("var.") {
        return environ_variable(variable);
    }
    if let Some(variable) = name.strip_prefix("logvar.") {
        return log_variable(variable);
    }
    let base = name.split('.').next().unwrap_or(name);
    if let Some((_, instead)) = ABSENT.iter().find(|(known, _)| *known == base) {
        return problem(format!("there is no variable `%({base})`"), *instead);
    }
    let known = NAMES.iter().map(|(known, _)| *known);
    match misspelt(name, known.chain(["referer", "uagent"])) {
        Some(known) => problem(
            format!("unknown variable {}", quote(&format!("%({name})"))),
            format!(
                "did you mean `%({known})`? What the app sets by `uwsgi.set_logvar` is \
                 `%(logvar.{name})`"
            ),
        ),
        None => log_variable(name),
    }
}

/// What the app sets while it answers.
fn log_variable(name: &str) -> Result<LogPiece, Problem> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || !name.chars().all(is_name) {
        return problem(
            format!("{} is not the name of a log variable", quote(name)),
            "such names are made of letters, digits, `_`, `-` and `.`; `lictor explain log-format` \
             lists the other variables",
        );
    }
    Ok(LogPiece::Variable(name.to_owned()))
}

/// The known name that was meant, if a slip of the fingers explains this one. Any name might be a log
/// variable, so that short ones are given the benefit of the doubt.
fn misspelt<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let slips = if name.len() >= 6 { 2 } else { 1 };
    near(name, known).filter(|known| name.len() > 2 && strsim::osa_distance(name, known) <= slips)
}

/// A variable as the app sees it.
fn environ_variable(name: &str) -> Result<LogPiece, Problem> {
    if let Some((_, field)) = VARIABLES.iter().find(|(known, _)| *known == name) {
        return Ok(LogPiece::Field(*field));
    }
    let header_name = match name {
        "CONTENT_TYPE" => Some(name),
        name => name.strip_prefix("HTTP_"),
    };
    match header_name {
        Some(name) => header(&name.replace('_', "-")),
        None => problem(
            format!(
                "no variable {} is known when a line is written",
                quote(name)
            ),
            "there are those of header fields, such as `%(var.HTTP_COOKIE)`, and `REMOTE_ADDR`, \
             `REQUEST_URI` and the like",
        ),
    }
}
