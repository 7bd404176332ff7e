//! The life of a daemon: pure, with `now` passed in.
//!
//! | event | waits | runs | is stopping |
//! |---|---|---|---|
//! | woken when due | started | – | killed |
//! | ended | – | waits, longer each time it lived shortly | waits if it is to come back, else is gone |
//! | touched | – | asked to end, and comes back | – |
//! | leave | gone | asked to end | does not come back |

use std::time::{Duration, Instant};

/// What has lived so long is not said to keep ending.
pub(crate) const STEADY: Duration = Duration::from_secs(10);
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// So many short lives in a row are told.
const SHORT_LIVES: u32 = 3;

/// Where a daemon stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not to be started yet, or never.
    Idle,
    Waiting(Instant),
    Running(Instant),
    /// Asked to end. None once it was killed.
    Stopping {
        kill_at: Option<Instant>,
        comes_back: bool,
    },
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    Start,
    AskToEnd,
    Kill,
}

/// One daemon.
#[derive(Debug)]
pub(crate) struct Life {
    stage: Stage,
    short_lives: u32,
    mercy: Duration,
}

impl Life {
    /// A daemon that is not to be started yet.
    pub(crate) fn new(mercy: Duration) -> Self {
        Self {
            stage: Stage::Idle,
            short_lives: 0,
            mercy,
        }
    }

    /// It is to run.
    pub(crate) fn begin(&mut self, now: Instant) {
        if self.stage == Stage::Idle {
            self.stage = Stage::Waiting(now);
        }
    }

    /// What is due, and when to ask again.
    pub(crate) fn woken(&mut self, now: Instant) -> Option<Deed> {
        match self.stage {
            Stage::Waiting(at) if at <= now => {
                self.stage = Stage::Running(now);
                Some(Deed::Start)
            }
            Stage::Stopping {
                kill_at: Some(at),
                comes_back,
            } if at <= now => {
                self.stage = Stage::Stopping {
                    kill_at: None,
                    comes_back,
                };
                Some(Deed::Kill)
            }
            Stage::Running(since) if now >= since + STEADY => {
                self.short_lives = 0;
                None
            }
            Stage::Idle | Stage::Waiting(_) | Stage::Running(_) | Stage::Stopping { .. } => None,
        }
    }

