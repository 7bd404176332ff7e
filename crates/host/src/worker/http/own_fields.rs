//! Header fields that every answer has, or has not, whoever makes it.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use lictor_core::config::AnswersConfig;

/// What is done to the fields of each answer.
#[derive(Debug)]
pub(super) struct OwnFields {
    removed: Vec<HeaderName>,
    added: Vec<(HeaderName, HeaderValue)>,
}

impl OwnFields {
    /// None if nothing is done.
    pub(super) fn new(config: &AnswersConfig) -> Option<Self> {
        let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).ok();
        let added = config.added.iter();
        let fields = Self {
            removed: config.removed.iter().filter_map(|it| name(it)).collect(),
            added: added
                .filter_map(|(it, value)| Some((name(it)?, HeaderValue::from_str(value).ok()?)))
                .collect(),
        };
        let is_any = !(fields.removed.is_empty() && fields.added.is_empty());
        is_any.then_some(fields)
    }

    /// The same for one answer; what cannot stand in a field is left out.
    pub(super) fn of(removed: &[String], added: &[(String, Vec<u8>)]) -> Self {
        let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).ok();
        let added = added.iter();
        Self {
            removed: removed.iter().filter_map(|it| name(it)).collect(),
            added: added
                .filter_map(|(it, value)| Some((name(it)?, HeaderValue::from_bytes(value).ok()?)))
                .collect(),
        }
    }

    pub(super) fn apply(&self, fields: &mut HeaderMap) {
        for name in &self.removed {
            fields.remove(name);
        }
        for (name, value) in &self.added {
            fields.append(name, value.clone());
        }
    }
}
