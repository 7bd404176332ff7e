//! From a name to what is known about it.

use super::absent::absent;
use super::fixed::FIXED;
use super::{Absent, Fixed, OptionSpec, options};

/// Names longer than this are not compared: no option is, and comparing takes quadratic time.
const COMPARED_BYTES: usize = 40;

/// What a name stands for.
#[derive(Debug)]
pub(in crate::config) enum Found {
    Option(&'static OptionSpec),
    Fixed(&'static Fixed),
    Absent(&'static Absent),
}

/// Finds a name or an alias; underscores do for dashes.
pub(in crate::config) fn look_up(name: &str) -> Option<Found> {
    let name = name.replace('_', "-");
    let is_option = |option: &&OptionSpec| option.name == name || option.aliases.contains(&&*name);
    options()
        .find(is_option)
        .map(Found::Option)
        .or_else(|| {
            FIXED
                .iter()
                .find(|fixed| fixed.name == name)
                .map(Found::Fixed)
        })
        .or_else(|| {
            absent()
                .find(|absent| absent.is_called(&name))
                .map(Found::Absent)
        })
}

/// The known name that a misspelt one most likely means.
pub(in crate::config) fn nearest(name: &str) -> Option<&'static str> {
    let name = name.replace('_', "-").to_ascii_lowercase();
    if name.len() > COMPARED_BYTES {
        return None;
    }
    let allowed = match name.chars().count() {
        0..3 => return None,
        3..6 => 1,
        6..10 => 2,
        _ => 3,
    };
    options()
        .flat_map(|option| std::iter::once(&option.name).chain(option.aliases))
        .chain(FIXED.iter().map(|fixed| &fixed.name))
        .filter(|known| known.len() > 2)
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
        for name in FIXED.iter().map(|fixed| fixed.name) {
            assert!(seen.insert(name), "{name}");
        }
        for name in absent().flat_map(|absent| absent.names) {
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
