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
    /// Something happened.
    pub(in crate::emperor) fn count(&mut self, kind: &EventKind) {
        let count = match kind {
            EventKind::GenerationReady { .. } => &mut self.ready,
            EventKind::GenerationFailed { .. } => &mut self.failed,
            EventKind::MasterExited {
                expected: false, ..
            } => &mut self.masters_lost,
            EventKind::WorkerExited {
                expected: false, ..
            } => &mut self.workers_lost,
            #[expect(
                clippy::wildcard_enum_match_arm,
                reason = "what else happens has no counter"
            )]
            _ => return,
        };
        *count += 1;
    }
}
