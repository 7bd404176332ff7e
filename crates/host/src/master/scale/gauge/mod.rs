//! `cheaper`: when there are too few workers, or too many. Pure, with what is seen and `now` passed
//! in.
//!
//! As long as there are enough, nothing is looked at: the worker that takes the last free thread
//! rings. Then a few looks in quick succession tell whether all are really busy, or were for a
//! moment. Too many there are when some were free at every moment of a whole period; that is looked
//! at only while there are more than the fewest.

use std::time::{Duration, Instant};

use lictor_core::config::{CheaperAlgorithm, CheaperConfig};

/// Between two looks at workers that seem to be busy.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// So many looks in a row have to find all of them busy.
const LOOKS: u32 = 3;
/// After a false alarm the bell is left alone for so long: where there is one worker, each of its
/// requests would ring.
const REST: Duration = Duration::from_millis(200);

/// What is seen when something is due.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Workers that are wanted.
    pub(crate) wanted: u32,
    /// Whether all of them serve.
    pub(crate) is_settled: bool,
    /// Whether none that serves could take another request.
    pub(crate) are_all_full: bool,
    /// Whether a connection waits to be accepted.
    pub(crate) is_awaited: bool,
    /// The fewest free ones at any moment since the last period ended.
    pub(crate) least_free: u32,
    /// The share of their time that they were in requests since then.
    pub(crate) percent: u32,
    /// Of all workers together.
    pub(crate) resident_bytes: u64,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    More(Why),
    Fewer(Why),
}

/// Why the number changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    AllBusy,
    Busyness { percent: u32 },
    Free,
    Calm { percent: u32 },
    Memory,
}

/// What is made of the bell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ear {
    /// It shall ring.
    Listens,
    /// It rang: looks follow.
    Looks { at: Instant, full: u32 },
    /// It shall not ring for a moment.
    Rests { until: Instant },
    /// There is nothing to ring for.
    Deaf,
}

/// The number of workers of a generation that serves.
#[derive(Debug)]
pub(crate) struct Gauge {
    config: CheaperConfig,
    maximum: u32,
    ear: Ear,
    /// When the period ends, if one is measured.
    period_ends: Option<Instant>,
    /// Periods in a row below the lower bound of busyness.
    calm: u32,
    /// What the penalties have come to.
    penalty: u32,
    /// When one was ended for being of no use, and after how long calm.
    ended: Option<(Instant, Duration)>,
}

impl Gauge {
    pub(crate) fn new(config: CheaperConfig, maximum: u32) -> Self {
        Self {
            config,
            maximum,
            ear: Ear::Deaf,
            period_ends: None,
            calm: 0,
            penalty: 0,
            ended: None,
        }
    }

    /// Whether the bell shall ring.
    pub(crate) fn is_listening(&self) -> bool {
        self.ear == Ear::Listens
    }

