//! The end of a worker: orders of the master, and leaving politely.
//!
//! A worker that is told to leave takes what the kernel has queued, answers what has arrived with
//! `Connection: close`, gives idle connections a moment for a request that is on its way, and
//! leaves when none is left or at the deadline. It does the same when its master is gone.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lictor_core::ipc::{ChannelError, Received, WorkerMessage, WorkerOrder};
use lictor_core::sys::SlotState;
use rustix::event::{PollFd, PollFlags, Timespec, epoll, poll};

use super::connection::{Caller, DRAIN_IDLE_LIMIT};
use super::deadlines::millis;
use super::http::Socket;
use super::phase::Phase;
use super::reactor::Reactor;
use super::sync::lock;
use super::wsgi::Application;

impl Reactor {
    /// Takes every order that has come.
    pub(super) fn take_orders(self: &Arc<Self>) {
        loop {
            match self.channel.receive::<WorkerOrder>() {
                Ok(Received::Message(WorkerOrder::Serve, _)) => self.begin_serving(),
                Ok(Received::Message(WorkerOrder::Drain { deadline }, _)) => {
                    self.begin_drain(deadline);
                }
                // A master that does not read the answer asks again.
                Ok(Received::Message(WorkerOrder::Heartbeat, _)) => {
                    drop(self.channel.send(&WorkerMessage::Alive, &[]));
                }
                Ok(Received::Message(WorkerOrder::Hold, _)) => self.hold(),
                Ok(Received::Message(WorkerOrder::Release, _)) => self.release_held(),
                Ok(Received::Message(WorkerOrder::Probe, fds)) => self.take_probe(fds),
                Ok(Received::Nothing) => return,
                // Not for us; the master is of the same build, so it will not happen twice.
                Err(
                    ChannelError::Malformed(_)
                    | ChannelError::TooLarge
                    | ChannelError::Descriptors
                    | ChannelError::Full,
                ) => {}
                Ok(Received::Closed) | Err(ChannelError::Io { .. }) => {
                    // Level-triggered: a closed channel would wake us for ever.
                    let _already_removed = epoll::delete(&self.epoll, &self.channel);
                    return self.begin_drain(self.reload_mercy);
                }
            }
        }
    }

    /// Takes the orders that came while the app kept this thread: a worker that was told to leave
    /// takes no further connection.
    pub(super) fn take_late_orders(self: &Arc<Self>) {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut fds = [PollFd::new(&self.channel, PollFlags::IN)];
        if poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0) {
            self.take_orders();
        }
    }

    /// The master asks for `ready-path`, before the worker serves: a connection like any other.
    fn take_probe(self: &Arc<Self>, fds: Vec<OwnedFd>) {
        for fd in fds.into_iter().filter(|_| self.phase() == Phase::Waiting) {
            self.adopt(&Socket::new(fd), Caller::default());
        }
    }

    fn begin_serving(&self) {
        if !self.change_phase(Phase::Waiting, Phase::Serving) {
            return;
        }
        self.slot.set_state(SlotState::Serving);
        if let Some(demand) = &self.demand {
            demand.set_open(true);
        }
        if let Err(error) = self.watch_listeners() {
            Application::log(&format!(
                "lictor: could not watch the listening sockets: {error}"
            ));
            self.finish();
        }
        if let Some(imports) = &self.imports {
            self.tell_imports(imports);
        }
    }

    fn begin_drain(self: &Arc<Self>, deadline: Duration) {
        if self.change_phase(Phase::Waiting, Phase::Finished) {
            return self.wake_all();
        }
        let until = self.now_ms().saturating_add(millis(deadline));
        if !self.change_phase(Phase::Serving, Phase::Draining) {
            // A second order may only shorten the time.
            self.drain_until_ms.fetch_min(until, Ordering::Relaxed);
            return self.wake_all();
        }
        self.drain_until_ms.store(until, Ordering::Relaxed);
        self.shared.is_draining.store(true, Ordering::Relaxed);
        self.slot.set_state(SlotState::Draining);
        if let Some(demand) = &self.demand {
            demand.set_open(false);
        }
        self.close_listeners();
        if let Some(board) = self.board {
            board.set_withdrawn();
        }
        // A master that does not read this waits for the exit instead.
        drop(self.channel.send(&WorkerMessage::Withdrawn, &[]));
        let connections: Vec<_> = lock(&self.table)
            .iter()
            .map(|(_, held)| Arc::clone(held))
            .collect();
        for connection in connections {
            // Somebody works on it, and will see that the worker drains.
            if !connection.claim() {
                continue;
            }
            if connection.is_idle() {
                self.set_deadline(&connection, DRAIN_IDLE_LIMIT);
            }
            // A request may have arrived that epoll has not told us about yet.
            connection.socket().set_readable();
            self.work_on(&connection);
        }
        self.finish_if_empty();
        self.wake_all();
    }

    /// Leaves, if the worker drains and has nothing left to do. While it still takes what the kernel
    /// has queued, the table may be empty between two connections.
    pub(super) fn finish_if_empty(&self) {
        if self.phase() == Phase::Draining
            && lock(&self.listeners).is_empty()
            && lock(&self.table).is_empty()
            && self.app.is_at_rest()
        {
            self.finish();
        }
    }

    /// Every thread leaves its loop.
    pub(super) fn finish(&self) {
        if let Some(log) = &self.shared.request_log {
            log.finish();
        }
        self.set_phase(Phase::Finished);
        self.wake_all();
    }
}
