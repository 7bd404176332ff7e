//! How often what happened, for counters.

use lictor_core::observe::EventKind;

/// Counts since this emperor began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::emperor) struct Tally {
    /// Generations that came up and serve.
    pub(in crate::emperor) ready: u64,
    /// Generations that failed.
    pub(in crate::emperor) failed: u64,
    /// Masters that ended without having been told to.
    pub(in crate::emperor) masters_lost: u64,
    /// Workers that ended without having been told to.
    pub(in crate::emperor) workers_lost: u64,
}

impl Tally {
    /// Something happened; most of that has no counter.
    pub(in crate::emperor) fn count(&mut self, kind: &EventKind) {
        if matches!(kind, EventKind::GenerationReady { .. }) {
            self.ready += 1;
        } else if matches!(kind, EventKind::GenerationFailed { .. }) {
            self.failed += 1;
        } else if let EventKind::MasterExited {
            expected: false, ..
        } = kind
        {
            self.masters_lost += 1;
        } else if let EventKind::WorkerExited {
            expected: false, ..
        } = kind
        {
            self.workers_lost += 1;
        }
    }
}
