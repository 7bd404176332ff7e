//! From a name to what is known about it.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::uwsgi::{Answer, foreign};
use super::{Foreign, OptionSpec, options};

/// Slips of which another name is as near as the one that people mean.
const SLIPS: [(&str, &str); 1] = [("guid", "gid")];
/// Names longer than this are not compared: no option is, and comparing takes quadratic time.
const COMPARED_BYTES: usize = 40;

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
pub(in crate::config) enum Found {
    Option(&'static OptionSpec),
    Foreign(&'static Foreign),
}

/// Every name and alias. A name that stands for all that begin with it has no place here.
static KNOWN: LazyLock<HashMap<&'static str, Found>> = LazyLock::new(|| {
    let foreign = foreign().flat_map(|foreign| {
        let names = foreign.names.iter();
        names.map(move |name| (*name, Found::Foreign(foreign)))
    });
    let ours = options().flat_map(|option| {
        let names = std::iter::once(&option.name).chain(option.aliases);
        names.map(move |name| (*name, Found::Option(option)))
    });
    foreign.chain(ours).collect()
});

/// Finds a name or an alias; underscores do for dashes.
pub(in crate::config) fn look_up(name: &str) -> Option<Found> {
    let name = name.replace('_', "-");
    KNOWN
        .get(name.as_str())
        .copied()
        .or_else(|| begins_like(&name).map(Found::Foreign))
}

/// What is said to all names that begin like this one.
fn begins_like(name: &str) -> Option<&'static Foreign> {
    let is_beginning = |known: &&str| known.ends_with('-') && name.starts_with(*known);
    foreign().find(|foreign| foreign.names.iter().any(is_beginning))
}

/// The known name that a misspelt one most likely means.
pub(in crate::config) fn nearest(name: &str) -> Option<&'static str> {
    let name = name.replace('_', "-").to_ascii_lowercase();
    if name.len() > COMPARED_BYTES {
        return None;
    }
    if let Some((_, meant)) = SLIPS.iter().find(|(slip, _)| *slip == name) {
        return Some(meant);
    }
    let allowed = match name.chars().count() {
        0..3 => return None,
        3..6 => 1,
        6..10 => 2,
        _ => 3,
    };
    let accepted = foreign()
        .filter(|foreign| matches!(foreign.answer, Answer::Fixed(_)))
        .flat_map(|foreign| foreign.names);
    options()
        .flat_map(|option| std::iter::once(&option.name).chain(option.aliases))
        .chain(accepted)
        .filter(|known| known.len() > 2 && known.len().abs_diff(name.len()) <= allowed)
        .map(|known| (strsim::osa_distance(&name, known), *known))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_name_means_two_things() {
        let mut seen = HashSet::new();
        for option in options() {
            for name in std::iter::once(&option.name).chain(option.aliases) {
                assert!(seen.insert(*name), "{name}");
            }
        }
        for name in foreign().flat_map(|foreign| foreign.names) {
            assert!(seen.insert(name), "{name}");
        }
    }

    #[test]
    fn misspelt_names_find_the_right_one() {
        for (name, expected) in [
            ("modul", Some("module")),
            ("proceses", Some("processes")),
            ("worker", Some("workers")),
            ("virtual-env", Some("virtualenv")),
            ("TOUCH_RELAOD", Some("touch-reload")),
            ("xyzzy", None),
            ("p2", None),
        ] {
            assert_eq!(nearest(name), expected, "{name}");
        }
    }
}
