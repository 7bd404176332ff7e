//! One slot: who serves in it, who comes up beside, and how its workers have ended lately.

use std::time::{Duration, Instant};

use super::seats::Seat;

/// A worker that has been ready for this long makes earlier ends forgotten, and the trouble that
/// they were is over then: not sooner, because until then the next end waits longer than the last,
/// and a worker that ends every half minute would be in trouble and out of it by turns.
pub(super) const HEALTHY: Duration = Duration::from_mins(1);
/// Wait after the second end in a row; doubled with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// One slot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    /// It is to have a worker.
    pub(super) is_open: bool,
    /// Who serves, or comes up to.
    pub(super) current: Option<Seat>,
    /// Who comes up to take over from the current one.
    pub(super) replacement: Option<Seat>,
    /// When the next worker is to be forked.
    pub(super) fork_at: Option<Instant>,
    /// Unexpected ends in a row.
    failures: u32,
    /// The emperor was told of them.
    pub(super) is_troubled: bool,
}

impl Slot {
    /// A new worker takes its place.
    pub(super) fn seat(&mut self, seat: Seat) {
        self.fork_at = None;
        if self.current.is_none() {
            self.current = Some(seat);
        } else {
            self.replacement = Some(seat);
        }
    }

    /// A worker is not to serve any more; whoever comes up beside it stands in for it.
    pub(super) fn vacate(&mut self, seat: Seat) {
        if self.current == Some(seat) {
            self.current = self.replacement.take();
        } else if self.replacement == Some(seat) {
            self.replacement = None;
        }
    }

    /// Whether a worker has to be forked: nobody holds the slot, or nobody comes up for the one that
    /// is being replaced.
    pub(super) fn misses_one(&self, retiring: Option<Seat>) -> bool {
        let is_missed =
            self.current.is_none() || self.current == retiring && self.replacement.is_none();
        self.is_open && is_missed
    }

    /// A worker is to be forked then, or sooner if that was planned.
    pub(super) fn plan(&mut self, at: Instant) {
        self.fork_at = Some(self.fork_at.map_or(at, |planned| planned.min(at)));
    }

    /// Counts an unexpected end and says how long to wait; `since`: from when on it was ready.
    pub(super) fn count_end(
        &mut self,
        since: Option<Instant>,
        jitter: f64,
        now: Instant,
    ) -> Duration {
        if since.is_some_and(|since| now.duration_since(since) >= HEALTHY) {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        wait_after(self.failures, jitter)
    }

    /// Counts one more if there was none: trying again at once would fail again.
    pub(super) fn count_refusal(&mut self, jitter: f64) -> Duration {
        self.failures = self.failures.max(1).saturating_add(1);
        wait_after(self.failures, jitter)
    }
}

/// Nothing after the first end, then doubling to a minute. `jitter` between 0 and 1 shortens it by up
/// to a quarter, so that what failed together is not tried together.
fn wait_after(failures: u32, jitter: f64) -> Duration {
    match failures.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_WAIT
            .saturating_mul(1 << doublings.min(16))
            .min(LONGEST_WAIT)
            .mul_f64(1.0 - 0.25 * jitter.clamp(0.0, 1.0)),
    }
}
