//! The places of one worker and of its threads.

use std::sync::atomic::Ordering;

use super::line::{Line, OfThread, OfWorker};

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

impl SlotState {
    pub(super) fn of(word: u64) -> Self {
        match word {
            0 => Self::Starting,
            2 => Self::Draining,
            _ => Self::Serving,
        }
    }
}

/// What one worker says about itself: a line of its own, and one for each of its threads.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    pub(super) own: &'static Line,
    pub(super) threads: &'static [Line],
    pub(super) board: &'static Line,
}

/// Where one thread of a worker counts.
#[derive(Clone, Copy, Debug)]
pub struct ThreadSlot {
    line: &'static Line,
}

impl Slot {
    /// The worker stands elsewhere now.
    pub fn set_state(self, state: SlotState) {
        self.own.set(OfWorker::State, state as u64);
    }

    /// The place of a thread, the main one's being 0. What is beyond the last shares it.
    pub fn thread(self, number: usize) -> ThreadSlot {
        let line = self.threads.get(number).or(self.threads.last());
        ThreadSlot {
            line: line.unwrap_or(self.own),
        }
    }

    /// Whether somebody wants to know how long requests take.
    pub fn wants_times(self) -> bool {
        self.board.get(super::line::OfBoard::WantsTimes) != 0
    }

    /// Requests answered.
    pub fn requests(self) -> u64 {
        self.sum(OfThread::Requests)
    }

    /// Requests that went wrong.
    pub fn errors(self) -> u64 {
        self.sum(OfThread::Exceptions)
    }

    /// Whether a request is in flight.
    pub fn is_busy(self) -> bool {
        self.threads
            .iter()
            .any(|line| line.get(OfThread::InRequest) != 0)
    }

    /// Where the worker stands.
    pub fn state(self) -> SlotState {
        SlotState::of(self.own.get(OfWorker::State))
    }

    fn sum(self, field: OfThread) -> u64 {
        let threads = self.threads.iter();
        threads.fold(0, |sum, line| sum.wrapping_add(line.get(field)))
    }

    pub(super) fn clear(self) {
        self.own.clear();
        for line in self.threads {
            line.clear();
        }
    }
}

impl ThreadSlot {
    /// A request was taken up.
    pub fn enter_request(self) {
        // Of an event loop several may be in flight, and an app may end one from another thread.
        let in_request = self.line.at(OfThread::InRequest);
        in_request.fetch_add(1, Ordering::Relaxed);
    }

    /// A request is over.
    pub fn leave_request(self, is_error: bool) {
        let in_request = self.line.at(OfThread::InRequest);
        in_request.fetch_sub(1, Ordering::Relaxed);
        self.line.add(OfThread::Requests, 1);
        if is_error {
            self.line.add(OfThread::Exceptions, 1);
        }
    }

    /// A request took so long.
    pub fn took_micros(self, micros: u64) {
        self.line.add(OfThread::RunningMicros, micros);
        let before = self.line.get(OfThread::AverageMicros);
        // As there: each request counts half of what all before it do.
        let average = if before == 0 {
            micros
        } else {
            before.midpoint(micros)
        };
        self.line.set(OfThread::AverageMicros, average);
    }

    /// A request was answered with a file, without the app.
    pub fn count_static(self) {
        self.line.add(OfThread::StaticRequests, 1);
    }

    /// So many bytes went out.
    pub fn sent(self, bytes: u64) {
        self.line.add(OfThread::SentBytes, bytes);
    }

    /// A client could not be written to.
    pub fn count_write_error(self) {
        self.line.add(OfThread::WriteErrors, 1);
    }

    /// A client could not be read from.
    pub fn count_read_error(self) {
        self.line.add(OfThread::ReadErrors, 1);
    }
}
