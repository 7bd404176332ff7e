//! The arguments of `lictor serve` apart: what is an option of the app with its values, and what is
//! not. Pure, and ignorant of what options there are but for which of them take no value.
//!
//! `--processes 4`, `--processes=4`, `-p 4`, `-p4` and `-p=4` are the same; `--lazy-apps` stands
//! alone; after `--` nothing is an option.

/// The arguments apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Split {
    /// What is no option.
    pub(super) positional: Vec<String>,
    /// Options by the name they were given, without dashes; once each, with all their values.
    pub(super) flags: Vec<(String, Vec<String>)>,
}

/// Arguments that cannot be taken apart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FlagError {
    /// Nothing follows, or the next option.
    #[error("`{flag}` needs a value")]
    NoValue {
        /// As it was written.
        flag: String,
    },
    /// `--=4`.
    #[error("`{flag}` has no name")]
    NoName {
        /// As it was written.
        flag: String,
    },
    /// A value where none belongs.
    #[error("`--{name}` takes no value")]
    NeedlessValue {
        /// Which.
        name: &'static str,
    },
    /// A value that is none of the possible ones.
    #[error("`{value}` is not a log format")]
    LogFormat {
        /// What was said.
        value: String,
    },
    /// Several values where one is meant.
    #[error("`--{name}` is given more than once")]
    Repeated {
        /// Which.
        name: &'static str,
    },
}

impl FlagError {
    /// The next step.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::NoValue { .. } => "a value that begins with a dash is written `--OPTION=-VALUE`",
            Self::LogFormat { .. } => "there are `text` and `json`",
            Self::NoName { .. } | Self::NeedlessValue { .. } | Self::Repeated { .. } => {
                "see `lictor serve --help`"
            }
        }
    }
}

impl Split {
    /// Takes `arguments` apart.
    pub(super) fn of(
        arguments: &[String],
        takes_no_value: impl Fn(&str) -> bool,
    ) -> Result<Self, FlagError> {
        let mut split = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            if argument == "--" {
                split.positional.extend(rest.by_ref().cloned());
            } else if let Some(long) = argument.strip_prefix("--") {
                let (name, value) = long
                    .split_once('=')
                    .map_or((long, None), |(n, v)| (n, Some(v)));
                if name.is_empty() {
                    return Err(FlagError::NoName {
                        flag: argument.clone(),
                    });
                }
                let value = match value {
                    Some(value) => Some(value.to_owned()),
                    None if takes_no_value(name) => None,
                    None => Some(value_after(argument, &mut rest)?),
                };
                split.add(name, value);
            } else if let Some(cluster) = argument.strip_prefix('-').filter(|c| !c.is_empty()) {
                split.add_cluster(cluster, argument, &mut rest, &takes_no_value)?;
            } else {
                split.positional.push(argument.clone());
            }
        }
        Ok(split)
    }

    /// `-M`, `-p4` or `-Mp 4`: letters that take no value, then at most one that does.
    fn add_cluster<'a>(
        &mut self,
        cluster: &str,
        argument: &str,
        rest: &mut impl Iterator<Item = &'a String>,
        takes_no_value: &impl Fn(&str) -> bool,
    ) -> Result<(), FlagError> {
        let mut letters = cluster.chars();
        while let Some(letter) = letters.next() {
            let name = letter.to_string();
            if takes_no_value(&name) {
                self.add(&name, None);
                continue;
            }
            let attached = letters.as_str();
            let attached = attached.strip_prefix('=').unwrap_or(attached);
            let value = if attached.is_empty() {
                value_after(argument, rest)?
            } else {
                attached.into()
            };
            self.add(&name, Some(value));
            break;
        }
        Ok(())
    }

    fn add(&mut self, name: &str, value: Option<String>) {
        match self.flags.iter_mut().find(|(known, _)| known == name) {
            Some((_, values)) => values.extend(value),
            None => self.flags.push((name.into(), value.into_iter().collect())),
        }
    }

    /// Takes an option out, when it was given.
    pub(super) fn take(&mut self, name: &str) -> Option<Vec<String>> {
        let at = self.flags.iter().position(|(known, _)| known == name)?;
        Some(self.flags.remove(at).1)
    }
}

fn value_after<'a>(
    flag: &str,
    rest: &mut impl Iterator<Item = &'a String>,
) -> Result<String, FlagError> {
    let is_value = |text: &str| {
        let after_dash = text.strip_prefix('-');
        after_dash.is_none_or(|t| t.is_empty() || t.starts_with(|c: char| c.is_ascii_digit()))
    };
    let next = rest.next().filter(|text| is_value(text));
    next.cloned()
        .ok_or_else(|| FlagError::NoValue { flag: flag.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Result<Split, FlagError> {
        let arguments: Vec<String> = line.split_whitespace().map(Into::into).collect();
        Split::of(&arguments, |name| ["lazy-apps", "M", "L"].contains(&name))
    }

    fn flags(line: &str) -> String {
        let split = split(line).unwrap();
        let flags: Vec<String> = split
            .flags
            .iter()
            .map(|(name, values)| format!("{name}={}", values.join(",")))
            .collect();
        format!("{} | {}", flags.join(" "), split.positional.join(" "))
    }

    #[test]
    fn all_ways_to_write_an_option() {
        for line in ["--p 4", "--p=4", "-p 4", "-p4", "-p=4"] {
            assert_eq!(flags(line), "p=4 | ", "{line}");
        }
        assert_eq!(
            flags("app:application --http :8000"),
            "http=:8000 | app:application"
        );
        assert_eq!(
            flags("--http :8000 app:application"),
            "http=:8000 | app:application"
        );
        assert_eq!(
            flags("-w app:application --lazy-apps -p 2"),
            "w=app:application lazy-apps= p=2 | "
        );
        assert_eq!(flags("--lazy-apps=false a"), "lazy-apps=false | a");
        assert_eq!(flags("-MLp4 a"), "M= L= p=4 | a");
        assert_eq!(flags("-M"), "M= | ");
    }

    #[test]
    fn values_of_a_repeated_option_are_kept_in_order() {
        assert_eq!(flags("--env A=1 -p 2 --env=B=2"), "env=A=1,B=2 p=2 | ");
    }

    #[test]
    fn after_two_dashes_nothing_is_an_option() {
        assert_eq!(flags("-p 2 -- -x --y"), "p=2 | -x --y");
    }

    #[test]
    fn a_dash_and_a_negative_number_are_values() {
        assert_eq!(flags("--nice -5 --logto - -"), "nice=-5 logto=- | -");
        assert_eq!(flags("--x=-y"), "x=-y | ");
    }

    #[test]
    fn a_missing_value_is_noticed() {
        for (line, flag) in [
            ("--http", "--http"),
            ("--http --p 4", "--http"),
            ("-Mp", "-Mp"),
        ] {
            assert_eq!(
                split(line),
                Err(FlagError::NoValue { flag: flag.into() }),
                "{line}"
            );
        }
        assert_eq!(
            split("--=4"),
            Err(FlagError::NoName {
                flag: "--=4".into()
            })
        );
    }

    #[test]
    fn an_option_can_be_taken_out() {
        let mut split = split("--reload=1 -p 2").unwrap();
        assert_eq!(split.take("reload"), Some(vec!["1".into()]));
        assert_eq!(split.take("reload"), None);
        assert_eq!(split.flags.len(), 1);
    }
}
