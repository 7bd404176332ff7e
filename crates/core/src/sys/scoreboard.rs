//! Counters of the workers in memory that they share with their master.
//!
//! A worker inside an app cannot answer a question, so it writes as it goes and the master reads.
//! Nothing is sent and nobody wakes. A tenant can write nonsense here: the values are only shown.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::shared::map_shared;

/// What one worker says about itself. Aligned so that workers do not share a cache line.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Slot {
    requests: AtomicU64,
    errors: AtomicU64,
    busy: AtomicU64,
    state: AtomicU64,
}

/// Where a worker stands, beside whether it is in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum SlotState {
    /// Importing or waiting for the word to serve.
    Starting = 0,
    /// Accepting connections.
    Serving = 1,
    /// Leaving.
    Draining = 2,
}

impl Slot {
    /// A request was taken up by one of the worker's threads.
    pub fn enter_request(&self) {
        self.busy.fetch_add(1, Ordering::Relaxed);
    }

    /// A request is over.
    pub fn leave_request(&self, is_error: bool) {
        self.busy.fetch_sub(1, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        if is_error {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The worker stands elsewhere now.
    pub fn set_state(&self, state: SlotState) {
        self.state.store(state as u64, Ordering::Relaxed);
    }

    /// Everything back to zero, for the next worker in this slot.
    pub fn reset(&self) {
        self.set_state(SlotState::Starting);
        for counter in [&self.requests, &self.errors, &self.busy] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    /// Requests answered.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests that went wrong.
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Whether a request is in flight.
    pub fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) != 0
    }

    /// Where the worker stands.
    pub fn state(&self) -> SlotState {
        match self.state.load(Ordering::Relaxed) {
            0 => SlotState::Starting,
            2 => SlotState::Draining,
            _ => SlotState::Serving,
        }
    }
}

/// The slots of all workers of a generation, shared by every fork of the process that made them.
///
/// The mapping lives as long as the process, so that slots can be handed out as `'static`.
#[derive(Clone, Copy, Debug)]
pub struct Scoreboard(&'static [Slot]);

impl Scoreboard {
    /// Memory for `slots` workers.
    pub fn new(slots: usize) -> io::Result<Self> {
        let length = slots.max(1) * size_of::<Slot>();
        let first = map_shared::<Slot>(length)?;
        #[expect(
            unsafe_code,
            reason = "memory shared across fork has no safe interface"
        )]
        // SAFETY: the mapping is page-aligned, holds `slots` values, is never unmapped, and starts
        // zeroed, which is a valid `Slot`. Every field is atomic, so that writers in other
        // processes are no data race.
        let slots = unsafe { std::slice::from_raw_parts(first.as_ptr(), slots) };
        Ok(Self(slots))
    }

    /// The slot of worker `id`, counted from 1.
    pub fn slot(&self, id: u32) -> Option<&'static Slot> {
        self.0.get((id as usize).checked_sub(1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_a_worker_does() {
        let board = Scoreboard::new(2).unwrap();
        let slot = board.slot(2).unwrap();
        slot.enter_request();
        assert!(slot.is_busy());
        slot.leave_request(true);
        slot.set_state(SlotState::Draining);
        assert_eq!(
            (slot.requests(), slot.errors(), slot.is_busy()),
            (1, 1, false)
        );
        assert_eq!(slot.state(), SlotState::Draining);
        assert!(board.slot(0).is_none() && board.slot(3).is_none());
    }
}
