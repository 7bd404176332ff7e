//! The comments of a file, in the order in which its options ask for them.

use std::ops::Range;

use crate::config::format::Format;

/// What has not been given away yet.
pub(super) struct Comments<'a> {
    text: &'a str,
    format: Format,
    /// Where the text begins that nobody has asked for.
    next: usize,
}

impl<'a> Comments<'a> {
    pub(super) fn new(text: &'a str, format: Format) -> Self {
        Self {
            text,
            format,
            next: 0,
        }
    }

    /// The comments and blank lines above the line where this key stands.
    pub(super) fn above(&mut self, key: Option<Range<usize>>) -> Vec<String> {
        let Some(key) = key.filter(|key| key.start >= self.next) else {
            return Vec::new();
        };
        let line_start = self.text.get(..key.start).map_or(0, |before| {
            before.rfind('\n').map_or(0, |newline| newline + 1)
        });
        let lines = self.between(line_start);
        self.next = self.line_end(key.end);
        lines
    }

    /// The comment behind a value, where the format has such.
    pub(super) fn behind(&self, value: Option<Range<usize>>) -> Option<String> {
        if !matches!(self.format, Format::Toml | Format::Yaml) {
            return None;
        }
        let end = value?.end;
        let rest = self.text.get(end..self.line_end(end))?.trim();
        rest.starts_with('#').then(|| rest.to_owned())
    }

    /// What stands below the last option.
    pub(super) fn rest(&mut self) -> Vec<String> {
        self.between(self.text.len())
    }

    fn between(&self, end: usize) -> Vec<String> {
        let text = self.text.get(self.next..end).unwrap_or_default();
        let lines = text.lines().filter_map(|line| self.comment(line.trim()));
        let is_first = self.next == 0;
        // The end of the line of the option before is no blank line.
        lines.skip(usize::from(!is_first)).collect()
    }

    /// A line as a comment of TOML, if it is a comment or blank.
    fn comment(&self, line: &str) -> Option<String> {
        if line.is_empty() {
            return Some(String::new());
        }
        let marks: &[char] = match self.format {
            Format::Ini => &[';', '#'],
            Format::Toml | Format::Yaml => &['#'],
            Format::Json => &[],
        };
        let text = line.strip_prefix(marks)?;
        Some(format!(
            "#{}",
            text.replace(|c: char| c.is_control() && c != '\t', " ")
        ))
    }

    fn line_end(&self, from: usize) -> usize {
        let rest = self.text.get(from..).unwrap_or_default();
        from + rest.find('\n').unwrap_or(rest.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_stay_above_what_they_stood_above() {
        let text =
            "; the blog\n\n[uwsgi]\n# where\nhttp = :8000\n\n;; who\nuid = www-data\n# end\n";
        let mut comments = Comments::new(text, Format::Ini);
        let key = |name: &str| text.find(name).map(|at| at..at + name.len());
        assert_eq!(comments.above(key("http")), ["# the blog", "", "# where"]);
        assert_eq!(comments.above(key("uid")), ["", "#; who"]);
        // Another one from the same line has nothing left.
        assert!(comments.above(key("uid")).is_empty());
        assert_eq!(comments.rest(), ["# end"]);
    }

    #[test]
    fn a_comment_behind_a_value_is_found_where_the_format_has_such() {
        let text = "http: :8000  # the proxy asks here\nuid: a#b\n";
        let comments = Comments::new(text, Format::Yaml);
        let value = |name: &str| text.find(name).map(|at| at..at + name.len());
        assert_eq!(
            comments.behind(value(":8000")).as_deref(),
            Some("# the proxy asks here")
        );
        assert_eq!(comments.behind(value("a#b")), None);
        assert_eq!(
            Comments::new(text, Format::Ini).behind(value(":8000")),
            None
        );
    }
}
