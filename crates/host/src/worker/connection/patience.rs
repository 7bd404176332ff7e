//! How long a client is waited for, and whose connection is given up first where places are scarce.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Connection, DRAIN_IDLE_LIMIT, Next, Phase, State};
use crate::worker::deadlines::{NEVER, millis};
use crate::worker::sync::lock;

/// How long what arrives after our end was closed is thrown away, and how much.
const LINGER_LIMIT: Duration = Duration::from_secs(2);
const LINGER_LIMIT_BYTES: usize = 16 * 1024 * 1024;

// What a connection waits for, in `Connection::spare`.
pub(super) const BUSY: u8 = 0;
const IDLE: u8 = 1;
const HEAD: u8 = 2;
const UPLOAD: u8 = 3;

impl Connection {
    pub(super) fn begin_lingering(&self, state: &mut State) -> Next {
        state.phase = Phase::Lingering;
        self.spare.store(IDLE, Ordering::Relaxed);
        match self.linger(state) {
            Next::Wait(_) => Next::Wait(Some(LINGER_LIMIT)),
            Next::Close | Next::Answer(_) | Next::Stream(..) => Next::Close,
        }
    }

    pub(super) fn linger(&self, state: &mut State) -> Next {
        while state.lingered_bytes < LINGER_LIMIT_BYTES {
            match self.socket.discard() {
                Some(0) => break,
                Some(discarded) => state.lingered_bytes += discarded,
                None => return Next::Wait(None),
            }
        }
        Next::Close
    }

    pub(super) fn patience(&self, state: &mut State) -> Option<Duration> {
        let seen = (self.socket.bytes_read(), self.socket.bytes_written());
        let has_moved = seen != state.bytes_seen;
        let was = state.phase;
        let open = state.driver.open_streams();
        state.phase = if state.driver.is_gathering() || open > 0 || self.socket.is_write_blocked() {
            Phase::Body
        } else if self.socket.is_head_in_part() {
            Phase::Head
        } else if was == Phase::New {
            Phase::New
        } else {
            Phase::Idle
        };
        state.bytes_seen = seen;
        self.spare.store(spare(state), Ordering::Relaxed);
        let wire = &self.shared.wire;
        match state.phase {
            // Each stream has its own time.
            Phase::Body if was == Phase::Body && open > 0 => None,
            Phase::Body if has_moved || was != Phase::Body => Some(wire.socket_timeout),
            // The first head has its time from the beginning of the connection.
            Phase::Head if was != Phase::Head && was != Phase::New => Some(wire.head_timeout),
            Phase::Idle if was != Phase::Idle && self.is_draining() => Some(DRAIN_IDLE_LIMIT),
            Phase::Idle if was != Phase::Idle => Some(wire.keepalive),
            Phase::New
            | Phase::Head
            | Phase::Idle
            | Phase::Body
            | Phase::Answered
            | Phase::Lingering => None,
        }
    }

    /// The client has stopped sending in the middle of a body for which an app waits that gives its
    /// thread back: the app hears of it, and answers. False if there is no such body, or an answer has
    /// begun.
    pub(in crate::worker) fn stall(&self) -> bool {
        let watcher = {
            let mut state = lock(&self.state);
            let watcher = state.watcher.clone();
            let Some(watcher) = watcher.filter(|_| state.driver.is_awaiting_body()) else {
                return false;
            };
            state.driver.stall();
            watcher
        };
        self.set_deadline_ms(NEVER);
        watcher.progressed();
        true
    }

    /// Which connections are given up first for a new one, least first: idle ones, then those that
    /// wait for a request, and in both whichever has been waiting longest. `None` if it is not to be
    /// given up.
    pub(in crate::worker) fn spare_rank(&self) -> Option<(u8, u64, u64)> {
        let wire = &self.shared.wire;
        let (rank, patience) = match self.spare.load(Ordering::Relaxed) {
            IDLE => (1, wire.keepalive),
            HEAD => (2, wire.head_timeout),
            // An upload that no app has seen, since it last moved.
            UPLOAD => (2, wire.socket_timeout),
            _ => return None,
        };
        let since = self.deadline_ms().saturating_sub(millis(patience));
        Some((rank, since, self.key))
    }
}

fn spare(state: &State) -> u8 {
    match state.phase {
        Phase::Idle | Phase::Lingering => IDLE,
        Phase::New | Phase::Head => HEAD,
        Phase::Body if state.driver.is_gathering() => UPLOAD,
        // An answer is on its way.
        Phase::Body | Phase::Answered => BUSY,
    }
}