    /// When to look, unless it rings.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let ear = match self.ear {
            Ear::Looks { at, .. } => Some(at),
            Ear::Rests { until } => Some(until),
            Ear::Listens | Ear::Deaf => None,
        };
        [ear, self.period_ends].into_iter().flatten().min()
    }

    /// Whether a period ends now: then what was measured in it counts, and is measured anew.
    pub(crate) fn ends_period(&self, now: Instant) -> bool {
        self.period_ends.is_some_and(|at| at <= now)
    }

    /// There are so many workers now. Gives whether a period begins, in which to measure.
    pub(crate) fn follow(&mut self, wanted: u32, now: Instant) -> bool {
        if wanted == 0 {
            (self.ear, self.period_ends) = (Ear::Deaf, None);
            return false;
        }
        let has_room = wanted < self.maximum && !self.is_manual();
        match self.ear {
            Ear::Deaf if has_room => self.ear = Ear::Listens,
            Ear::Listens | Ear::Looks { .. } | Ear::Rests { .. } if !has_room => {
                self.ear = Ear::Deaf;
            }
            Ear::Listens | Ear::Looks { .. } | Ear::Rests { .. } | Ear::Deaf => {}
        }
        wanted > self.config.minimum && self.begin_period(now)
    }

    /// Whether people alone say how many there are.
    fn is_manual(&self) -> bool {
        self.config.algorithm == CheaperAlgorithm::Manual
    }

    fn begin_period(&mut self, now: Instant) -> bool {
        let begins = self.period_ends.is_none();
        if begins {
            self.period_ends = Some(now + self.config.overload);
        }
        begins
    }

    /// It rang. Gives whether a period begins.
    pub(crate) fn rang(&mut self, now: Instant) -> bool {
        if self.ear == Ear::Listens {
            let at = now + BETWEEN_LOOKS;
            self.ear = Ear::Looks { at, full: 0 };
        }
        self.config.algorithm == CheaperAlgorithm::Busyness && self.begin_period(now)
    }

    /// Looks at what is due.
    pub(crate) fn look(&mut self, seen: &Seen, now: Instant) -> Option<Verdict> {
        let period = self.ends_period(now).then(|| self.end_period(seen, now));
        let quick = match self.ear {
            Ear::Looks { at, full } if at <= now => self.look_quickly(seen, full, now),
            Ear::Rests { until } if until <= now => {
                self.ear = Ear::Listens;
                None
            }
            Ear::Looks { .. } | Ear::Rests { .. } | Ear::Listens | Ear::Deaf => None,
        };
        let verdict = quick.or(period.flatten());
        if let Some(Verdict::More(_)) = verdict {
            self.punish(now);
        }
        verdict
    }

    fn look_quickly(&mut self, seen: &Seen, full: u32, now: Instant) -> Option<Verdict> {
        let is_needed = self.config.algorithm != CheaperAlgorithm::Backlog || seen.is_awaited;
        if !seen.are_all_full || !is_needed {
            self.ear = Ear::Rests { until: now + REST };
            return None;
        }
        let full = (full + 1).min(LOOKS);
        let at = now + BETWEEN_LOOKS;
        let may_grow = full == LOOKS && seen.is_settled && self.may_grow(seen);
        self.ear = Ear::Looks {
            at,
            full: if may_grow { 0 } else { full },
        };
        if full == LOOKS && seen.is_settled && !may_grow {
            // Memory is what is missing: that is not looked at fifty times a second.
            self.ear = Ear::Rests { until: now + REST };
        }
        may_grow.then_some(Verdict::More(Why::AllBusy))
    }

    fn may_grow(&self, seen: &Seen) -> bool {
        let limits = [self.config.rss_soft, self.config.rss_hard];
        let is_within = |limit: u64| seen.resident_bytes <= limit;
        seen.wanted < self.maximum && limits.into_iter().flatten().all(is_within)
    }

    fn end_period(&mut self, seen: &Seen, now: Instant) -> Option<Verdict> {
        let above = seen.wanted > self.config.minimum;
        let is_busyness = self.config.algorithm == CheaperAlgorithm::Busyness;
        let goes_on = above || is_busyness && seen.percent > 0;
        self.period_ends = goes_on.then(|| now + self.config.overload);
        if !seen.is_settled {
            return None;
        }
        let is_over = |limit: u64| seen.resident_bytes > limit;
        if above && self.config.rss_hard.is_some_and(is_over) {
            return Some(Verdict::Fewer(Why::Memory));
        }
        if is_busyness {
            return self.weigh(seen, above, now);
        }
        let is_free = seen.least_free >= 2 && !self.is_manual();
        (above && is_free).then_some(Verdict::Fewer(Why::Free))
    }

    fn weigh(&mut self, seen: &Seen, above: bool, now: Instant) -> Option<Verdict> {
        let bounds = self.config.busyness;
        let percent = seen.percent;
        if percent >= bounds.low {
            self.calm = 0;
            let is_more = percent > bounds.high && self.may_grow(seen);
            return is_more.then_some(Verdict::More(Why::Busyness { percent }));
        }
        self.calm += 1;
        let needed = bounds.multiplier.saturating_add(self.penalty);
        if !above || self.calm < needed {
            return None;
        }
        self.calm = 0;
        let calm = self.config.overload * needed;
        // Whoever was ended before has stayed away.
        if self.ended.is_some_and(|(at, calm)| now >= at + calm) {
            self.penalty = 0;
        }
        self.ended = Some((now, calm));
        Some(Verdict::Fewer(Why::Calm { percent }))
    }

    /// One that was ended is missed after all.
    fn punish(&mut self, now: Instant) {
        self.calm = 0;
        if self.ended.take().is_some_and(|(at, calm)| now < at + calm) {
            self.penalty = (self.penalty).saturating_add(self.config.busyness.penalty);
        }
    }
}

#[cfg(test)]
mod tests;
