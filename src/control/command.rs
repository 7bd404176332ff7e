//! What the control socket asks of the emperor's loop, and the answers.
//!
//! The server knows nothing of the emperor's inside: it sends a [`Command`] with a place for the
//! answer, and follows events through a broadcast receiver.

use std::fmt;

use lictor_core::observe::{Event, Status, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, oneshot};

/// A question or order to the emperor.
#[derive(Debug)]
pub(crate) enum Command {
    /// How everything is.
    Status {
        /// Where the answer goes.
        reply: oneshot::Sender<Status>,
    },
    /// Do something with a vassal.
    Act {
        /// Its name.
        vassal: String,
        /// What to do.
        verb: Verb,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<Acted, ActError>>,
    },
    /// Become the program now on disk.
    Upgrade {
        /// Where the answer goes, before it happens.
        reply: oneshot::Sender<Result<Upgrading, String>>,
    },
    /// The events so far, and those to come.
    Events {
        /// Where the answer goes.
        reply: oneshot::Sender<(Vec<Event>, broadcast::Receiver<Event>)>,
    },
    /// Somebody watches.
    Tell {
        /// What they want to know.
        told: Told,
        /// Where the answer goes.
        reply: oneshot::Sender<Telling>,
    },
    /// The last lines of output, and those to come.
    Logs {
        /// Where the answer goes.
        reply: oneshot::Sender<(Vec<LogLine>, broadcast::Receiver<LogLine>)>,
    },
}

/// What those are told who watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// uWSGI's JSON of an emperor.
    Stats,
    /// Metrics for Prometheus.
    Metrics,
}

/// Makes a text of what was gathered. It may take a while, and is for another thread.
pub(crate) struct Telling(Box<dyn FnOnce() -> String + Send>);

impl Telling {
    /// To be made by this.
    pub(crate) fn new(make: impl FnOnce() -> String + Send + 'static) -> Self {
        Self(Box::new(make))
    }

    /// The text.
    pub(super) fn make(self) -> String {
        (self.0)()
    }
}

impl fmt::Debug for Telling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telling").finish_non_exhaustive()
    }
}

/// The emperor is about to become another program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Upgrading {
    /// The version that runs.
    pub(crate) from: String,
    /// The version that will.
    pub(crate) to: String,
    /// How often it has done so before.
    pub(crate) upgrades: u32,
}

/// What can be done with a vassal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// A new generation.
    Reload,
    /// Undo `stop`.
    Start,
    /// Drain and stay stopped.
    Stop,
    /// Try again now, without waiting for the back-off.
    Retry,
    /// Go back to the last file that worked.
    Rollback,
}

/// What an order set in motion. Waiting for it is the server's part, by the events after `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acted {
    /// The generation that is coming up; none for `stop`, or when nothing had to be done.
    pub(crate) generation: Option<u64>,
    /// The newest event at that moment.
    pub(crate) seq: u64,
}

/// Why an order was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ActError {
    /// No such vassal.
    #[error("there is no vassal `{name}`")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The nearest name there is.
        nearest: Option<String>,
    },
    /// The order does not fit the state.
    #[error("{0}")]
    Refused(String),
}

/// One line of a vassal's output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogLine {
    /// When it was read.
    pub(crate) at: Timestamp,
    /// Whose.
    pub(crate) vassal: String,
    /// Without its line end, control characters replaced.
    pub(crate) line: String,
}
