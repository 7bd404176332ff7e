//! What has to be known about YAML's text beside its parser: where a token ends, where a second
//! document begins, and what would make the scanner quadratic.

use std::ops::Range;

use crate::config::diagnostic::Complaint;
use crate::config::tree::Place;

/// Most `[` and `{` in a file. The scanner goes through all open ones at every token, so a file of
/// nothing else would take minutes.
const OPENING_LIMIT: usize = 1000;
/// Most lines that start with `%`. The parser compares each `%TAG` directive with all before it.
const DIRECTIVE_LIMIT: usize = 16;

/// A complaint about text that would keep the parser busy for long.
pub(super) fn suspicious(text: &str) -> Option<Complaint> {
    if let Some((at, _)) = text.match_indices(['[', '{']).nth(OPENING_LIMIT) {
        let message = format!("more than {OPENING_LIMIT} `[` or `{{` in one file");
        return Some(
            Complaint::new(Place::Bytes(at..at + 1), message)
                .hint("a vassal file holds the options of one app and nothing else"),
        );
    }
    let (at, _) = line_starts(text)
        .filter(|(_, line)| line.starts_with('%'))
        .nth(DIRECTIVE_LIMIT)?;
    let message = format!("more than {DIRECTIVE_LIMIT} YAML directives");
    Some(Complaint::new(Place::Bytes(at..at + 1), message).hint("a vassal file needs none"))
}

/// The byte at which the n-th character begins: the parser counts characters.
pub(super) fn byte_of_char(text: &str, index: usize) -> usize {
    text.char_indices()
        .nth(index)
        .map_or(text.len(), |(at, _)| at)
}

/// Where the token at `start` ends, as well as can be told on its own line.
pub(super) fn token_end(text: &str, start: usize) -> usize {
    let before = text
        .get(..start)
        .unwrap_or_default()
        .rsplit('\n')
        .next()
        .unwrap_or_default();
    let line = text
        .get(start..)
        .unwrap_or_default()
        .split('\n')
        .next()
        .unwrap_or_default();
    let is_inside_flow = before.contains(['[', '{']);
    let len = match line.chars().next() {
        Some(mark @ ('"' | '\'')) => quoted_len(line, mark),
        Some('[' | '{' | '|' | '>') | None => line.trim_end().len(),
        Some(_) => plain_len(line, is_inside_flow),
    };
    start + len
}

fn quoted_len(line: &str, mark: char) -> usize {
    let mut is_escaped = false;
    for (at, c) in line.char_indices().skip(1) {
        if c == mark && !is_escaped {
            return at + mark.len_utf8();
        }
        is_escaped = c == '\\' && mark == '"' && !is_escaped;
    }
    line.trim_end().len()
}

fn plain_len(line: &str, is_inside_flow: bool) -> usize {
    let mut previous = ' ';
    let mut chars = line.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next_is_space = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        let ends = match c {
            ':' => next_is_space,
            '#' => previous.is_whitespace(),
            ',' | ']' | '}' => is_inside_flow,
            _ => false,
        };
        if ends && at > 0 {
            return line.get(..at).unwrap_or_default().trim_end().len();
        }
        previous = c;
    }
    line.trim_end().len()
}

/// The `---` that begins a second document.
pub(super) fn second_document(text: &str) -> Option<Range<usize>> {
    let mut has_content = false;
    for (at, line) in line_starts(text) {
        if line.starts_with("---") {
            if has_content {
                return Some(at..at + 3);
            }
            has_content = true;
        }
        has_content |= !line.trim().is_empty() && !line.starts_with(['#', '%']);
    }
    None
}

fn line_starts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |offset, line| {
        let at = *offset;
        *offset += line.len();
        Some((at, line))
    })
}
