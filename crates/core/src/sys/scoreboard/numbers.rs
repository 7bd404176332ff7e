//! The numbers of a scoreboard as plain values, for whoever shows them.

use std::sync::atomic::{Ordering, fence};

use super::line::{Line, OfBoard, OfThread, OfWorker};
use super::shape::Shape;
use super::slot::SlotState;

/// Looks at a board that changes meanwhile, before it is taken as it is.
pub(super) const LOOKS: usize = 4;

/// All numbers of a generation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BoardNumbers {
    /// How long it took to import the app, in milliseconds.
    pub startup_ms: u64,
    /// One for each slot, in order.
    pub workers: Vec<WorkerNumbers>,
}

/// What a slot's workers have counted since the generation came up, and who is there now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerNumbers {
    /// The slot, from 1.
    pub id: u32,
    /// Process id of the worker that serves there; 0 for none.
    pub pid: u32,
    /// What it does.
    pub activity: WorkerActivity,
    /// It takes connections.
    pub is_accepting: bool,
    /// Requests answered by this worker, without those of its predecessors.
    pub delta_requests: u64,
    /// When it was started, in seconds since 1970.
    pub last_spawn: u64,
    /// How often a worker was started there, the first time aside.
    pub respawns: u64,
    /// Requests that took longer than `harakiri`.
    pub harakiris: u64,
    /// Its threads; those that a tenant claims to be in a request are only believed so far.
    pub threads: Vec<ThreadNumbers>,
}

/// What the slot's threads of this number have counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadNumbers {
    /// Requests answered.
    pub requests: u64,
    /// Requests that ended in an exception or a cut connection.
    pub exceptions: u64,
    /// Requests in flight.
    pub in_request: u64,
    /// Requests answered with a file, without the app.
    pub static_requests: u64,
    /// Clients that could not be written to.
    pub write_errors: u64,
    /// Clients that could not be read from.
    pub read_errors: u64,
    /// Bytes sent, heads and TLS included.
    pub sent_bytes: u64,
    /// How long requests took, all together, in microseconds.
    pub running_micros: u64,
    /// How long requests took lately, in microseconds.
    pub average_micros: u64,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WorkerActivity {
    /// There is none at the moment.
    #[default]
    Cheap,
    /// It waits.
    Idle,
    /// It is in a request.
    Busy,
}

impl WorkerNumbers {
    /// One number of all threads together.
    pub fn sum(&self, of: impl Fn(&ThreadNumbers) -> u64) -> u64 {
        let threads = self.threads.iter();
        threads.fold(0, |sum, thread| sum.wrapping_add(of(thread)))
    }

    /// How long requests took lately, in microseconds, over the threads that had any.
    pub fn average_micros(&self) -> u64 {
        let used = self.threads.iter().map(|thread| thread.average_micros);
        let used: Vec<u64> = used.filter(|micros| *micros > 0).collect();
        let sum = used
            .iter()
            .fold(0_u64, |sum, micros| sum.saturating_add(*micros));
        sum.checked_div(used.len() as u64).unwrap_or(0)
    }
}

impl BoardNumbers {
    /// Reads so many lines of that shape, again if numbers were moved meanwhile.
    pub(super) fn read(lines: &[Line], shape: Shape) -> Self {
        let Some(board) = lines.first() else {
            return Self::default();
        };
        for _ in 1..LOOKS {
            let before = board.at(OfBoard::Moves).load(Ordering::Acquire);
            let numbers = Self::look(lines, shape);
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && before == board.get(OfBoard::Moves) {
                return numbers;
            }
        }
        Self::look(lines, shape)
    }

