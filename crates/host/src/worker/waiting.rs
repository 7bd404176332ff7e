//! The app reads or writes: waiting for one connection without the interpreter.
//!
//! The thread that called the app is deep inside it, so the reactor cannot wait for it; poll(2) on
//! the one socket does, and hyper is pumped in between.

use std::os::fd::{AsFd, AsRawFd};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::connection::{Connection, State};
use super::exchange::{Exchange, ExchangeError, ResponseHead};
use super::sync::lock;

impl Connection {
    /// Waits for this socket alone.
    fn wait(&self, wanted: PollFlags, patience: &Patience) -> Result<(), ExchangeError> {
        let left = patience.left(self.shared.wire.socket_timeout);
        if left.is_zero() {
            // Something may be ready at all times, for other streams.
            return Err(ExchangeError::Stalled);
        }
        let limit = Timespec::try_from(left).ok();
        let mut fds = [PollFd::new(&*self.socket, wanted)];
        match poll(&mut fds, limit.as_ref()) {
            Ok(0) => return Err(ExchangeError::Stalled),
            Ok(_) => {}
            Err(Errno::INTR) => return Err(ExchangeError::Interrupted),
            Err(_) => return Err(ExchangeError::Gone),
        }
        let [ready] = &fds;
        let ready = ready.revents();
        if ready.intersects(PollFlags::IN) {
            self.socket.set_readable();
        }
        if ready.intersects(PollFlags::OUT) {
            self.socket.set_writable();
        }
        if ready.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::RDHUP | PollFlags::NVAL) {
            self.socket.set_ending();
        }
        Ok(())
    }
}

/// Since when a client has not moved. What moves on a connection of its own is the client; on that of
/// a stream it may be other streams.
struct Patience {
    since: Option<Instant>,
    moved: u64,
}

impl Patience {
    fn of(connection: &Connection, state: &State) -> Self {
        let is_stream = connection.parent.is_some();
        Self {
            since: is_stream.then(Instant::now),
            moved: state.driver.moved(),
        }
    }

    /// Looks whether the client has moved.
    fn look(&mut self, state: &State) {
        if self.since.is_some() && self.moved != state.driver.moved() {
            self.moved = state.driver.moved();
            self.since = Some(Instant::now());
        }
    }

    fn left(&self, limit: Duration) -> Duration {
        let passed = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        limit.saturating_sub(passed)
    }
}

impl Exchange for Connection {
    fn read(&self) -> Result<Option<Bytes>, ExchangeError> {
        let mut state = lock(&self.state);
        let patience = Patience::of(self, &state);
        loop {
            if let Poll::Ready(piece) = state.driver.poll_body() {
                return piece;
            }
            if !state.driver.pump() {
                // What hyper still handed over comes first.
                match state.driver.poll_body() {
                    Poll::Ready(piece) => return piece,
                    Poll::Pending => return Err(ExchangeError::Gone),
                }
            }
            if state.driver.is_woken() {
                continue;
            }
            let mut wanted = PollFlags::IN | PollFlags::RDHUP;
            wanted.set(PollFlags::OUT, self.socket.is_write_blocked());
            match self.wait(wanted, &patience) {
                Err(ExchangeError::Stalled) => state.driver.stall(),
                other => other?,
            }
        }
    }

    fn begin_whole(&self, head: ResponseHead, body: Bytes) {
        let mut state = lock(&self.state);
        if state.begin(head.status, body.len()) {
            state.driver.begin_whole(head, body, self.is_draining());
        }
    }

    fn begin_stream(&self, head: ResponseHead) {
        let mut state = lock(&self.state);
        if state.begin(head.status, 0) {
            state.driver.begin_stream(head, self.is_draining());
        }
    }

    fn put(&self, chunk: Bytes) {
        lock(&self.state).put(chunk);
    }

    fn flush(&self) -> Result<(), ExchangeError> {
        let mut state = lock(&self.state);
        let mut patience = Patience::of(self, &state);
        loop {
            let is_open = state.driver.pump();
            let is_flushed = !self.socket.is_write_blocked();
            if state.driver.is_taken() && is_flushed {
                return Ok(());
            }
            if !is_open {
                return Err(ExchangeError::Gone);
            }
            if is_flushed && self.parent.is_none() {
                // hyper gave way to others after many pipelined requests.
                continue;
            }
            let mut wanted = PollFlags::empty();
            wanted.set(PollFlags::OUT, !is_flushed);
            // Where it is the client's window that is full.
            wanted.set(PollFlags::IN | PollFlags::RDHUP, self.parent.is_some());
            patience.look(&state);
            self.wait(wanted, &patience)?;
        }
    }

    fn descriptor(&self) -> Option<i32> {
        Some(self.socket.as_fd().as_raw_fd())
    }

    fn disconnect(&self) {
        lock(&self.state).driver.finish();
        // Whoever does not take the end of an answer in time does not get it.
        let _gone = self.flush();
        if self.parent.is_none() {
            self.socket.hang_up();
        }
    }
}
