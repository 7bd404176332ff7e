//! How the workers are, for the emperor's `status`.

use lictor_core::observe::{WorkerState, WorkerStatus};
use lictor_core::sys::{SlotState, resident_bytes};

use super::run::Master;

impl Master {
    /// The workers alive, by slot, the oldest of each first.
    pub(super) fn report(&self) -> Vec<WorkerStatus> {
        let mut report: Vec<_> = self
            .workers
            .iter()
            .filter_map(|(seat, worker)| {
                let slot = self.parts.scoreboard.slot(seat.0)?;
                let state = match slot.state() {
                    // One that is stuck has not noticed.
                    _ if self.pool.is_leaving(*seat) => WorkerState::Draining,
                    SlotState::Starting => WorkerState::Starting,
                    SlotState::Draining => WorkerState::Draining,
                    SlotState::Serving if slot.is_busy() => WorkerState::Busy,
                    SlotState::Serving => WorkerState::Idle,
                };
                let pid = worker.pidfd.pid();
                Some(WorkerStatus {
                    id: worker.slot,
                    pid,
                    generation: self.parts.generation,
                    state,
                    requests: slot.requests(),
                    errors: slot.errors(),
                    rss: resident_bytes(pid),
                    since: worker.since,
                })
            })
            .collect();
        report.sort_by_key(|worker| (worker.id, worker.since));
        report
    }
}
