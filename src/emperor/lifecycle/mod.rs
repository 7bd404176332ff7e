//! The life of a vassal as a table of what is and what happens: pure, with `now` passed in.
//!
//! A vassal has at most one generation that serves and one that comes up; any number may be
//! leaving. What is wanted, what serves and what comes up are three fields for three meanings.
//!
//! | event | nothing serves | one serves |
//! |---|---|---|
//! | file good | spawn | spawn beside it; one that was coming up is killed |
//! | file bad | wait for a change | degraded |
//! | coming one ready | it serves | it serves, the old one drains; announced once that has withdrawn |
//! | coming one failed | wait, longer each time | degraded, the old one serves on |
//! | serving one ended | – | spawn at once; wait if that happens again and again |
//! | stop, file gone | what comes up is killed | it drains |

mod adopted;
mod words;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lictor_core::observe::VassalState;

use super::backoff::wait_after;

pub(super) use words::{Action, Event};

/// After this long in service, earlier failures are forgotten.
const HEALTHY: Duration = Duration::from_mins(1);
/// A new generation is announced at the latest so long after it began to serve.
const LONGEST_HANDING: Duration = Duration::from_millis(500);
/// What a leaving master gets beyond its own deadline before it is killed.
const GRACE: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Run,
    Stop,
    Remove,
}

#[derive(Clone, Copy, Debug)]
struct Coming {
    generation: u64,
    /// None until its master was started.
    until: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Serving {
    generation: u64,
    since: Instant,
}

/// A generation on its way out.
#[derive(Clone, Copy, Debug)]
struct Leaving {
    kill_at: Instant,
    has_served: bool,
}

/// A generation that serves already, while the one before may still take a connection.
#[derive(Clone, Copy, Debug)]
struct Handing {
    old: u64,
    new: u64,
    /// The old one is in a long request if it has not answered by then; it takes none meanwhile.
    until: Instant,
}

/// The life of one vassal.
#[derive(Debug)]
pub(super) struct Lifecycle {
    want: Want,
    newest: u64,
    serving: Option<Serving>,
    coming: Option<Coming>,
    handing: Option<Handing>,
    /// Generations on their way out, and when they are killed.
    leaving: BTreeMap<u64, Leaving>,
    has_newest_failed: bool,
    failures: u32,
    retry_at: Option<Instant>,
    /// How long a generation may take to come up.
    pub(super) start_timeout: Duration,
    /// How long a generation may take to leave.
    pub(super) reload_mercy: Duration,
    /// Between 0 and 1; shortens waits.
    pub(super) jitter: f64,
}

impl Lifecycle {
    /// A vassal that has just been seen.
    pub(super) fn new() -> Self {
        Self {
            want: Want::Run,
            newest: 0,
            serving: None,
            coming: None,
            handing: None,
            leaving: BTreeMap::new(),
            has_newest_failed: false,
            failures: 0,
            retry_at: None,
            start_timeout: Duration::from_mins(1),
            reload_mercy: Duration::from_mins(1),
            jitter: 0.0,
        }
    }

    /// Where the vassal stands.
    pub(super) fn state(&self) -> VassalState {
        match (self.want, self.serving, self.coming) {
            (Want::Stop | Want::Remove, _, _) if self.is_alive() => VassalState::Stopping,
            (Want::Stop | Want::Remove, _, _) => VassalState::Stopped,
            (Want::Run, Some(_), Some(_)) => VassalState::Reloading,
            (Want::Run, Some(_), None) if self.handing.is_some() => VassalState::Reloading,
            (Want::Run, Some(_), None) if self.has_newest_failed => VassalState::Degraded,
            (Want::Run, Some(_), None) => VassalState::Ready,
            (Want::Run, None, Some(_)) => VassalState::Starting,
            (Want::Run, None, None) => VassalState::Backoff,
        }
    }

    /// The generation that serves.
    pub(super) fn serving(&self) -> Option<u64> {
        self.serving.map(|serving| serving.generation)
    }

