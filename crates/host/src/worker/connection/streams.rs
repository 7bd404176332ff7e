//! The streams of a connection of HTTP/2, each of which is a connection of its own to whoever answers.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::patience::BUSY;
use super::{Connection, DRAIN_IDLE_LIMIT, Next, Phase, State, Visitor};
use crate::worker::deadlines::NEVER;
use crate::worker::exchange::Watcher;
use crate::worker::http::Driver;
use crate::worker::sync::lock;

impl Connection {
    /// One stream of a connection: a request like any other, over the same socket. The reactor does
    /// not know it.
    pub(super) fn stream(parent: &Arc<Self>, driver: Driver) -> Self {
        Self {
            key: parent.key,
            visitor: Visitor::default(),
            listener: parent.listener,
            socket: Arc::clone(&parent.socket),
            shared: Arc::clone(&parent.shared),
            parent: Some(Arc::clone(parent)),
            state: Mutex::new(State::new(driver, None)),
            is_claimed: AtomicBool::new(true),
            deadline_ms: AtomicU64::new(NEVER),
            spare: AtomicU8::new(BUSY),
        }
    }

    /// Tells the apps whose streams have moved. Each of those has its own patience with the client;
    /// what no app works on is looked at from time to time.
    pub(super) fn wait_for_streams(&self, mut state: MutexGuard<'_, State>) -> Next {
        let watchers = state.moved_watchers();
        let is_first = state.phase != Phase::Body;
        state.phase = Phase::Body;
        drop(state);
        for watcher in watchers {
            watcher.progressed();
        }
        Next::Wait(is_first.then_some(self.shared.wire.socket_timeout))
    }

    /// The answer to a stream is laid down.
    pub(super) fn settle_stream(&self, settled: &Self) {
        let mut state = lock(&self.state);
        state
            .streams
            .retain(|stream| !std::ptr::eq(Arc::as_ptr(stream), settled));
    }

    /// The connection's time is up. Resets those of its streams that have not moved in theirs, and
    /// says farewell once nothing is left: how much longer it is kept. `None` if it is over.
    pub(in crate::worker) fn look_at_streams(&self) -> Option<Duration> {
        let patience = self.shared.wire.socket_timeout;
        let now = Instant::now();
        let mut state = lock(&self.state);
        let next = state.driver.drop_stalled(patience, now);
        let moved = self.socket.bytes_read() + self.socket.bytes_written();
        let has_moved = std::mem::replace(&mut state.moved_at_look, moved) != moved;
        if state.driver.open_streams() > 0 {
            // An app that says nothing for long is not the client's fault.
            let is_kept = has_moved || !state.streams.is_empty();
            let left = next.map(|next| next.saturating_duration_since(now));
            return is_kept.then(|| left.unwrap_or(patience));
        }
        if state.phase == Phase::Body {
            // Nothing is left since just now.
            return state.driver.is_many().then_some(self.shared.wire.keepalive);
        }
        // A request that is on its way comes before the client's answer to this, and is taken.
        (state.driver.is_many() && state.driver.leave()).then_some(DRAIN_IDLE_LIMIT)
    }

    /// When the first of the connection's deadlines and those of its streams passes.
    pub(in crate::worker) fn earliest_ms(&self) -> u64 {
        // A thread whose app reads or writes has it for long, and sees to its own time limit.
        let Ok(state) = self.state.try_lock() else {
            return self.deadline_ms();
        };
        let streams = state.streams.iter().map(|stream| stream.deadline_ms());
        streams.min().unwrap_or(NEVER).min(self.deadline_ms())
    }

    /// Those of its streams whose client does not move.
    pub(in crate::worker) fn late_streams(&self, now_ms: u64) -> Vec<Arc<Self>> {
        let Ok(state) = self.state.try_lock() else {
            return Vec::new();
        };
        let late = state
            .streams
            .iter()
            .filter(|stream| stream.deadline_ms() <= now_ms);
        late.cloned().collect()
    }
}

impl State {
    /// Of the streams for which something has come or gone.
    pub(super) fn moved_watchers(&self) -> Vec<Arc<dyn Watcher>> {
        let moved = self.streams.iter().filter_map(|stream| {
            let state = lock(&stream.state);
            state.watcher.clone().filter(|_| state.driver.is_woken())
        });
        moved.collect()
    }
}
