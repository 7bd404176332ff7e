//! What a life is made of: what is wanted, and the generations that come, serve and leave.

use std::time::{Duration, Instant};

/// What the directory and the people want.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    Run,
    Stop,
    Remove,
}

/// The generation that comes up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Coming {
    pub(super) generation: u64,
    pub(super) stage: Stage,
    /// How long its requests may take once it is told to leave.
    pub(super) mercy: Duration,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It waits for its turn; there is no master yet, or none any more.
    Queued,
    /// Its master imports the app; with overlap it also forks the workers.
    Starting { until: Instant },
    /// Without overlap: the app is imported, and the old workers have to go first. No clock runs:
    /// how long that takes is not its fault.
    Loaded,
    /// Without overlap: nobody else has workers, it forks its own.
    Forking { until: Instant },
}

impl Stage {
    /// When it has taken too long.
    pub(super) fn until(self) -> Option<Instant> {
        match self {
            Self::Starting { until } | Self::Forking { until } => Some(until),
            Self::Queued | Self::Loaded => None,
        }
    }
}

/// The generation that serves, or that did until it was paused for the one that comes up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Serving {
    pub(super) generation: u64,
    pub(super) since: Instant,
    pub(super) mercy: Duration,
    pub(super) activity: Activity,
}

/// What its workers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// They serve.
    Serves,
    /// Without overlap: they finish and leave. Their master is killed if it has not said by then
    /// that none is left.
    Pausing { kill_at: Instant },
    /// Without overlap: none is left. The app is there, to go back to.
    Paused,
    /// It was paused by an emperor that is gone.
    FoundPaused,
}

/// A generation on its way out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaving {
    pub(super) kill_at: Instant,
    pub(super) has_served: bool,
}

/// A generation that serves already, while the one before may still take a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handing {
    pub(super) old: u64,
    pub(super) new: u64,
    /// The old one is in a long request if it has not answered by then; it takes none meanwhile.
    pub(super) until: Instant,
}
