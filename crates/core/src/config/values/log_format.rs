//! How a line of the request log looks: uWSGI's `%(name)` and Apache's `%x`, in one language.

use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::Setting;
use crate::config::tree::Node;
use crate::config::vassal::{LogField, LogFormat, LogPiece};

/// Apache's "common" and "combined" (`mod_log_config`).
const COMMON: &str = "%h %l %u %t \"%r\" %>s %b";
const COMBINED: &str = "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\"";

const WORDS: [&str; 4] = ["text", "json", "common", "combined"];

/// uWSGI's names.
const NAMES: [(&str, LogField); 26] = [
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
    ("micros", LogField::Micros),
    ("msecs", LogField::Millis),
    ("secs", LogField::Seconds),
    ("time", LogField::StartedSeconds),
    ("tmsecs", LogField::StartedMillis),
    ("tmicros", LogField::StartedMicros),
    ("ltime", LogField::StartedApache),
    ("ctime", LogField::StartedCtime),
    ("epoch", LogField::NowSeconds),
    ("pid", LogField::Pid),
    ("wid", LogField::Worker),
    ("core", LogField::Thread),
    ("request_id", LogField::RequestId),
    ("path", LogField::Path),
    ("query", LogField::Query),
    ("port", LogField::RemotePort),
];

/// Names of variables that a request has in the app's environ, for `%(var.NAME)`.
const VARIABLES: [(&str, LogField); 13] = [
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
const ABSENT: [(&str, &str); 19] = [
    ("size", "use `%(rsize)`, the size of the body alone"),
    ("hsize", "use `%(rsize)`, the size of the body alone"),
    ("headers", "leave it out"),
    ("vars", "leave it out"),
    ("pktsize", "leave it out: there are no uwsgi packets"),
    ("modifier1", "leave it out: there are no uwsgi packets"),
    ("modifier2", "leave it out: there are no uwsgi packets"),
    ("switches", "leave it out: requests do not switch"),
    ("rss", "use `lictor status --json`"),
    ("vsz", "use `lictor status --json`"),
    ("rssM", "use `lictor status --json`"),
    ("vszM", "use `lictor status --json`"),
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
    ("ftime", "use `%(ltime)`, `%(ctime)` or `%(time)`"),
    ("signum", "leave it out"),
    ("stream", "leave it out"),
    ("metric", "use `lictor status --json`"),
];

/// A word, or a format.
pub(in crate::config) fn log_format(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<LogFormat, Complaint> {
    let text = setting.text(node)?;
    let pieces = match text {
        "text" => return Ok(LogFormat::Text),
        "json" => return Ok(LogFormat::Json),
        "common" => COMMON,
        "combined" => COMBINED,
        _ if !text.contains('%') => {
            let complaint = setting.mismatch(node);
            return Err(match near(text, WORDS.into_iter()) {
                Some(word) => complaint.hint(format!("did you mean `{word}`?")),
                None => complaint.hint("a format has variables such as `%(uri)` or `%r` in it"),
            });
        }
        format => format,
    };
    parse(pieces)
        .map(LogFormat::Pieces)
        .map_err(|problem| Complaint::new(node.place.clone(), problem.message).hint(problem.hint))
}

#[derive(Debug)]
struct Problem {
    message: String,
    hint: String,
}

fn problem<T>(message: String, hint: impl Into<String>) -> Result<T, Problem> {
    let hint = hint.into();
    Err(Problem { message, hint })
}

fn parse(format: &str) -> Result<Vec<LogPiece>, Problem> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let (piece, after) = variable(after)?;
        if !text.is_empty() {
            pieces.push(LogPiece::Text(std::mem::take(&mut text)));
        }
        pieces.push(piece);
        rest = after;
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(LogPiece::Text(text));
    }
    Ok(pieces)
}

/// What stands behind a `%`, and what follows it.
fn variable(text: &str) -> Result<(LogPiece, &str), Problem> {
    if let Some(text) = text.strip_prefix('(') {
        let Some((name, after)) = text.split_once(')') else {
            let message = format!("`%(` without `)` before {}", quote(text));
            return problem(
                message,
                "write variables as `%(uri)`, and a percent sign as `%%`",
            );
        };
        return Ok((named(name)?, after));
    }
    if let Some(text) = text.strip_prefix('{') {
        let found = text.split_once('}').and_then(|(name, after)| {
            let mut chars = after.chars();
            Some((name, chars.next()?, chars.as_str()))
        });
        return match found {
            Some((name, 'i', after)) => Ok((header(name)?, after)),
            Some(("s", 'T', after)) => Ok((LogPiece::Field(LogField::Seconds), after)),
            Some(("ms", 'T', after)) => Ok((LogPiece::Field(LogField::Millis), after)),
            Some(("us", 'T', after)) => Ok((LogPiece::Field(LogField::Micros), after)),
            _ => problem(
                format!("no variable begins with `%{{` and {}", quote(text)),
                "of Apache's there are `%{NAME}i`, `%{s}T`, `%{ms}T` and `%{us}T`",
            ),
        };
    }
    // The final status, as it is the only one.
    let text = text.strip_prefix('>').unwrap_or(text);
    let mut chars = text.chars();
    let letter = chars.next();
    let field = match letter {
        Some('h' | 'a') => LogField::Remote,
        Some('l' | 'u') => LogField::Unknown,
        Some('t') => LogField::StartedApacheBrackets,
        Some('r') => LogField::RequestLine,
        Some('s') => LogField::Status,
        Some('b') => LogField::BodyBytesOrDash,
        Some('B') => LogField::BodyBytes,
        Some('D') => LogField::Micros,
        Some('T') => LogField::Seconds,
        Some('m') => LogField::Method,
        Some('U') => LogField::Path,
        Some('q') => LogField::QueryWithMark,
        Some('H') => LogField::Protocol,
        Some('v' | 'V') => LogField::Host,
        Some('P') => LogField::Pid,
        Some('L') => LogField::RequestId,
        Some(letter) => {
            return problem(
                format!("unknown variable {}", quote(&format!("%{letter}"))),
                "`lictor explain log-format` lists them; a percent sign is written `%%`",
            );
        }
        None => {
            return problem(
                "a format ends with `%`".to_owned(),
                "write a percent sign as `%%`",
            );
        }
    };
    Ok((LogPiece::Field(field), chars.as_str()))
}

