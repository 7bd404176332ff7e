//! One line of a file around a place, bounded and printable.

use std::ops::Range;

/// Most characters of a line that are shown; the rest gives way to `…`.
const LINE_LIMIT: usize = 120;
/// How many of them may stand before the place.
const LEAD: usize = 40;

/// A line, or a piece of one, and the place in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Excerpt {
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
    /// Whether the shown text begins within the line.
    pub(super) is_cut_before: bool,
    /// What is shown.
    pub(super) text: String,
    /// The bytes of `text` to underline.
    pub(super) span: Range<usize>,
}

impl Excerpt {
    /// Cuts the line of `range` out of `text`. A range over several lines ends with its first.
    pub(super) fn cut(text: &str, range: Range<usize>) -> Self {
        let start = floor_char_boundary(text, range.start);
        let end = floor_char_boundary(text, range.end.max(start));
        let (before, after) = text.split_at(start);
        let (start, end, before, after) = if after.is_empty() && before.ends_with('\n') {
            // The place behind the last line is shown at that line's end.
            let trimmed = before.trim_end_matches(['\r', '\n', ' ', '\t']);
            (
                trimmed.len(),
                trimmed.len(),
                trimmed,
                text.get(trimmed.len()..).unwrap_or_default(),
            )
        } else {
            (start, end, before, after)
        };
        let line = before.matches('\n').count() + 1;
        let lead = before.rsplit('\n').next().unwrap_or_default();
        let tail = after
            .split('\n')
            .next()
            .unwrap_or_default()
            .trim_end_matches('\r');
        let marked = tail.get(..(end - start).min(tail.len())).unwrap_or(tail);
        let rest = tail.get(marked.len()..).unwrap_or_default();
        let column = lead.chars().count() + 1;
        let is_cut_before = is_cut_before(lead, marked, rest);
        let lead = if is_cut_before { tail_of(lead) } else { lead };
        let (text, span) = window(lead, is_cut_before, marked, rest);
        Self {
            line,
            column,
            is_cut_before,
            text,
            span,
        }
    }
}

fn is_cut_before(lead: &str, marked: &str, rest: &str) -> bool {
    let lead = lead.chars().count();
    lead > LEAD && lead + marked.chars().count() + rest.chars().count() > LINE_LIMIT
}

/// The last characters before the place.
fn tail_of(lead: &str) -> &str {
    let at = lead
        .char_indices()
        .rev()
        .nth(LEAD - 1)
        .map_or(0, |(at, _)| at);
    lead.get(at..).unwrap_or_default()
}

/// The line as it is shown, and the marked part of it.
fn window(lead: &str, is_cut: bool, marked: &str, rest: &str) -> (String, Range<usize>) {
    let mut text = String::from(if is_cut { "…" } else { "" });
    text.extend(lead.chars().map(shown));
    let room = LINE_LIMIT.saturating_sub(text.chars().count());
    let start = text.len();
    text.extend(marked.chars().take(room).map(shown));
    let end = text.len();
    let room = room.saturating_sub(marked.chars().count());
    text.extend(rest.chars().take(room).map(shown));
    if rest.chars().nth(room).is_some() || marked.chars().nth(LINE_LIMIT).is_some() {
        text.push('…');
    }
    (text, start..end)
}

/// Control characters would move the caret or command the terminal.
fn shown(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

fn floor_char_boundary(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}
