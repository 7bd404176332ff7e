//! How a line of the request log looks: uWSGI's `%(name)` and Apache's `%x`, in one language.

mod apache;
mod uwsgi;

use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::Setting;
use crate::config::tree::Node;
use crate::config::vassal::{LogFormat, LogPiece};

/// Apache's "common" and "combined" (`mod_log_config`).
const COMMON: &str = "%h %l %u %t \"%r\" %>s %b";
const COMBINED: &str = "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-Agent}i\"";

const WORDS: [&str; 4] = ["text", "json", "common", "combined"];

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
        let (piece, after) = match after.strip_prefix('(') {
            Some(after) => uwsgi::variable(after)?,
            None => apache::variable(after)?,
        };
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
    use super::uwsgi::{ABSENT, NAMES, named};
    use super::*;
    use crate::config::vassal::LogField;

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
            ("%(user_name)", vec![LogPiece::Variable("user_name".into())]),
            ("%(view)", vec![LogPiece::Variable("view".into())]),
            ("%(logvar.uri)", vec![LogPiece::Variable("uri".into())]),
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
            (
                "%(methd)",
                "did you mean `%(method)`? What the app sets by `uwsgi.set_logvar` is `%(logvar.methd)`",
            ),
            (
                "%(refererr)",
                "did you mean `%(referer)`? What the app sets by `uwsgi.set_logvar` is `%(logvar.refererr)`",
            ),
            (
                "%(a b)",
                "such names are made of letters, digits, `_`, `-` and `.`; `lictor explain log-format` \
                 lists the other variables",
            ),
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
                "%O",
                "use `%(size)`, head and body of the answer: the line is written before the kernel has taken all of it",
            ),
            (
                "%!200h",
                "`log-4xx` and `log-5xx` choose requests by their status",
            ),
            (
                "%{a}T",
                "of Apache's there are `%{NAME}i`, `%{s}T`, `%{ms}T`, `%{us}T` and `%{pid}P`",
            ),
            (
                "%{x}o",
                "leave it out: header fields of the answer are not kept until the line is written",
            ),
        ] {
            assert_eq!(parse(format).unwrap_err().hint, hint, "{format}");
        }
        assert!(parse("%(var.wsgi)").is_err());
    }
}
