//! Apache's language: `%x` and `%{NAME}x` (`mod_log_config`, `mod_logio`).

use super::{Problem, header, problem};
use crate::config::diagnostic::quote;
use crate::config::vassal::{LogField, LogPiece};

/// Letters of what there is not, and what to do.
const ABSENT: [(char, &str); 13] = [
    (
        'A',
        "leave it out, or write the address as it stands in `http`",
    ),
    ('C', "use `%{Cookie}i`, all cookies"),
    ('e', "write the value itself: it is the same in each line"),
    ('f', "use `%U`: which file a path stands for is not told"),
    (
        'I',
        "use `%(cl)`, the length that the request declares: what a connection carries is not told apart by request",
    ),
    (
        'k',
        "leave it out: requests of a connection are not counted",
    ),
    ('n', "leave it out: there are no modules to leave notes"),
    (
        'o',
        "leave it out: header fields of the answer are not kept until the line is written",
    ),
    (
        'O',
        "use `%(size)`, head and body of the answer: the line is written before the kernel has taken all of it",
    ),
    (
        'p',
        "write the port as it stands in `http`, or use `%(host)`, which has it where the client said it",
    ),
    ('R', "leave it out: there are no handlers"),
    (
        'S',
        "use `%(size)`, head and body of the answer: what a connection carries is not told apart by request",
    ),
    (
        'X',
        "leave it out: an answer that was cut off is always logged, and the line is written before the others have ended",
    ),
];

/// What stands behind a `%`, and what follows it.
pub(super) fn variable(text: &str) -> Result<(LogPiece, &str), Problem> {
    if let Some(text) = text.strip_prefix('{') {
        return braced(text);
    }
    if text.starts_with(|c: char| c == '!' || c == ',' || c.is_ascii_digit()) {
        let message = format!(
            "a variable cannot be for some statuses alone: {}",
            quote(&format!("%{text}"))
        );
        return problem(
            message,
            "`log-4xx` and `log-5xx` choose requests by their status",
        );
    }
    // The first status and the last, as there is only one.
    let text = text.strip_prefix(['>', '<']).unwrap_or(text);
    let mut chars = text.chars();
    let Some(letter) = chars.next() else {
        return problem(
            "a format ends with `%`".to_owned(),
            "write a percent sign as `%%`",
        );
    };
    match field(letter) {
        Some(field) => Ok((LogPiece::Field(field), chars.as_str())),
        None => unknown(letter, &format!("%{letter}")),
    }
}

fn field(letter: char) -> Option<LogField> {
    Some(match letter {
        'h' | 'a' => LogField::Remote,
        'l' | 'u' => LogField::Unknown,
        't' => LogField::StartedApacheBrackets,
        'r' => LogField::RequestLine,
        's' => LogField::Status,
        'b' => LogField::BodyBytesOrDash,
        'B' => LogField::BodyBytes,
        'D' => LogField::Micros,
        'T' => LogField::Seconds,
        'm' => LogField::Method,
        'U' => LogField::Path,
        'q' => LogField::QueryWithMark,
        'H' => LogField::Protocol,
        'v' | 'V' => LogField::Host,
        'P' => LogField::Pid,
        'L' => LogField::RequestId,
        _ => return None,
    })
}

/// `%{NAME}x`.
fn braced(text: &str) -> Result<(LogPiece, &str), Problem> {
    let found = text.split_once('}').and_then(|(name, after)| {
        let mut chars = after.chars();
        Some((name, chars.next()?, chars.as_str()))
    });
    let field = match found {
        Some((name, 'i', after)) => return Ok((header(name)?, after)),
        Some(("s", 'T', after)) => (LogField::Seconds, after),
        Some(("ms", 'T', after)) => (LogField::Millis, after),
        Some(("us", 'T', after)) => (LogField::Micros, after),
        Some(("pid", 'P', after)) => (LogField::Pid, after),
        Some((_, letter, _)) if ABSENT.iter().any(|(absent, _)| *absent == letter) => {
            return unknown(letter, &format!("%{{…}}{letter}"));
        }
        _ => {
            return problem(
                format!("no variable begins with `%{{` and {}", quote(text)),
                "of Apache's there are `%{NAME}i`, `%{s}T`, `%{ms}T`, `%{us}T` and `%{pid}P`",
            );
        }
    };
    Ok((LogPiece::Field(field.0), field.1))
}

fn unknown<T>(letter: char, shown: &str) -> Result<T, Problem> {
    match ABSENT.iter().find(|(absent, _)| *absent == letter) {
        Some((_, instead)) => problem(format!("there is no variable `{shown}`"), *instead),
        None => problem(
            format!("unknown variable {}", quote(shown)),
            "`lictor explain log-format` lists them; a percent sign is written `%%`",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{ABSENT, field, variable};

    #[test]
    fn every_letter_is_there_or_has_a_reason() {
        // All of mod_log_config and mod_logio.
        for letter in "aABbCDefhHiIklLmnoOpPqrRsStTuUvVX".chars() {
            let is_absent = ABSENT.iter().any(|(absent, _)| *absent == letter);
            assert!(
                letter == 'i' || is_absent != field(letter).is_some(),
                "{letter}"
            );
            if is_absent {
                let problem = variable(&letter.to_string()).unwrap_err();
                assert!(problem.message.starts_with("there is no"), "{problem:?}");
            }
        }
    }
}
