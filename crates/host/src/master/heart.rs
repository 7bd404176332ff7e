//! Whether an idle worker still lives: pure, with what is known of it and `now` passed in.
//!
//! A worker that has done something since the last look lives. One that is in a request is left
//! alone. One that is idle is asked, and if it has not answered a period later, it gets a moment
//! more: master and worker may both have been stopped, and woken together just now. A look that
//! comes much later than planned judges nobody, for the same reason.

use std::time::{Duration, Instant};

/// What a worker has shown since the last look.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Signs {
    /// It is in a request.
    pub(crate) is_busy: bool,
    /// It has answered the question.
    pub(crate) has_answered: bool,
    /// How many requests it has answered.
    pub(crate) requests: u64,
}

/// What is to be done about a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing.
    Wait,
    /// Ask whether it lives.
    Ask,
    /// It does not.
    Dead,
}

/// What the looks at one worker have shown.
#[derive(Debug)]
pub(crate) struct Heart {
    period: Duration,
    look_at: Instant,
    requests: u64,
    /// There is a question that it has not answered. Never two: they would pile up.
    is_asked: bool,
    silence: Silence,
}

/// How long an idle worker has said nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Silence {
    None,
    /// Less than a period.
    Fresh,
    /// A whole period.
    Long,
}

impl Heart {
    /// A worker that has just begun to serve.
    pub(crate) fn new(period: Duration, now: Instant) -> Self {
        Self {
            period,
            look_at: now + period,
            requests: 0,
            is_asked: false,
            silence: Silence::None,
        }
    }

    /// When to look.
    pub(crate) fn look_at(&self) -> Instant {
        self.look_at
    }

    /// Whether to look now: a little early too, so that several workers cost one wake-up.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.look_at <= now + self.period / 8
    }

    /// Looks.
    pub(crate) fn look(&mut self, signs: Signs, now: Instant) -> Verdict {
        let is_late = now > self.look_at + self.period / 4;
        let has_moved = signs.requests != self.requests;
        self.requests = signs.requests;
        self.is_asked &= !signs.has_answered;
        self.look_at = now + self.period;
        if signs.is_busy || has_moved {
            self.silence = Silence::None;
            return Verdict::Wait;
        }
        if !self.is_asked {
            self.is_asked = true;
            self.silence = Silence::Fresh;
            return Verdict::Ask;
        }
        match self.silence {
            Silence::Long if !is_late => return Verdict::Dead,
            Silence::Fresh if !is_late => {
                self.silence = Silence::Long;
                self.look_at = now + self.period / 4;
            }
            Silence::None | Silence::Fresh | Silence::Long => self.silence = Silence::Fresh,
        }
        Verdict::Wait
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict::{Ask, Dead, Wait};
    use super::*;

    const PERIOD: Duration = Duration::from_secs(8);
    const IDLE: Signs = Signs {
        is_busy: false,
        has_answered: false,
        requests: 0,
    };
    const ANSWERED: Signs = Signs {
        has_answered: true,
        ..IDLE
    };
    const BUSY: Signs = Signs {
        is_busy: true,
        ..IDLE
    };

    /// Looks exactly when planned; gives the verdicts.
    fn looks(signs: &[Signs]) -> (Vec<Verdict>, Heart, Instant) {
        let begin = Instant::now();
        let mut heart = Heart::new(PERIOD, begin);
        let verdicts = signs
            .iter()
            .map(|signs| heart.look(*signs, heart.look_at))
            .collect();
        (verdicts, heart, begin)
    }

    #[test]
    fn an_idle_worker_that_answers_is_asked_each_period() {
        let (verdicts, heart, begin) = looks(&[IDLE, ANSWERED, ANSWERED]);
        assert_eq!(verdicts, [Ask, Ask, Ask]);
        assert_eq!(heart.look_at(), begin + 4 * PERIOD);
    }

    #[test]
    fn an_idle_worker_that_does_not_answer_is_dead() {
        let (verdicts, ..) = looks(&[IDLE, IDLE, IDLE]);
        assert_eq!(verdicts, [Ask, Wait, Dead]);
    }

    #[test]
    fn an_answer_at_the_last_moment_counts() {
        let (verdicts, ..) = looks(&[IDLE, IDLE, ANSWERED, IDLE]);
        assert_eq!(verdicts, [Ask, Wait, Ask, Wait]);
    }

    #[test]
    fn a_worker_in_a_request_is_left_alone_and_its_clock_starts_again() {
        // Asked, then busy for long: the question waits, and it is not asked once more.
        let (verdicts, ..) = looks(&[IDLE, BUSY, BUSY, BUSY, IDLE, IDLE, IDLE]);
        assert_eq!(verdicts, [Ask, Wait, Wait, Wait, Wait, Wait, Dead]);
    }

    #[test]
    fn a_worker_that_has_answered_requests_is_not_asked() {
        let after = |requests| Signs { requests, ..IDLE };
        let (verdicts, ..) = looks(&[after(1), after(2), after(2), after(3)]);
        assert_eq!(verdicts, [Wait, Wait, Ask, Wait]);
    }

    #[test]
    fn a_look_that_comes_much_later_than_planned_judges_nobody() {
        let (_, mut heart, _) = looks(&[IDLE]);
        let late = heart.look_at() + PERIOD;
        assert_eq!(heart.look(IDLE, late), Wait);
        assert_eq!(heart.look_at(), late + PERIOD, "a whole period more");
        // Nor does the last one.
        assert_eq!(heart.look(IDLE, late + PERIOD), Wait);
        let later = late + 3 * PERIOD;
        assert_eq!(heart.look(IDLE, later), Wait);
        assert_eq!(heart.look(IDLE, later + PERIOD), Wait);
        assert_eq!(heart.look(IDLE, heart.look_at()), Dead);
    }

    #[test]
    fn one_wake_up_serves_several_workers() {
        let begin = Instant::now();
        let heart = Heart::new(PERIOD, begin);
        assert!(!heart.is_due(begin + PERIOD / 2));
        assert!(heart.is_due(begin + PERIOD.mul_f64(0.9)));
    }
}
