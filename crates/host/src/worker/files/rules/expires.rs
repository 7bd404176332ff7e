//! How long a client may keep a file, by what it is. Pure.

use lictor_core::config::{ExpiresBy, StaticExpires};
use regex_lite::Regex;

/// What is known of a file that is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    /// On the disk.
    pub(crate) file: &'a [u8],
    pub(crate) uri: &'a str,
    /// Percent-decoded.
    pub(crate) path_info: &'a [u8],
    pub(crate) content_type: &'a str,
    /// Seconds since 1970.
    pub(crate) changed: u64,
    pub(crate) now: u64,
}

/// The rules, in the order in which they count.
#[derive(Debug, Default)]
pub(crate) struct Expires(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    matches: Matches,
    seconds: u64,
    is_from_change: bool,
}

#[derive(Debug)]
enum Matches {
    Pattern(ExpiresBy, Regex),
    Type(String),
}

impl Expires {
    pub(crate) fn new(rules: &[StaticExpires]) -> Self {
        let rules = rules.iter().filter_map(|rule| {
            let matches = match rule.by {
                ExpiresBy::Type => Matches::Type(rule.pattern.clone()),
                // Patterns were found to be right when the file was read.
                by @ (ExpiresBy::File | ExpiresBy::Uri | ExpiresBy::PathInfo) => {
                    Matches::Pattern(by, Regex::new(&rule.pattern).ok()?)
                }
            };
            Some(Rule {
                matches,
                seconds: rule.seconds,
                is_from_change: rule.is_from_change,
            })
        });
        Self(rules.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Seconds from now on, if a rule fits.
    pub(crate) fn age_of(&self, wanted: &Wanted<'_>) -> Option<u64> {
        let rule = self.0.iter().find(|rule| rule.matches.fits(wanted))?;
        if !rule.is_from_change {
            return Some(rule.seconds);
        }
        let until = wanted.changed.saturating_add(rule.seconds);
        Some(until.saturating_sub(wanted.now))
    }
}

impl Matches {
    fn fits(&self, wanted: &Wanted<'_>) -> bool {
        let lossy = String::from_utf8_lossy;
        match self {
            Self::Pattern(ExpiresBy::File, pattern) => pattern.is_match(&lossy(wanted.file)),
            Self::Pattern(ExpiresBy::PathInfo, pattern) => {
                pattern.is_match(&lossy(wanted.path_info))
            }
            Self::Pattern(ExpiresBy::Uri | ExpiresBy::Type, pattern) => {
                pattern.is_match(wanted.uri)
            }
            Self::Type(kind) => {
                let plain = wanted.content_type.split(';').next().unwrap_or_default();
                plain.trim().eq_ignore_ascii_case(kind)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_counts() {
        let rule = |by, pattern: &str, seconds, is_from_change| StaticExpires {
            by,
            pattern: pattern.to_owned(),
            seconds,
            is_from_change,
        };
        let expires = Expires::new(&[
            rule(ExpiresBy::Uri, r"\?fresh$", 1, false),
            rule(ExpiresBy::PathInfo, "^/a b/", 2, false),
            rule(ExpiresBy::Type, "text/css", 30, true),
            rule(ExpiresBy::File, r"\.(png|css)$", 4, false),
        ]);
        assert!(!expires.is_empty() && Expires::default().is_empty());
        let wanted = Wanted {
            file: b"/srv/x.css",
            uri: "/x.css",
            path_info: b"/x.css",
            content_type: "text/css; charset=utf-8",
            changed: 1000,
            now: 1010,
        };
        let uri = "/x.css?fresh";
        assert_eq!(expires.age_of(&Wanted { uri, ..wanted }), Some(1));
        let path_info = b"/a b/x";
        let below = Wanted {
            path_info,
            ..wanted
        };
        assert_eq!(expires.age_of(&below), Some(2));
        assert_eq!(expires.age_of(&wanted), Some(20));
        let now = 2000;
        assert_eq!(expires.age_of(&Wanted { now, ..wanted }), Some(0));
        let content_type = "image/png";
        let image = Wanted {
            content_type,
            ..wanted
        };
        assert_eq!(expires.age_of(&image), Some(4));
        let file = b"/srv/x.gif";
        assert_eq!(expires.age_of(&Wanted { file, ..image }), None);
    }
}
