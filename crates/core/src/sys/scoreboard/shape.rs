//! How large a scoreboard is, and where what stands.

use super::line::{Line, OfBoard};

/// What distinguishes this layout from later ones.
const LAYOUT: u64 = 1;
/// Beyond any limit of a configuration; keeps a hostile shape from overflowing anything.
const MOST: u64 = 4096;

/// How many seats a pool of this many slots needs: each may have a worker that leaves beside one that
/// serves, and some more may come up or leave.
pub fn seat_count(slots: u32) -> u32 {
    slots.saturating_mul(2).saturating_add(2)
}

/// For how many workers and threads there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    slots: u32,
    threads: u32,
}

impl Shape {
    /// For a pool of this many slots, whose workers have so many threads each.
    pub fn of(slots: u32, threads: u32) -> Self {
        Self {
            slots: slots.max(1),
            threads: threads.max(1),
        }
    }

    /// As it stands in the first line, if that can be.
    pub(super) fn read_from(board: &Line) -> Option<Self> {
        let sizes = [OfBoard::Slots, OfBoard::Threads].map(|field| board.get(field));
        let is_possible = sizes.iter().all(|size| (1..=MOST).contains(size));
        let [slots, threads] = sizes.map(|size| u32::try_from(size).unwrap_or(1));
        let is_known = board.get(OfBoard::Layout) == LAYOUT;
        (is_known && is_possible).then_some(Self { slots, threads })
    }

    pub(super) fn write_to(self, board: &Line) {
        board.set(OfBoard::Layout, LAYOUT);
        board.set(OfBoard::Slots, self.slots.into());
        board.set(OfBoard::Threads, self.threads.into());
    }

    /// Slots that workers take.
    pub fn slots(self) -> u32 {
        self.slots
    }

    pub(super) fn seats(self) -> u32 {
        seat_count(self.slots)
    }

    /// Of a slot or seat.
    pub(super) fn lines_each(self) -> usize {
        self.threads as usize + 1
    }

    pub(super) fn lines(self) -> usize {
        1 + (self.slots as usize + self.seats() as usize) * self.lines_each()
    }

    /// The size of the memory.
    pub fn bytes(self) -> usize {
        self.lines() * size_of::<Line>()
    }

    /// The first line of a slot, counted from 1.
    pub(super) fn slot(self, number: u32) -> Option<usize> {
        let index = number.checked_sub(1).filter(|index| *index < self.slots)?;
        Some(1 + index as usize * self.lines_each())
    }

    /// The first line of a seat, counted from 1.
    pub(super) fn seat(self, number: u32) -> Option<usize> {
        let index = number
            .checked_sub(1)
            .filter(|index| *index < self.seats())?;
        Some(1 + (self.slots as usize + index as usize) * self.lines_each())
    }
}
