//! When a worker is replaced, beside `max-requests`, `reload-on-rss` and its age.

use serde::{Deserialize, Serialize};

/// Limits of a worker's memory in bytes, and exceptions after which it is not trusted any more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecycleConfig {
    /// Addresses in use, looked at after a request.
    pub addressed: Option<u64>,
    /// Resident memory at which the master ends a worker, whatever it does.
    pub evil_resident: Option<u64>,
    /// Addresses in use at which the master ends a worker, whatever it does.
    pub evil_addressed: Option<u64>,
    /// Those that the app may not raise.
    pub exceptions: Vec<FatalException>,
}

/// Exceptions of the app after which its worker is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FatalException {
    /// All of them.
    Any,
    /// Of a class of this name, with or without its module.
    Class(String),
    /// With this text.
    Text(String),
    /// Class and text, as the last line of a traceback has them, or as `repr` writes it.
    Both(String),
}

impl FatalException {
    /// Whether it is one of them.
    #[must_use]
    pub fn covers(&self, raised: &RaisedException) -> bool {
        let RaisedException { module, class, .. } = raised;
        match self {
            Self::Any => true,
            Self::Class(name) => name == class || *name == format!("{module}.{class}"),
            Self::Text(text) => *text == raised.text,
            Self::Both(both) => {
                let text = &raised.text;
                *both == raised.repr
                    || *both == format!("{class}: {text}")
                    || *both == format!("{module}.{class}: {text}")
            }
        }
    }
}

/// What is known of an exception.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaisedException {
    /// Where its class was made.
    pub module: String,
    /// The name of its class.
    pub class: String,
    /// As `str` gives it.
    pub text: String,
    /// As `repr` gives it.
    pub repr: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_is_known_by_its_class_its_text_or_both() {
        let raised = RaisedException {
            module: "builtins".to_owned(),
            class: "ValueError".to_owned(),
            text: "bad 1".to_owned(),
            repr: "ValueError('bad 1')".to_owned(),
        };
        let class = |name: &str| FatalException::Class(name.to_owned());
        let text = |text: &str| FatalException::Text(text.to_owned());
        let both = |both: &str| FatalException::Both(both.to_owned());
        for (fatal, is_covered) in [
            (FatalException::Any, true),
            (class("ValueError"), true),
            (class("builtins.ValueError"), true),
            (class("Value"), false),
            (class("other.ValueError"), false),
            (text("bad 1"), true),
            (text("bad"), false),
            (both("ValueError: bad 1"), true),
            (both("builtins.ValueError: bad 1"), true),
            (both("ValueError('bad 1')"), true),
            (both("ValueError"), false),
        ] {
            assert_eq!(fatal.covers(&raised), is_covered, "{fatal:?}");
        }
    }
}