fn named(name: &str) -> Result<LogPiece, Problem> {
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
    let base = name.split('.').next().unwrap_or(name);
    if let Some((_, instead)) = ABSENT.iter().find(|(known, _)| *known == base) {
        return problem(format!("there is no variable `%({base})`"), *instead);
    }
    let message = format!("unknown variable {}", quote(&format!("%({name})")));
    let known = NAMES.iter().map(|(known, _)| *known);
    match near(name, known.chain(["referer", "uagent"])) {
        Some(known) => problem(message, format!("did you mean `%({known})`?")),
        None => problem(message, "`lictor explain log-format` lists them"),
    }
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

fn header(name: &str) -> Result<LogPiece, Problem> {
    if super::is_field_name(name) {
        return Ok(LogPiece::Header(name.to_ascii_lowercase()));
    }
    let message = format!("{} is not the name of a header field", quote(name));
    problem(
        message,
        "write it as it stands in a request, such as `User-Agent`",
    )
}

fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distances = known.map(|known| (strsim::osa_distance(name, known), known));
    let close = distances.filter(|(distance, known)| *distance <= 2 && *distance < known.len());
    close
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> LogPiece {
        LogPiece::Text(text.to_owned())
    }

    #[test]
    fn both_languages_are_read() {
        use LogField::{Remote, Status, Uri};
        for (format, expected) in [
            (
                "%(addr) %(uri)",
                vec![LogPiece::Field(Remote), text(" "), LogPiece::Field(Uri)],
            ),
            (
                "%h%>s%s",
                vec![
                    LogPiece::Field(Remote),
                    LogPiece::Field(Status),
                    LogPiece::Field(Status),
                ],
            ),
            ("100%% %%(uri)", vec![text("100% %(uri)")]),
            (
                "%{User-Agent}i",
                vec![LogPiece::Header("user-agent".to_owned())],
            ),
            (
                "%(uagent)|",
                vec![LogPiece::Header("user-agent".to_owned()), text("|")],
            ),
            ("%(header.X-A)", vec![LogPiece::Header("x-a".to_owned())]),
            ("%(var.HTTP_X_A)", vec![LogPiece::Header("x-a".to_owned())]),
            (
                "%(var.CONTENT_TYPE)",
                vec![LogPiece::Header("content-type".to_owned())],
            ),
            ("%(var.REMOTE_ADDR)", vec![LogPiece::Field(Remote)]),
        ] {
            assert_eq!(parse(format).unwrap(), expected, "{format}");
        }
        assert_eq!(parse(COMBINED).unwrap().len(), 18);
        assert!(parse(COMMON).is_ok());
    }

    #[test]
    fn every_name_is_there_once() {
        for (name, _) in NAMES {
            assert!(named(name).is_ok(), "{name}");
            assert!(ABSENT.iter().all(|(absent, _)| *absent != name), "{name}");
        }
        for (name, _) in ABSENT {
            assert!(named(name).is_err(), "{name}");
        }
    }

    #[test]
    fn what_is_unknown_is_refused_with_the_nearest_name() {
        for (format, hint) in [
            ("%(methd)", "did you mean `%(method)`?"),
            ("%(refererr)", "did you mean `%(referer)`?"),
            ("%(xyzzy)", "`lictor explain log-format` lists them"),
            (
                "%(uri",
                "write variables as `%(uri)`, and a percent sign as `%%`",
            ),
            ("%(switches)", "leave it out: requests do not switch"),
            ("%(metric.a.b)", "use `lictor status --json`"),
            ("%", "write a percent sign as `%%`"),
            ("%>", "write a percent sign as `%%`"),
            (
                "%Z",
                "`lictor explain log-format` lists them; a percent sign is written `%%`",
            ),
            (
                "%(header.a b)",
                "write it as it stands in a request, such as `User-Agent`",
            ),
            (
                "%{x}o",
                "of Apache's there are `%{NAME}i`, `%{s}T`, `%{ms}T` and `%{us}T`",
            ),
        ] {
            assert_eq!(parse(format).unwrap_err().hint, hint, "{format}");
        }
        assert!(parse("%(var.wsgi)").is_err());
    }
}
