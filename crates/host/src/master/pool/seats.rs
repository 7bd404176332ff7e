//! Places on the scoreboard, and their numbers as names of workers.
//!
//! A slot may have a worker that serves, one that comes up to replace it, and some that leave; so a
//! worker is known by its seat, and has one to itself until it is reaped.

use lictor_core::sys::seat_count;

/// Where one worker writes its counters, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seat(pub(crate) u32);

/// Gives out seats, the one that was taken longest ago first: what was still said about a worker
/// that is gone cannot be taken for its successor's.
#[derive(Debug)]
pub(super) struct Seats {
    count: u32,
    last: u32,
}

impl Seats {
    /// The seats for this many slots.
    pub(super) fn new(slots: u32) -> Self {
        Self {
            count: seat_count(slots),
            last: 0,
        }
    }

    /// The next seat that nobody has, if there is one.
    pub(super) fn take(&mut self, is_taken: impl Fn(Seat) -> bool) -> Option<Seat> {
        let after = (self.last + 1..=self.count).chain(1..=self.last);
        let free = after.map(Seat).find(|seat| !is_taken(*seat))?;
        self.last = free.0;
        Some(free)
    }

    /// Whether a worker could be seated.
    pub(super) fn has_room_beside(&self, workers: usize) -> bool {
        workers < self.count as usize
    }
}
