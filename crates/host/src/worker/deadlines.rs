//! When to give up on connections, and on draining.
//!
//! Each connection has one deadline; the reactor knows only when the earliest may pass, and looks at
//! all of them then. No timers: a deadline that moves later costs nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::event::Timespec;

use super::connection::Connection;
use super::reactor::Reactor;
use super::sync::lock;

/// When to look again at a late connection that another thread works on.
const CLAIMED_MS: u64 = 1000;

/// Deadlines are looked at when a multiple of this is over, so that thousands of connections whose
/// times are up one after the other cost a few looks a second and not one for each of them.
const STEP_MS: u64 = 128;

/// No deadline.
pub(super) const NEVER: u64 = u64::MAX;

impl Reactor {
    pub(super) fn now_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }

    pub(super) fn set_deadline(&self, connection: &Connection, patience: Duration) {
        let deadline = self.now_ms() + millis(patience);
        connection.set_deadline_ms(deadline);
        self.look_again_at(deadline.next_multiple_of(STEP_MS));
    }

    pub(super) fn look_again_at(&self, when_ms: u64) {
        if when_ms < self.next_look_ms.load(Ordering::Relaxed) {
            self.next_look_ms.fetch_min(when_ms, Ordering::Relaxed);
        }
    }

    // Without connections there is no deadline, and an idle worker never wakes.
    pub(super) fn timeout(&self) -> Option<Timespec> {
        let next = self
            .next_look_ms
            .load(Ordering::Relaxed)
            .min(self.drain_until_ms.load(Ordering::Relaxed));
        if next == NEVER {
            return None;
        }
        // One millisecond late rather than early, which would wake twice.
        let left = Duration::from_millis(next.saturating_sub(self.now_ms()) + 1);
        Timespec::try_from(left).ok()
    }

    pub(super) fn look_at_deadlines(self: &Arc<Self>) {
        let next = self.next_look_ms.load(Ordering::Relaxed);
        let drain_until = self.drain_until_ms.load(Ordering::Relaxed);
        if next.min(drain_until) == NEVER {
            return;
        }
        let now = self.now_ms();
        if now >= drain_until {
            return self.finish();
        }
        if now < next {
            return;
        }
        self.next_look_ms.store(NEVER, Ordering::Relaxed);
        let mut late = Vec::new();
        for (_, connection) in lock(&self.table).iter() {
            for stream in connection.late_streams(now) {
                // The others of its connection go on.
                if !stream.stall() {
                    stream.abandon();
                }
            }
            let deadline = connection.earliest_ms();
            if deadline == NEVER {
                // The app works on it.
            } else if deadline > now {
                self.look_again_at(deadline.next_multiple_of(STEP_MS));
            } else if connection.claim() {
                late.push(Arc::clone(connection));
            } else {
                // Somebody works on it, and may find that it has not moved.
                self.look_again_at(now + CLAIMED_MS);
            }
        }
        for connection in late {
            if connection.is_talking() {
                // It knows itself what is due.
                self.work_on(&connection);
                continue;
            }
            if connection.stall() {
                connection.release();
                continue;
            }
            if let Some(patience) = connection.look_at_streams() {
                self.set_deadline(&connection, patience);
                self.work_on(&connection);
                continue;
            }
            connection.give_up();
            if connection.is_idle() {
                connection.socket().take_leave();
            }
            self.forget(&connection);
        }
        self.resume_accepting();
    }
}

/// Milliseconds, of which there are always few enough.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
