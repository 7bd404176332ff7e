//! What the control socket answers to an order, and the line that stands for missed ones.
//!
//! The HTTP status says what became of the request, `outcome` what became of the vassal: a
//! generation that fails to come up is a request well answered, 200 with `"outcome": "failed"`.
//! Without `?wait` the answer is 202 with `"outcome": "accepted"`.

use lictor_core::observe::Failure;
use serde::{Deserialize, Serialize};

use super::command::Verb;

/// The answer to `POST /v1/vassals/NAME/VERB`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActAnswer {
    /// What became of the vassal.
    pub(crate) outcome: Outcome,
    /// The generation this is about, if one is.
    pub(crate) generation: Option<u64>,
    /// Why it failed, if it did.
    pub(crate) failure: Option<Failure>,
}

/// What became of a vassal after an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// Nobody waited; it is under way.
    Accepted,
    /// Nothing had to be done.
    Unchanged,
    /// The newest generation serves.
    Ready,
    /// The newest generation did not come up.
    Failed,
    /// It is stopped.
    Stopped,
    /// Its file was removed meanwhile.
    Gone,
}

impl ActAnswer {
    /// An answer without a failure.
    pub(super) fn new(outcome: Outcome, generation: Option<u64>) -> Self {
        Self {
            outcome,
            generation,
            failure: None,
        }
    }

    /// Whether this is what `verb` asked for.
    pub(crate) fn fulfils(&self, verb: Verb) -> bool {
        match self.outcome {
            Outcome::Accepted | Outcome::Unchanged => true,
            Outcome::Failed => false,
            Outcome::Ready => verb != Verb::Stop,
            Outcome::Stopped | Outcome::Gone => verb == Verb::Stop,
        }
    }
}

/// A line in a stream of events or log lines, in place of those the reader was too slow for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename = "lagged")]
pub(crate) struct Lagged {
    /// How many lines are missing here.
    pub(crate) missed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_a_success() {
        let fulfils = |outcome, verb| ActAnswer::new(outcome, None).fulfils(verb);
        assert!(fulfils(Outcome::Ready, Verb::Reload));
        assert!(!fulfils(Outcome::Ready, Verb::Stop));
        assert!(fulfils(Outcome::Stopped, Verb::Stop));
        assert!(!fulfils(Outcome::Stopped, Verb::Reload));
        assert!(!fulfils(Outcome::Gone, Verb::Start));
        assert!(!fulfils(Outcome::Failed, Verb::Retry));
        assert!(fulfils(Outcome::Unchanged, Verb::Start));
    }

    #[test]
    fn the_line_for_missed_ones_names_itself() {
        let line = serde_json::to_string(&Lagged { missed: 3 }).unwrap();
        assert_eq!(line, r#"{"event":"lagged","missed":3}"#);
        assert!(serde_json::from_str::<Lagged>(&line).is_ok());
        assert!(serde_json::from_str::<Lagged>(r#"{"event":"emperor-stopping"}"#).is_err());
    }
}
