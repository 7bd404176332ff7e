//! Which lines are written, and by which loggers. Pure.

use lictor_core::config::{LogRoute, Logger};
use regex_lite::Regex;

/// What holds for all lines.
#[derive(Debug)]
pub(crate) struct Selection {
    drain: Vec<Regex>,
    filter: Vec<Regex>,
}

/// Which loggers of one kind of lines get a line.
#[derive(Debug)]
pub(crate) struct Routes {
    names: Vec<Option<String>>,
    routes: Vec<(String, Regex)>,
}

impl Selection {
    pub(crate) fn new(drain: &[String], filter: &[String]) -> Self {
        let compiled = |patterns: &[String]| patterns.iter().filter_map(|it| compile(it)).collect();
        Self {
            drain: compiled(drain),
            filter: compiled(filter),
        }
    }

    /// Whether a line is written at all.
    pub(crate) fn takes(&self, line: &[u8]) -> bool {
        if self.drain.is_empty() && self.filter.is_empty() {
            return true;
        }
        let text = String::from_utf8_lossy(line);
        let matches = |pattern: &Regex| pattern.is_match(&text);
        !self.drain.iter().any(matches)
            && (self.filter.is_empty() || self.filter.iter().any(matches))
    }
}

impl Routes {
    pub(crate) fn new(loggers: &[Logger], routes: &[LogRoute]) -> Self {
        let routes = routes.iter();
        Self {
            names: loggers.iter().map(|logger| logger.name.clone()).collect(),
            routes: routes
                .filter_map(|route| Some((route.logger.clone(), compile(&route.pattern)?)))
                .collect(),
        }
    }

    /// Calls `each` with the place of every logger that gets this line: those that a route leads it
    /// to, or else those without a name.
    pub(crate) fn lead(&self, line: &[u8], mut each: impl FnMut(usize)) {
        let mut is_led = false;
        if !self.routes.is_empty() {
            let text = String::from_utf8_lossy(line);
            for (place, name) in self.names.iter().enumerate() {
                let leads = |(logger, pattern): &(String, Regex)| {
                    name.as_ref() == Some(logger) && pattern.is_match(&text)
                };
                if self.routes.iter().any(leads) {
                    is_led = true;
                    each(place);
                }
            }
        }
        if !is_led {
            let unnamed = self.names.iter().enumerate();
            for (place, _) in unnamed.filter(|(_, name)| name.is_none()) {
                each(place);
            }
        }
    }
}

/// Patterns were found to be right when the file was read.
fn compile(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

#[cfg(test)]
mod tests {
    use lictor_core::config::LogTarget;

    use super::*;

    #[test]
    fn lines_are_chosen() {
        let texts = |texts: &[&str]| texts.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        for (drain, filter, line, expected) in [
            (&[][..], &[][..], "x", true),
            (&["health"], &[], "GET /health", false),
            (&["health"], &[], "GET /", true),
            (&[], &["^GET"], "GET /", true),
            (&[], &["^GET"], "POST /", false),
            (&["health"], &["^GET"], "GET /health", false),
        ] {
            let selection = Selection::new(&texts(drain), &texts(filter));
            assert_eq!(selection.takes(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn lines_are_led() {
        let logger = |name: Option<&str>| Logger {
            name: name.map(str::to_owned),
            target: LogTarget::Emperor,
        };
        let route = |logger: &str, pattern: &str| LogRoute {
            logger: logger.to_owned(),
            pattern: pattern.to_owned(),
        };
        let loggers = [
            logger(None),
            logger(Some("a")),
            logger(None),
            logger(Some("b")),
        ];
        let routes = Routes::new(
            &loggers,
            &[route("a", "1"), route("b", "2"), route("a", "3")],
        );
        for (line, expected) in [
            ("0", &[0, 2][..]),
            ("1", &[1]),
            ("12", &[1, 3]),
            ("3", &[1]),
            ("\u{fffd}", &[0, 2]),
        ] {
            let mut led = Vec::new();
            routes.lead(line.as_bytes(), |place| led.push(place));
            assert_eq!(led, expected, "{line}");
        }
    }
}
