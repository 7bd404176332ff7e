//! What loops go through and whether conditions hold.

use super::keyword::{Items, Test};
use super::load::{Bound, Line};
use super::magic::Site;
use super::outside::{Answer, Lack, Outside, Question};
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
    kind: Items,
    text: &str,
    outside: &dyn Outside,
    site: &Site,
    line: Line<'_>,
) -> Result<Vec<Option<Bound>>, Complaint> {
    let found: Vec<String> = match kind {
        Items::Words => text.split(' ').map(str::to_owned).collect(),
        Items::Times => {
            let count = text.trim().parse::<usize>().map_err(|_not_a_number| {
                let message = format!("{} takes a number, not {}", quote(line.key), quote(text));
                Complaint::new(line.place.clone(), message).hint("such as `for-times = 4`")
            })?;
            let count = count.min(ROUND_LIMIT + 1);
            (1..=count).map(|number| number.to_string()).collect()
        }
        Items::Glob => globbed(text, outside, site, line)?,
        Items::Lines => {
            let path = absolute(text, site);
            let content = outside.ask(Question::Text(&path)).text();
            let content = content.map_err(|lack| unanswered(&lack, &path, line))?;
            content.lines().map(str::to_owned).collect()
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
    let found = outside.ask(Question::Glob(&full)).list();
    let found = found.map_err(|lack| unanswered(&lack, &full, line))?;
    if found.is_empty() {
        return Ok(vec![pattern.to_owned()]);
    }
    let short = |path: &String| path.strip_prefix(base).unwrap_or(path).to_owned();
    Ok(found.iter().map(short).collect())
}

/// What `%(_)` stands for if the condition holds.
pub(super) fn holds(
    kind: Test,
    text: &str,
    outside: &dyn Outside,
    site: &Site,
    line: Line<'_>,
) -> Result<Option<Bound>, Complaint> {
    let itself = || Bound::Literal(text.to_owned());
    let is_kind = |wanted: &[Answer]| {
        let path = absolute(text, site);
        match outside.ask(Question::Kind(&path)) {
            Answer::Failed(reason) => Err(unanswered(&Lack::Failed(reason), &path, line)),
            Answer::Unasked => Err(unanswered(&Lack::Unasked, &path, line)),
            answer @ (Answer::File
            | Answer::Directory
            | Answer::Other
            | Answer::Nothing
            | Answer::Text(_)
            | Answer::List(_)) => Ok(wanted.contains(&answer).then(itself)),
        }
    };
    match kind {
        Test::Variable => {
            let (name, expected) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            match outside.ask(Question::Variable(name)).text() {
                Ok(value) if expected.is_none_or(|expected| expected == value) => {
                    Ok(Some(Bound::Literal(value)))
                }
                Ok(_) | Err(Lack::Absent) => Ok(None),
                Err(lack) => Err(unanswered(&lack, name, line)),
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
        // A generation starts from nothing, also when it replaces another one; and keys are known to
        // the loader alone.
        Test::Reload | Test::Key => Ok(None),
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
    let name = outside.ask(Question::Hostname).text();
    name.map_err(|lack| unanswered(&lack, "the hostname", line))
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

fn unanswered(lack: &Lack, what: &str, line: Line<'_>) -> Complaint {
    match lack {
        Lack::Failed(reason) => {
            let message = format!(
                "{}: could not look at {}: {reason}",
                quote(line.key),
                quote(what)
            );
            Complaint::new(line.place.clone(), message)
                .hint("check that it is there and that the vassal's user may read it")
        }
        Lack::Absent | Lack::Unasked => unasked(line.key, line.key_place.clone()),
    }
}
