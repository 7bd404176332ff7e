//! Where a worker stands, from its first breath to its last.

use std::sync::atomic::Ordering;

use super::reactor::Reactor;

/// Where the worker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// For the word to serve.
    Waiting,
    Serving,
    Draining,
    Finished,
}

impl Reactor {
    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Waiting,
            1 => Phase::Serving,
            2 => Phase::Draining,
            _ => Phase::Finished,
        }
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    pub(super) fn change_phase(&self, from: Phase, to: Phase) -> bool {
        let (from, to) = (from as u8, to as u8);
        self.phase
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}
