//! What loops go through and whether conditions hold.

use super::keyword::{Items, Test};
use super::load::{Bound, Line};
use super::magic::Site;
use super::outside::{Answer, Outside, Question};
use super::resolve::{absolute, unasked};
use crate::config::diagnostic::{Complaint, quote};
use crate::config::tree::Place;

/// Most rounds of one loop.
const ROUND_LIMIT: usize = 1000;
/// Longest regular expression.
const PATTERN_LIMIT_BYTES: usize = 1024;

/// The words of `for`, each with what is to be put into it.
pub(super) fn words(raw: &str, place: &Place) -> Vec<Option<Bound>> {
    let mut rounds = Vec::new();
    let mut at = 0;
    for word in raw.split(' ') {
        let range = at..at + word.len();
        at = range.end + 1;
        if !word.is_empty() {
            let place = place.part(raw.len(), &range);
            rounds.push(Some(Bound::Raw(word.to_owned(), place)));
        }
    }
    rounds
}

/// The rounds of the other loops.
pub(super) fn items(
    items: Items,
    text: &str,
    outside: &dyn Outside,
    site: &Site,
    line: Line<'_>,
) -> Result<Vec<Option<Bound>>, Complaint> {
    let found = match items {
        Items::Words => text.split(' ').map(str::to_owned).collect(),
        Items::Times => {
            let count = text.trim().parse::<usize>().map_err(|_| {
                let message = format!("{} takes a number, not {}", quote(line.key), quote(text));
                Complaint::new(line.place.clone(), message).hint("such as `for-times = 4`")
            })?;
            let count = count.min(ROUND_LIMIT + 1);
            (1..=count).map(|number| number.to_string()).collect()
        }
        Items::Glob => globbed(text, outside, site, line)?,
        Items::Lines => {
            let path = absolute(text, site);
            match outside.ask(Question::Text(&path)) {
                Answer::Text(content) => content.lines().map(str::to_owned).collect::<Vec<_>>(),
                answer => return Err(unanswered(&answer, &path, line)),
            }
        }
    };
    if found.len() > ROUND_LIMIT {
        let message = format!("a loop of more than {ROUND_LIMIT} rounds");
        return Err(Complaint::new(line.place.clone(), message)
            .hint("a vassal file holds the options of one app and nothing else"));
    }
    let rounds = found.into_iter().map(|item| Some(Bound::Literal(item)));
    Ok(rounds.collect())
}

/// What a pattern matches, as it was written if it was relative; the pattern itself if nothing does.
fn globbed(
    pattern: &str,
    outside: &dyn Outside,
    site: &Site,
    line: Line<'_>,
) -> Result<Vec<String>, Complaint> {
    let full = absolute(pattern, site);
    let base = full.strip_suffix(pattern).unwrap_or_default();
    match outside.ask(Question::Glob(&full)) {
        Answer::List(paths) if paths.is_empty() => Ok(vec![pattern.to_owned()]),
        Answer::List(paths) => Ok(paths
            .iter()
            .map(|path| path.strip_prefix(base).unwrap_or(path).to_owned())
            .collect()),
        answer => Err(unanswered(&answer, &full, line)),
    }
}

/// What `%(_)` stands for if the condition holds.
pub(super) fn holds(
    test: Test,
    text: &str,
    outside: &dyn Outside,
    site: &Site,
    line: Line<'_>,
) -> Result<Option<Bound>, Complaint> {
    let itself = || Bound::Literal(text.to_owned());
    let is_kind = |wanted: &[Answer]| {
        let path = absolute(text, site);
        match outside.ask(Question::Kind(&path)) {
            answer @ (Answer::File | Answer::Directory | Answer::Other | Answer::Nothing) => {
                Ok(wanted.contains(&answer).then(itself))
            }
            answer => Err(unanswered(&answer, &path, line)),
        }
    };
    match test {
        Test::Variable => {
            let (name, expected) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            match outside.ask(Question::Variable(name)) {
                Answer::Nothing => Ok(None),
                Answer::Text(value) if expected.is_none_or(|expected| expected == value) => {
                    Ok(Some(Bound::Literal(value)))
                }
                Answer::Text(_) => Ok(None),
                answer => Err(unanswered(&answer, name, line)),
            }
        }
        Test::Exists => is_kind(&[Answer::File, Answer::Directory, Answer::Other]),
        Test::File => is_kind(&[Answer::File]),
        Test::Directory => is_kind(&[Answer::Directory]),
        Test::Hostname => Ok((hostname(outside, line)? == text).then(itself)),
        Test::HostnameMatch => {
            let pattern = pattern(text, line)?;
            let name = hostname(outside, line)?;
            Ok(pattern.is_match(&name).then(itself))
        }
        Test::Plugin => Ok(is_built_in(text).then(itself)),
        // A generation starts from nothing, also when it replaces another one.
        Test::Reload => Ok(None),
        // Only what has been read so far knows the keys.
        Test::Key => Ok(None),
    }
}

fn pattern(text: &str, line: Line<'_>) -> Result<regex_lite::Regex, Complaint> {
    let bad = |reason: String| {
        let message = format!("{} is no regular expression: {reason}", quote(text));
        Complaint::new(line.place.clone(), message)
            .hint("look-around and back references are not available")
    };
    if text.len() > PATTERN_LIMIT_BYTES {
        return Err(bad(format!("it has more than {PATTERN_LIMIT_BYTES} bytes")));
    }
    regex_lite::Regex::new(text).map_err(|error| bad(error.to_string()))
}

fn hostname(outside: &dyn Outside, line: Line<'_>) -> Result<String, Complaint> {
    match outside.ask(Question::Hostname) {
        Answer::Text(name) => Ok(name),
        answer => Err(unanswered(&answer, "the hostname", line)),
    }
}

/// The plugins of uWSGI whose work Lictor does itself.
fn is_built_in(name: &str) -> bool {
    let python = name.strip_prefix("python");
    let is_python = python.is_some_and(|version| {
        version
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    });
    is_python || matches!(name, "http" | "logfile")
}

fn unanswered(answer: &Answer, what: &str, line: Line<'_>) -> Complaint {
    match answer {
        Answer::Failed(reason) => {
            let message = format!(
                "{}: could not look at {}: {reason}",
                quote(line.key),
                quote(what)
            );
            Complaint::new(line.place.clone(), message)
                .hint("check that it is there and that the vassal's user may read it")
        }
        Answer::Text(_)
        | Answer::List(_)
        | Answer::File
        | Answer::Directory
        | Answer::Other
        | Answer::Nothing
        | Answer::Unasked => unasked(line.key, line.key_place.clone()),
    }
}
