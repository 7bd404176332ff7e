//! Which deaths of workers were the kernel's doing, for lack of memory. Depends on nothing.
//!
//! The kernel only counts such kills, so a death by SIGKILL that follows one is put down to it, each
//! kill explaining one death.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A kill that was noticed longer ago than this explains no death: it was somebody else's.
const FRESH: Duration = Duration::from_secs(30);
/// More kills than this at once are not told apart.
const LIMIT: u64 = 64;

/// Kills for lack of memory, until a death is found for them.
#[derive(Debug, Default)]
pub(crate) struct Deaths {
    unexplained: VecDeque<Instant>,
}

impl Deaths {
    /// So many kills have been counted since the last look.
    pub(crate) fn note(&mut self, kills: u64, now: Instant) {
        for _ in 0..kills.min(LIMIT) {
            self.unexplained.push_back(now);
        }
        self.unexplained
            .retain(|at| now.saturating_duration_since(*at) <= FRESH);
    }

    /// Whether a death by SIGKILL just now is one of them.
    pub(crate) fn explain_one(&mut self) -> bool {
        self.unexplained.pop_front().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kill_explains_one_death() {
        let (mut deaths, now) = (Deaths::default(), Instant::now());
        deaths.note(0, now);
        assert!(!deaths.explain_one());
        deaths.note(2, now);
        assert_eq!([(); 3].map(|()| deaths.explain_one()), [true, true, false]);
    }

    #[test]
    fn an_old_kill_was_somebody_elses() {
        let (mut deaths, now) = (Deaths::default(), Instant::now());
        deaths.note(1, now);
        deaths.note(1, now + FRESH + Duration::from_secs(1));
        assert_eq!([(); 2].map(|()| deaths.explain_one()), [true, false]);
    }
}
