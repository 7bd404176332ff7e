//! All 943 names of uWSGI 2.0.31, held against the tables.

use std::collections::{BTreeMap, BTreeSet};

use super::{Answer, Foreign, NAMES, beyond};
use crate::config::options::options;

/// What `uwsgi --dump-options` of a plain build of 2.0.31 prints.
const UWSGI: &str = include_str!("../../../../../../tests/uwsgi-options.txt");

/// Underscores are dashes here as they are in look-ups, which makes one of `pivot-root` and
/// `pivot_root`.
fn uwsgi_names() -> BTreeSet<String> {
    UWSGI.lines().map(|name| name.replace('_', "-")).collect()
}

fn names_of(table: &'static [Foreign]) -> impl Iterator<Item = &'static str> {
    table.iter().flat_map(|foreign| foreign.names).copied()
}

#[test]
fn the_list_is_that_of_2_0_31() {
    assert_eq!(UWSGI.lines().count(), 943);
    assert_eq!(uwsgi_names().len(), 942);
}

#[test]
fn every_name_of_uwsgi_has_one_place() {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let ours = options().flat_map(|option| std::iter::once(&option.name).chain(option.aliases));
    for name in ours
        .copied()
        .chain(NAMES.iter().copied().flat_map(names_of))
    {
        *places.entry(name).or_default() += 1;
    }
    let wrong: Vec<_> = uwsgi_names()
        .into_iter()
        .map(|name| (places.get(name.as_str()).copied().unwrap_or(0), name))
        .filter(|(count, _)| *count != 1)
        .collect();
    assert!(
        wrong.is_empty(),
        "names with none or several places: {wrong:?}"
    );
}

#[test]
fn the_tables_hold_no_name_that_uwsgi_has_not() {
    let known = uwsgi_names();
    let strange: Vec<_> = NAMES
        .iter()
        .copied()
        .flat_map(names_of)
        .filter(|name| !known.contains(*name))
        .collect();
    assert!(strange.is_empty(), "{strange:?}");
    let plain: Vec<_> = names_of(beyond::NAMES)
        .filter(|name| known.contains(*name))
        .collect();
    assert!(plain.is_empty(), "not beyond a plain build: {plain:?}");
}

#[test]
fn answers_are_sentences_that_name_options_there_are() {
    let tables = NAMES.iter().copied().chain([beyond::NAMES]);
    for foreign in tables.flatten() {
        let text = match &foreign.answer {
            Answer::Fixed(fixed) => fixed.always,
            Answer::Dialect(what) => what,
            Answer::Refused(refused) => refused.instead,
        };
        assert!(
            text.len() > 12 && !text.ends_with('.'),
            "{:?}: {text}",
            foreign.names
        );
        if let Answer::Refused(refused) = &foreign.answer {
            for name in refused.stands_for {
                assert!(options().any(|option| option.name == *name), "{name}");
            }
        }
    }
}

/// An answer that sends somebody to an option must send them to one that there is.
#[test]
fn options_that_answers_recommend_exist() {
    let known = uwsgi_names();
    let tables = NAMES.iter().copied().chain([beyond::NAMES]);
    for foreign in tables.flatten() {
        let Answer::Refused(refused) = &foreign.answer else {
            continue;
        };
        for word in refused.instead.split('`').skip(1).step_by(2) {
            let name = word.split([' ', '=']).next().unwrap_or_default();
            let is_refused = known.contains(name)
                && !options().any(|option| option.name == name || option.aliases.contains(&name));
            let is_a_word_of_the_dialect = super::foreign().any(|other| {
                other.names.contains(&name) && matches!(other.answer, Answer::Dialect(_))
            });
            assert!(
                !is_refused || is_a_word_of_the_dialect,
                "{:?} are sent to `{name}`, which is not there",
                foreign.names
            );
        }
    }
}