    pub(super) fn look(lines: &[Line], shape: Shape) -> Self {
        let mut workers: Vec<_> = (1..=shape.slots())
            .filter_map(|id| worker(place(lines, shape, shape.slot(id)?)?, id))
            .collect();
        for seat in 1..=shape.seats() {
            let place = shape.seat(seat).and_then(|at| place(lines, shape, at));
            let Some((own, threads)) = place else { break };
            let slot = own.get(OfWorker::Slot).checked_sub(1);
            let slot = slot.and_then(|index| usize::try_from(index).ok());
            let Some((worker, head)) = slot.and_then(|index| {
                let head = place_of_slot(lines, shape, index)?;
                Some((workers.get_mut(index)?, head))
            }) else {
                continue;
            };
            let is_shown = head.get(OfWorker::Seat) == u64::from(seat);
            worker.add(own, threads, is_shown);
        }
        Self {
            startup_ms: lines
                .first()
                .map_or(0, |board| board.get(OfBoard::StartupMs)),
            workers,
        }
    }
}

impl WorkerNumbers {
    /// Adds what a worker in a seat of this slot has counted.
    fn add(&mut self, own: &Line, threads: &[Line], is_shown: bool) {
        for (sum, line) in self.threads.iter_mut().zip(threads) {
            sum.add(line, is_shown);
        }
        if !is_shown {
            return;
        }
        let delta = threads.iter().map(|line| line.get(OfThread::Requests));
        self.delta_requests = delta.fold(0, u64::wrapping_add);
        self.pid = u32::try_from(own.get(OfWorker::Pid)).unwrap_or(0);
        self.last_spawn = own.get(OfWorker::Spawned);
        let is_busy = threads
            .iter()
            .any(|line| line.get(OfThread::InRequest) != 0);
        self.activity = if is_busy {
            WorkerActivity::Busy
        } else {
            WorkerActivity::Idle
        };
        self.is_accepting = SlotState::of(own.get(OfWorker::State)) == SlotState::Serving;
    }
}

impl ThreadNumbers {
    fn of(line: &Line) -> Self {
        Self {
            requests: line.get(OfThread::Requests),
            exceptions: line.get(OfThread::Exceptions),
            in_request: line.get(OfThread::InRequest),
            static_requests: line.get(OfThread::StaticRequests),
            write_errors: line.get(OfThread::WriteErrors),
            read_errors: line.get(OfThread::ReadErrors),
            sent_bytes: line.get(OfThread::SentBytes),
            running_micros: line.get(OfThread::RunningMicros),
            average_micros: line.get(OfThread::AverageMicros),
        }
    }

    fn add(&mut self, line: &Line, is_shown: bool) {
        let other = Self::of(line);
        for (sum, more) in [
            (&mut self.requests, other.requests),
            (&mut self.exceptions, other.exceptions),
            (&mut self.static_requests, other.static_requests),
            (&mut self.write_errors, other.write_errors),
            (&mut self.read_errors, other.read_errors),
            (&mut self.sent_bytes, other.sent_bytes),
            (&mut self.running_micros, other.running_micros),
        ] {
            *sum = sum.wrapping_add(more);
        }
        if is_shown {
            self.in_request = other.in_request;
            if other.average_micros != 0 {
                self.average_micros = other.average_micros;
            }
        }
    }
}

/// A slot without those who sit in its seats now.
fn worker((own, threads): (&Line, &[Line]), id: u32) -> Option<WorkerNumbers> {
    Some(WorkerNumbers {
        id,
        last_spawn: own.get(OfWorker::Spawned),
        respawns: own.get(OfWorker::Respawns),
        harakiris: own.get(OfWorker::Harakiris),
        threads: threads.iter().map(ThreadNumbers::of).collect(),
        ..WorkerNumbers::default()
    })
}

fn place_of_slot(lines: &[Line], shape: Shape, index: usize) -> Option<&Line> {
    let number = u32::try_from(index + 1).ok()?;
    Some(place(lines, shape, shape.slot(number)?)?.0)
}

fn place(lines: &[Line], shape: Shape, first: usize) -> Option<(&Line, &[Line])> {
    lines.get(first..first + shape.lines_each())?.split_first()
}