    /// When [`Life::woken`] has something to do.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        match self.stage {
            Stage::Waiting(at) => Some(at),
            Stage::Stopping { kill_at, .. } => kill_at,
            Stage::Running(since) => (self.short_lives > 0).then(|| since + STEADY),
            Stage::Idle => None,
        }
    }

    /// It has ended, or could not be started.
    pub(crate) fn ended(&mut self, now: Instant) {
        self.stage = match self.stage {
            Stage::Running(since) => {
                let is_short = now < since + STEADY;
                self.short_lives = if is_short {
                    self.short_lives.saturating_add(1)
                } else {
                    0
                };
                Stage::Waiting(now + self.pause())
            }
            Stage::Stopping {
                comes_back: true, ..
            } => Stage::Waiting(now),
            Stage::Stopping {
                comes_back: false, ..
            }
            | Stage::Idle => Stage::Idle,
            waiting @ Stage::Waiting(_) => waiting,
        };
    }

    fn pause(&self) -> Duration {
        match self.short_lives {
            0 | 1 => FIRST_WAIT,
            lives => FIRST_WAIT
                .saturating_mul(1 << lives.min(10))
                .min(LONGEST_WAIT),
        }
    }

    /// It is to end and come back.
    pub(crate) fn touched(&mut self, now: Instant) -> Option<Deed> {
        matches!(self.stage, Stage::Running(_)).then(|| {
            let kill_at = Some(now + self.mercy);
            self.stage = Stage::Stopping {
                kill_at,
                comes_back: true,
            };
            Deed::AskToEnd
        })
    }

    /// It is to end for good.
    pub(crate) fn leave(&mut self, now: Instant) -> Option<Deed> {
        let (stage, deed) = match self.stage {
            Stage::Running(_) => {
                let kill_at = Some(now + self.mercy);
                (
                    Stage::Stopping {
                        kill_at,
                        comes_back: false,
                    },
                    Some(Deed::AskToEnd),
                )
            }
            Stage::Stopping { kill_at, .. } => (
                Stage::Stopping {
                    kill_at,
                    comes_back: false,
                },
                None,
            ),
            Stage::Idle | Stage::Waiting(_) => (Stage::Idle, None),
        };
        self.stage = stage;
        deed
    }

    /// It neither runs nor is to.
    pub(crate) fn is_over(&self) -> bool {
        self.stage == Stage::Idle
    }

    /// It ends again and again.
    pub(crate) fn keeps_ending(&self) -> bool {
        self.short_lives >= SHORT_LIVES
    }

    /// Where it stands, in a word, and when it is started again.
    pub(crate) fn word(&self, now: Instant) -> (&'static str, Option<Duration>) {
        match self.stage {
            Stage::Idle => ("idle", None),
            Stage::Waiting(at) => ("waiting", Some(at.saturating_duration_since(now))),
            Stage::Running(_) => ("running", None),
            Stage::Stopping { .. } => ("stopping", None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MERCY: Duration = Duration::from_secs(5);

    fn running(now: Instant) -> Life {
        let mut life = Life::new(MERCY);
        assert_eq!(life.woken(now), None, "not before it is told");
        life.begin(now);
        assert_eq!(life.woken(now), Some(Deed::Start));
        life
    }

    #[test]
    fn waits_grow_and_are_forgotten() {
        let mut now = Instant::now();
        let mut life = running(now);
        let mut pauses = Vec::new();
        for _ in 0..9 {
            life.ended(now);
            let due = life.wake_at().unwrap();
            pauses.push((due - now).as_millis());
            assert_eq!(life.woken(now), None);
            now = due;
            assert_eq!(life.woken(now), Some(Deed::Start));
        }
        let expected = [
            500, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000,
        ];
        assert_eq!(pauses, expected);
        assert!(life.keeps_ending());
        assert_eq!(life.wake_at(), Some(now + STEADY));
        assert_eq!(life.woken(now + STEADY), None);
        assert!(!life.keeps_ending());
        life.ended(now + STEADY);
        assert_eq!(life.wake_at(), Some(now + STEADY + FIRST_WAIT));
    }

    #[test]
    fn leaving_asks_then_kills_and_nothing_comes_back() {
        let now = Instant::now();
        let mut life = running(now);
        assert_eq!(life.word(now), ("running", None));
        assert_eq!(life.leave(now), Some(Deed::AskToEnd));
        assert_eq!(life.leave(now), None);
        assert_eq!(life.woken(now), None);
        assert_eq!(life.wake_at(), Some(now + MERCY));
        assert_eq!(life.woken(now + MERCY), Some(Deed::Kill));
        assert_eq!(life.woken(now + MERCY), None, "killed once");
        assert!(!life.is_over());
        life.ended(now + MERCY);
        assert!(life.is_over());
        let mut waiting = running(now);
        waiting.ended(now);
        assert_eq!(waiting.word(now), ("waiting", Some(FIRST_WAIT)));
        assert_eq!(waiting.leave(now), None);
        assert!(waiting.is_over());
    }

    #[test]
    fn a_touched_one_comes_back_at_once_unless_it_leaves_meanwhile() {
        let now = Instant::now();
        let mut life = running(now);
        assert_eq!(life.touched(now), Some(Deed::AskToEnd));
        assert_eq!(life.touched(now), None);
        life.ended(now);
        assert_eq!(life.woken(now), Some(Deed::Start));
        life.touched(now);
        life.leave(now);
        life.ended(now);
        assert!(life.is_over());
    }
}