    /// The generation that comes up.
    pub(super) fn coming(&self) -> Option<u64> {
        self.coming.map(|coming| coming.generation)
    }

    /// The number given out last.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether a stop or removal is under way or done.
    pub(super) fn is_unwanted(&self) -> bool {
        self.want != Want::Run
    }

    /// Whether this generation was told to leave.
    pub(super) fn is_leaving(&self, generation: u64) -> bool {
        self.leaving.contains_key(&generation)
    }

    /// Undoes a stop; the file is then read again.
    pub(super) fn allow(&mut self) {
        self.want = Want::Run;
    }

    /// When [`Event::Woken`] is due, if ever.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let coming = self.coming.and_then(|coming| coming.until);
        let leaving = self.leaving.values().map(|leaving| leaving.kill_at).min();
        let handing = self.handing.map(|handing| handing.until);
        [self.retry_at, coming, leaving, handing]
            .into_iter()
            .flatten()
            .min()
    }

    /// Takes an event in and says what is to be done.
    pub(super) fn step(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::FileGood => self.file_good(now),
            Event::FileBad => self.file_bad(now),
            Event::FileGone => self.leave(Want::Remove, now),
            Event::StopAsked => self.leave(Want::Stop, now),
            Event::Spawned(generation) => {
                if let Some(coming) = self.coming.as_mut().filter(|c| c.generation == generation) {
                    coming.until = Some(now + self.start_timeout);
                }
                Vec::new()
            }
            Event::Ready(generation) => self.ready(generation, now),
            Event::Failed(generation) => self.failed(generation, now),
            Event::Withdrawn(generation) => self.withdrawn(generation),
            Event::Exited(generation) => self.exited(generation, now),
            Event::Found(generation, phase) => self.found(generation, phase, now),
            Event::Woken => self.woken(now),
        }
    }

    fn is_alive(&self) -> bool {
        self.serving.is_some() || self.coming.is_some() || !self.leaving.is_empty()
    }

    fn file_good(&mut self, now: Instant) -> Vec<Action> {
        self.failures = 0;
        match self.want {
            // A stopped vassal starts with the file as it is then.
            Want::Stop => return Vec::new(),
            Want::Remove | Want::Run => self.want = Want::Run,
        }
        self.spawn(now)
    }

    fn spawn(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = self.kill_coming(now);
        self.retry_at = None;
        self.newest += 1;
        self.coming = Some(Coming {
            generation: self.newest,
            until: None,
        });
        actions.push(Action::Spawn(self.newest));
        actions
    }

    fn file_bad(&mut self, now: Instant) -> Vec<Action> {
        if self.want == Want::Stop {
            return Vec::new();
        }
        self.want = Want::Run;
        let actions = self.kill_coming(now);
        self.newest += 1;
        self.has_newest_failed = true;
        self.retry_at = None;
        actions
    }

    fn kill_coming(&mut self, now: Instant) -> Vec<Action> {
        match self.coming.take() {
            Some(Coming {
                generation,
                until: Some(_),
            }) => {
                let kill_at = now + GRACE;
                let has_served = false;
                self.leaving.insert(
                    generation,
                    Leaving {
                        kill_at,
                        has_served,
                    },
                );
                vec![Action::Kill(generation)]
            }
            // Its master was never started.
            Some(Coming { until: None, .. }) | None => Vec::new(),
        }
    }

    fn ready(&mut self, generation: u64, now: Instant) -> Vec<Action> {
        if self.coming() != Some(generation) {
            return Vec::new();
        }
        self.coming = None;
        self.has_newest_failed = false;
        let old = self.serving.replace(Serving {
            generation,
            since: now,
        });
        let mut actions = vec![Action::Serve(generation)];
        let Some(old) = old.map(|old| old.generation) else {
            actions.extend([Action::Announce(generation), Action::Release]);
            return actions;
        };
        self.handing = Some(Handing {
            old,
            new: generation,
            until: now + LONGEST_HANDING,
        });
        actions.push(self.drain(old, now));
        actions
    }

    fn withdrawn(&mut self, generation: u64) -> Vec<Action> {
        match self.handing {
            Some(handing) if handing.old == generation => self.announce(),
            Some(_) | None => Vec::new(),
        }
    }

    fn announce(&mut self) -> Vec<Action> {
        let handing = self.handing.take().map(|handing| handing.new);
        let announced = handing.filter(|new| self.serving() == Some(*new));
        announced.map_or_else(Vec::new, |new| vec![Action::Announce(new), Action::Release])
    }

    fn drain(&mut self, generation: u64, now: Instant) -> Action {
        // The master ends its own workers by force after the mercy; this is for a master that
        // does not.
        let kill_at = now + self.reload_mercy + 2 * GRACE;
        let has_served = true;
        self.leaving.insert(
            generation,
            Leaving {
                kill_at,
                has_served,
            },
        );
        Action::Drain(generation)
    }

    fn failed(&mut self, generation: u64, now: Instant) -> Vec<Action> {
        if self.coming() != Some(generation) {
            return Vec::new();
        }
        let mut actions = self.kill_coming(now);
        self.has_newest_failed = true;
        self.failures += 1;
        if self.serving.is_none() {
            actions.push(self.wait(now));
        } else {
            actions.push(Action::Release);
        }
        actions
    }

    fn wait(&mut self, now: Instant) -> Action {
        let wait = wait_after(self.failures, self.jitter);
        self.retry_at = Some(now + wait);
        Action::Wait(wait)
    }

    fn exited(&mut self, generation: u64, now: Instant) -> Vec<Action> {
        if let Some(leaving) = self.leaving.remove(&generation) {
            let mut actions = self.withdrawn(generation);
            actions.extend(self.finish_if_gone());
            if leaving.has_served && self.state() == VassalState::Backoff && self.retry_at.is_some()
            {
                // It may have held the very socket that the next one waits for.
                actions.extend(self.spawn(now));
            }
            return actions;
        }
        if self.coming() == Some(generation) {
            // Gone already: nothing to kill.
            self.coming = Some(Coming {
                generation,
                until: None,
            });
            return self.failed(generation, now);
        }
        let Some(serving) = self
            .serving
            .filter(|serving| serving.generation == generation)
        else {
            return Vec::new();
        };
        self.serving = None;
        self.handing = None;
        if now.duration_since(serving.since) >= HEALTHY {
            self.failures = 0;
        }
        if self.coming.is_some() {
            return Vec::new();
        }
        self.failures += 1;
        if self.failures == 1 {
            return self.spawn(now);
        }
        self.failures -= 1;
        let wait = self.wait(now);
        self.failures += 1;
        vec![wait]
    }

    fn leave(&mut self, want: Want, now: Instant) -> Vec<Action> {
        if self.want == Want::Remove && want == Want::Stop {
            return Vec::new();
        }
        self.want = want;
        self.retry_at = None;
        self.failures = 0;
        self.has_newest_failed = false;
        let mut actions = self.kill_coming(now);
        let old = self.serving.take();
        self.handing = None;
        actions.push(Action::Release);
        actions.extend(old.map(|old| self.drain(old.generation, now)));
        actions.extend(self.finish_if_gone());
        actions
    }

    fn finish_if_gone(&self) -> Vec<Action> {
        if self.want == Want::Remove && !self.is_alive() {
            vec![Action::Forget]
        } else {
            Vec::new()
        }
    }

    fn woken(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        for (&generation, leaving) in &mut self.leaving {
            if leaving.kill_at <= now {
                leaving.kill_at = now + GRACE;
                actions.push(Action::Kill(generation));
            }
        }
        if let Some(Coming {
            generation,
            until: Some(until),
        }) = self.coming
            && until <= now
        {
            actions.push(Action::TimeOut(generation));
        }
        if self.handing.is_some_and(|handing| handing.until <= now) {
            actions.extend(self.announce());
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            actions.extend(self.spawn(now));
        }
        actions
    }
}

#[cfg(test)]
mod tests;
