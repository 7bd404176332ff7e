//! The keys that direct the reading itself instead of setting an option.

use crate::config::diagnostic::{Complaint, quote};
use crate::config::tree::Place;

/// What such a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    /// What follows, once for each item.
    Loop(Items),
    /// What follows, if this holds; or, with `true`, if it does not.
    Condition(Test, bool),
    End,
    Include,
    Inherit,
    /// `KEY=VALUE`, an option or a placeholder.
    Set,
    /// `KEY=VALUE`, a placeholder.
    SetPlaceholder,
    Declare,
}

/// What a loop goes through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Items {
    Words,
    Glob,
    Lines,
    Times,
}

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Test {
    Variable,
    Key,
    Exists,
    File,
    Directory,
    Hostname,
    HostnameMatch,
    Plugin,
    Reload,
}

/// The names that open a condition; each of them with `if-not-` is the opposite.
const TESTS: [(&str, Test); 10] = [
    ("env", Test::Variable),
    ("opt", Test::Key),
    ("exists", Test::Exists),
    ("file", Test::File),
    ("dir", Test::Directory),
    ("directory", Test::Directory),
    ("hostname", Test::Hostname),
    ("hostname-match", Test::HostnameMatch),
    ("plugin", Test::Plugin),
    ("reload", Test::Reload),
];

/// What a key directs, if it does.
pub(super) fn keyword(key: &str) -> Option<Keyword> {
    Some(match key {
        "for" => Keyword::Loop(Items::Words),
        "for-glob" => Keyword::Loop(Items::Glob),
        "for-readline" => Keyword::Loop(Items::Lines),
        "for-times" => Keyword::Loop(Items::Times),
        "end" | "endfor" | "endif" | "end-for" | "end-if" => Keyword::End,
        "include" | "ini" | "yaml" | "yml" | "json" | "config" => Keyword::Include,
        "inherit" => Keyword::Inherit,
        "set" | "S" => Keyword::Set,
        "set-placeholder" | "set-ph" => Keyword::SetPlaceholder,
        "declare-option" | "declare-option2" => Keyword::Declare,
        // uWSGI's older spelling of four of them.
        "ifenv" => Keyword::Condition(Test::Variable, false),
        "ifexists" => Keyword::Condition(Test::Exists, false),
        "ifdir" => Keyword::Condition(Test::Directory, false),
        "ifplugin" => Keyword::Condition(Test::Plugin, false),
        "ifreload" => Keyword::Condition(Test::Reload, false),
        _ => return condition(key),
    })
}

fn condition(key: &str) -> Option<Keyword> {
    let test = key.strip_prefix("if-")?;
    let (test, is_negated) = match test.strip_prefix("not-") {
        Some(test) => (test, true),
        None => (test, false),
    };
    let (_, test) = TESTS.iter().find(|(name, _)| *name == test)?;
    Some(Keyword::Condition(*test, is_negated))
}

/// How the values of an option are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Plain,
    /// `%%` and unknown `%(…)` are its own.
    LogFormat,
    /// Commands and rules: unknown groups, quotes, `;` and `#` are their own.
    Language,
}

/// Options whose values are commands or rules.
const LANGUAGES: [&str; 14] = [
    "route",
    "response-route",
    "final-route",
    "error-route",
    "hook-",
    "exec-",
    "as-user-",
    "attach-daemon",
    "smart-attach-daemon",
    "attach-control-daemon",
    "cron",
    "unique-cron",
    "alarm",
    "log-encoder",
];

/// The class of an option's values.
pub(super) fn class_of(key: &str) -> Class {
    let key = key.replace('_', "-");
    if matches!(
        &*key,
        "log-format" | "logformat" | "access-log-format" | "access-logformat"
    ) {
        Class::LogFormat
    } else if LANGUAGES.iter().any(|language| key.starts_with(language)) {
        Class::Language
    } else {
        Class::Plain
    }
}

/// `KEY=VALUE` in the value of `set` and the like: the bytes of both.
pub(super) fn assignment<'v>(
    key: &str,
    value: &'v str,
    place: &Place,
) -> Result<(&'v str, &'v str), Complaint> {
    value
        .split_once('=')
        .map(|(name, value)| (name.trim(), value))
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| {
            let message = format!("{} takes KEY=VALUE, not {}", quote(key), quote(value));
            Complaint::new(place.clone(), message).hint("write the key, `=` and the value")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_has_its_opposite() {
        for (name, test) in TESTS {
            let plain = keyword(&format!("if-{name}"));
            assert_eq!(plain, Some(Keyword::Condition(test, false)), "{name}");
            let opposite = keyword(&format!("if-not-{name}"));
            assert_eq!(opposite, Some(Keyword::Condition(test, true)), "{name}");
        }
        for name in ["if-", "if-not-", "if-nothing", "format", "module"] {
            assert_eq!(keyword(name), None, "{name}");
        }
    }
}
