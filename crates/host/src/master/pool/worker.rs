//! One worker from its fork to its end, and the force that is used when it does not leave.

use std::time::{Duration, Instant};

/// From the deadline of a worker that leaves to SIGTERM, and from there to SIGKILL.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// One worker.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worker {
    /// The slot that it was forked for.
    pub(super) slot: u32,
    /// When it was forked.
    pub(super) since: Instant,
    pub(super) stage: Stage,
}

/// How far a worker has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It imports the app, or is about to say that it is ready.
    Starting,
    /// It is asked for `ready-path`.
    Probing,
    /// It can serve.
    Ready {
        since: Instant,
        /// When `max-worker-lifetime` is reached; none once that was noticed.
        retire_at: Option<Instant>,
    },
    /// It was told to leave, by this moment.
    Leaving { until: Instant, force: Force },
    /// It was ended without having been told to leave.
    Doomed,
}

/// What has been done to make a worker leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Force {
    Asked,
    Terminated,
    Killed,
}

impl Worker {
    /// Since when it can serve.
    pub(super) fn ready_since(&self) -> Option<Instant> {
        match self.stage {
            Stage::Ready { since, .. } => Some(since),
            Stage::Starting | Stage::Probing | Stage::Leaving { .. } | Stage::Doomed => None,
        }
    }

    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.stage, Stage::Leaving { .. })
    }

    /// Whether it is to serve, now or later.
    pub(super) fn is_wanted(&self) -> bool {
        !self.is_leaving() && self.stage != Stage::Doomed
    }

    /// Tells it to leave; told again, the time may only get shorter.
    pub(super) fn leave(&mut self, deadline: Duration, now: Instant) {
        let asked = now + deadline;
        self.stage = match self.stage {
            Stage::Leaving { until, force } => Stage::Leaving {
                until: until.min(asked),
                force,
            },
            Stage::Doomed => Stage::Doomed,
            Stage::Starting | Stage::Probing | Stage::Ready { .. } => Stage::Leaving {
                until: asked,
                force: Force::Asked,
            },
        };
    }

    /// When [`Worker::press`] is due, if ever.
    pub(super) fn press_at(&self) -> Option<Instant> {
        let Stage::Leaving { until, force } = self.stage else {
            return None;
        };
        match force {
            Force::Asked => Some(until + GRACE),
            Force::Terminated => Some(until + 2 * GRACE),
            Force::Killed => None,
        }
    }

    /// What is done next to a worker that does not leave, once that is due.
    pub(super) fn press(&mut self, now: Instant) -> Option<Force> {
        self.press_at().filter(|at| *at <= now)?;
        let Stage::Leaving { force, .. } = &mut self.stage else {
            return None;
        };
        *force = match force {
            Force::Asked => Force::Terminated,
            Force::Terminated | Force::Killed => Force::Killed,
        };
        Some(*force)
    }
}
