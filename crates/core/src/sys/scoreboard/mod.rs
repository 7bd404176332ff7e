//! Counters of the workers in memory that they share with their master.
//!
//! A worker inside an app cannot answer a question, so it writes as it goes and the master reads.
//! Nothing is sent and nobody wakes. The emperor makes the memory, as a file without a name, so that
//! it can read all vassals without asking any ([`Counters`]). A tenant can write nonsense here: the
//! values are only shown.
//!
//! It is a table of lines: one of the board; then for each slot, and after those for each seat, one of
//! the worker and one for each of its threads. The worker in a seat counts there; when it has ended,
//! the master adds what it counted to its slot, so that the counts of a slot only grow.

mod counters;
mod line;
mod numbers;
mod shape;
mod slot;

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{Ordering, fence};

use self::line::{Line, OfBoard, OfThread, OfWorker};
use super::shared::{map_shared, map_shared_file};

pub use self::counters::Counters;
pub use self::numbers::{BoardNumbers, ThreadNumbers, WorkerActivity, WorkerNumbers};
pub use self::shape::{Shape, seat_count};
pub use self::slot::{Slot, SlotState, ThreadSlot};

/// The places of all workers of a generation, shared by every fork of the process that made them.
///
/// The mapping lives as long as the process, so that slots can be handed out as `'static`.
#[derive(Clone, Copy, Debug)]
pub struct Scoreboard {
    lines: &'static [Line],
    shape: Shape,
}

impl Scoreboard {
    /// Memory of this process and of those that it forks.
    pub fn new(shape: Shape) -> io::Result<Self> {
        let board = Self::at(map_shared(shape.bytes())?, shape);
        shape.write_to(board.board());
        Ok(board)
    }

    /// The same in memory that the emperor made for this shape, and reads.
    pub fn over(file: impl AsFd, shape: Shape) -> io::Result<Self> {
        let length = rustix::fs::fstat(&file)?.st_size;
        if u64::try_from(length).ok() != Some(shape.bytes() as u64) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(Self::at(map_shared_file(file, shape.bytes())?, shape))
    }

    fn at(first: std::ptr::NonNull<Line>, shape: Shape) -> Self {
        #[expect(
            unsafe_code,
            reason = "memory shared across fork has no safe interface"
        )]
        // SAFETY: the mapping is page-aligned, holds so many lines, is never unmapped, and if it is a
        // file's, that is sealed against shrinking or is this tenant's own. Any bytes are a valid
        // line, and each is atomic, so that writers in other processes are no data race.
        let lines = unsafe { std::slice::from_raw_parts(first.as_ptr(), shape.lines()) };
        Self { lines, shape }
    }

    /// The place of the worker in a seat, counted from 1.
    pub fn slot(&self, seat: u32) -> Option<Slot> {
        self.place(self.shape.seat(seat)?)
    }

    /// A worker takes a seat, for a slot: from now on it is who people see there, unless another is.
    pub fn seat(&self, seat: u32, slot: u32) {
        let (Some(place), Some(head)) = (self.slot(seat), self.head(slot)) else {
            return;
        };
        place.clear();
        place.own.set(OfWorker::Slot, slot.into());
        if head.get(OfWorker::Seat) == 0 {
            head.set(OfWorker::Seat, seat.into());
        }
    }

    /// The worker in a seat lives: with this process id, since then.
    pub fn spawned(&self, seat: u32, pid: u32, unix_seconds: u64) {
        let Some(place) = self.slot(seat) else { return };
        place.own.set(OfWorker::Pid, pid.into());
        place.own.set(OfWorker::Spawned, unix_seconds);
        if let Some(head) = self.head_of(place) {
            // The first is no respawn.
            if head.get(OfWorker::Spawned) != 0 {
                head.add(OfWorker::Respawns, 1);
            }
            head.set(OfWorker::Spawned, unix_seconds);
        }
    }

    /// The worker in a seat is who people see in its slot.
    pub fn show(&self, seat: u32) {
        let head = self.slot(seat).and_then(|place| self.head_of(place));
        if let Some(head) = head {
            head.set(OfWorker::Seat, seat.into());
        }
    }

    /// A request of a slot's worker took longer than `harakiri`.
    pub fn count_harakiri(&self, slot: u32) {
        if let Some(head) = self.head(slot) {
            head.add(OfWorker::Harakiris, 1);
        }
    }

    /// The worker in a seat has ended: what it counted stays with its slot.
    pub fn vacate(&self, seat: u32) {
        let Some(place) = self.slot(seat) else { return };
        let number = place.own.get(OfWorker::Slot);
        let past = u32::try_from(number).ok();
        let past = past.and_then(|number| self.place(self.shape.slot(number)?));
        let Some(past) = past else { return };
        self.begin_move();
        for (sum, line) in past.threads.iter().zip(place.threads) {
            for field in OfThread::SUMS {
                sum.add(field, line.get(field));
            }
            sum.set(OfThread::AverageMicros, line.get(OfThread::AverageMicros));
        }
        place.clear();
        if past.own.get(OfWorker::Seat) == u64::from(seat) {
            past.own.set(OfWorker::Seat, self.another(number));
        }
        self.end_move();
    }

    /// Somebody wants to know how long requests take, from now on.
    pub fn want_times(&self) {
        self.board().set(OfBoard::WantsTimes, 1);
    }

    /// Importing the app took so long.
    pub fn set_startup_ms(&self, millis: u64) {
        self.board().set(OfBoard::StartupMs, millis);
    }

    /// All numbers as they are now.
    pub fn numbers(&self) -> BoardNumbers {
        BoardNumbers::read(self.lines, self.shape)
    }

    /// A seat with a worker of a slot, else 0.
    fn another(&self, slot: u64) -> u64 {
        let seats = 1..=self.shape.seats();
        let other = seats.rev().find(|seat| {
            self.slot(*seat)
                .is_some_and(|place| place.own.get(OfWorker::Slot) == slot)
        });
        other.unwrap_or(0).into()
    }

    fn begin_move(&self) {
        self.board().add(OfBoard::Moves, 1);
        fence(Ordering::Release);
    }

    fn end_move(&self) {
        let moves = self.board().get(OfBoard::Moves).wrapping_add(1);
        self.board()
            .at(OfBoard::Moves)
            .store(moves, Ordering::Release);
    }

    fn head(&self, slot: u32) -> Option<&'static Line> {
        Some(self.place(self.shape.slot(slot)?)?.own)
    }

    fn head_of(&self, place: Slot) -> Option<&'static Line> {
        self.head(u32::try_from(place.own.get(OfWorker::Slot)).ok()?)
    }

    fn place(&self, first: usize) -> Option<Slot> {
        let lines = self.lines.get(first..first + self.shape.lines_each())?;
        let (own, threads) = lines.split_first()?;
        Some(Slot {
            own,
            threads,
            board: self.board(),
        })
    }

    fn board(&self) -> &'static Line {
        static NOTHING: Line = Line::zero();
        self.lines.first().unwrap_or(&NOTHING)
    }
}

#[cfg(test)]
mod tests;
