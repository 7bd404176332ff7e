//! `evil-reload-on-rss` and `evil-reload-on-as`: the master looks at the memory of its workers, since
//! one that is inside an app cannot.

use std::time::{Duration, Instant};

use lictor_core::config::RecycleConfig;
use lictor_core::sys::{Memory, memory_of};

use super::pool::{PoolEvent, Reason, Seat};
use super::run::Master;

/// A worker that grows by a gigabyte meanwhile is the kernel's to stop.
const PERIOD: Duration = Duration::from_secs(1);

/// When it looks, if an option asks for it.
pub(super) struct MemoryWatch {
    next_look: Option<Instant>,
}

impl MemoryWatch {
    pub(super) fn new(recycle: &RecycleConfig) -> Self {
        let is_wanted = recycle.evil_resident.or(recycle.evil_addressed).is_some();
        Self {
            next_look: is_wanted.then(Instant::now),
        }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self.next_look.is_some_and(|at| at <= now);
        if is_due {
            self.next_look = Some(now + PERIOD);
        }
        is_due
    }
}

impl Master {
    /// When [`Master::look_at_memory`] has something to do, if ever.
    pub(super) fn memory_look_at(&self) -> Option<Instant> {
        let next_look = self.memory.next_look?;
        self.workers
            .keys()
            .any(|seat| self.pool.is_serving(*seat))
            .then_some(next_look)
    }

    /// Has those ended that have grown too large.
    pub(super) fn look_at_memory(&mut self, events: &mut Vec<PoolEvent>) {
        if !self.memory.is_due(Instant::now()) {
            return;
        }
        let serving = self.workers.iter();
        let serving = serving.filter(|(seat, _)| self.pool.is_serving(**seat));
        events.extend(serving.filter_map(|(&seat, worker)| {
            let memory = memory_of(worker.pidfd.pid());
            excess(&self.parts.config.recycle, seat, memory)
        }));
    }
}

fn excess(recycle: &RecycleConfig, seat: Seat, memory: Memory) -> Option<PoolEvent> {
    let Memory {
        resident,
        addressed,
    } = memory;
    let is_over = |limit: Option<u64>, bytes: u64| limit.is_some_and(|limit| bytes > limit);
    let reason = if is_over(recycle.evil_resident, resident) {
        Reason::Resident {
            option: "evil-reload-on-rss",
            bytes: resident,
        }
    } else if is_over(recycle.evil_addressed, addressed) {
        Reason::Addressed {
            option: "evil-reload-on-as",
            bytes: addressed,
        }
    } else {
        return None;
    };
    Some(PoolEvent::Excessive(seat, reason))
}
