//! How many lines there may be about what any stranger can send at no cost to himself.

use std::time::{Duration, Instant};

/// Lines at once.
const BURST: u32 = 10;
/// And then one in this time.
const PAUSE: Duration = Duration::from_secs(1);

/// What is left to be told, and what was not.
#[derive(Debug)]
pub(crate) struct Allowance {
    lines: u32,
    /// When `lines` was right.
    at: Instant,
    left_out: u64,
}

impl Allowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            lines: BURST,
            at: now,
            left_out: 0,
        }
    }

    /// Whether there may be a line now; if so, how many were left out since the last one.
    pub(crate) fn ask(&mut self, now: Instant) -> Option<u64> {
        let pauses = now.saturating_duration_since(self.at).as_secs() / PAUSE.as_secs();
        let come = u32::try_from(pauses).unwrap_or(u32::MAX);
        if come >= BURST {
            self.at = now;
        } else {
            self.at += PAUSE * come;
        }
        self.lines = self.lines.saturating_add(come).min(BURST);
        if self.lines == 0 {
            self.left_out += 1;
            return None;
        }
        self.lines -= 1;
        Some(self.take_left_out())
    }

    /// How many were left out and not yet told.
    pub(crate) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Allowance, BURST};

    #[test]
    fn a_few_at_once_and_then_one_a_second() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let mut ask = |milliseconds| allowance.ask(start + Duration::from_millis(milliseconds));
        for _ in 0..BURST {
            assert_eq!(ask(0), Some(0));
        }
        for milliseconds in [0, 500, 999] {
            assert_eq!(ask(milliseconds), None);
        }
        assert_eq!(ask(1000), Some(3));
        assert_eq!(ask(1999), None);
        assert_eq!(ask(2000), Some(1));
        // However long nothing came, it is no more than at the beginning.
        for _ in 0..BURST {
            assert_eq!(ask(1_000_000), Some(0));
        }
        assert_eq!(ask(1_000_000), None);
        assert_eq!(allowance.take_left_out(), 1);
        assert_eq!(allowance.take_left_out(), 0);
    }
}
