//! How a generation comes up: spawned, loaded, ready; or failed, and what then.

use std::time::{Duration, Instant};

use super::super::backoff::wait_after;
use super::{Action, Activity, Coming, GRACE, Handing, Leaving, Lifecycle, Serving, Stage, Want};

/// A new generation is announced at the latest so long after it began to serve.
pub(super) const LONGEST_HANDING: Duration = Duration::from_millis(500);

impl Lifecycle {
    pub(super) fn file_good(&mut self, now: Instant) -> Vec<Action> {
        self.failures = 0;
        self.has_fallen_back = false;
        match self.want {
            // A stopped vassal starts with the file as it is then.
            Want::Stop => return Vec::new(),
            Want::Remove | Want::Run => self.want = Want::Run,
        }
        let is_new = self.newest == 0 && self.starts_asleep && !self.is_called;
        if self.is_asleep || is_new {
            return self.sleep_on();
        }
        self.spawn(now)
    }

    pub(super) fn file_bad(&mut self, now: Instant) -> Vec<Action> {
        if self.want == Want::Stop {
            return Vec::new();
        }
        self.want = Want::Run;
        let mut actions = self.kill_coming(now);
        actions.extend(self.resume());
        self.newest += 1;
        self.is_asleep = false;
        self.has_newest_failed = true;
        self.has_fallen_back = false;
        self.retry_at = None;
        actions
    }

    /// The next generation is due at once, and not begun here: whoever waits for the newest is to
    /// hear first what became of that.
    pub(super) fn fell_back(&mut self, now: Instant) -> Vec<Action> {
        self.has_newest_failed = true;
        self.has_fallen_back = true;
        if self.want == Want::Run && self.serving.is_none() && self.coming.is_none() {
            self.retry_at = Some(now);
        }
        Vec::new()
    }

    /// A generation takes the place of the one that was coming up, if one was.
    pub(super) fn spawn(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = self.kill_coming(now);
        actions.extend(self.resume());
        self.retry_at = None;
        (self.is_asleep, self.is_called) = (false, false);
        self.newest += 1;
        self.coming = Some(Coming {
            generation: self.newest,
            stage: Stage::Queued,
            mercy: self.reload_mercy,
        });
        actions.push(Action::Spawn(self.newest));
        actions
    }

    pub(super) fn kill_coming(&mut self, now: Instant) -> Vec<Action> {
        let Some(Coming {
            generation, stage, ..
        }) = self.coming.take()
        else {
            return Vec::new();
        };
        if stage == Stage::Queued {
            // It has no master.
            return Vec::new();
        }
        let leaving = Leaving {
            kill_at: now + GRACE,
            has_served: false,
        };
        self.leaving.insert(generation, leaving);
        vec![Action::Kill(generation)]
    }

    pub(super) fn spawned(&mut self, generation: u64, now: Instant) -> Vec<Action> {
        let until = now + self.start_timeout;
        if let Some(coming) = self.coming_at(generation, |stage| stage == Stage::Queued) {
            coming.stage = Stage::Starting { until };
        }
        Vec::new()
    }

    pub(super) fn loaded(&mut self, generation: u64, now: Instant) -> Vec<Action> {
        let is_starting = |stage| matches!(stage, Stage::Starting { .. });
        match self.coming_at(generation, is_starting) {
            Some(coming) => coming.stage = Stage::Loaded,
            None => return Vec::new(),
        }
        self.make_room(now)
    }

    /// Without overlap, once the app is imported: the old workers go, and only then come the new.
    /// What serves is paused last, when no earlier generation drains any more, so that the site
    /// waits no longer than it must.
    pub(super) fn make_room(&mut self, now: Instant) -> Vec<Action> {
        let until = now + self.start_timeout;
        let Some(coming) = &mut self.coming else {
            return Vec::new();
        };
        let is_draining = self.leaving.values().any(|leaving| leaving.has_served);
        if coming.stage != Stage::Loaded || is_draining {
            return Vec::new();
        }
        if let Some(serving) = &mut self.serving {
            match serving.activity {
                Activity::Serves => {
                    let kill_at = now + serving.mercy + 2 * GRACE;
                    serving.activity = Activity::Pausing { kill_at };
                    return vec![Action::Pause(serving.generation)];
                }
                Activity::Pausing { .. } => return Vec::new(),
                Activity::Paused | Activity::FoundPaused => {}
            }
        }
        coming.stage = Stage::Forking { until };
        vec![Action::ForkWorkers(coming.generation)]
    }

    pub(super) fn ready(&mut self, generation: u64, now: Instant) -> Vec<Action> {
        let can_be = |stage| matches!(stage, Stage::Starting { .. } | Stage::Forking { .. });
        let Some(&mut Coming { mercy, .. }) = self.coming_at(generation, can_be) else {
            return Vec::new();
        };
        self.coming = None;
        self.has_newest_failed = self.has_fallen_back;
        self.has_served = true;
        self.handing = None;
        let old = self.serving.replace(Serving {
            generation,
            since: now,
            mercy,
            activity: Activity::Serves,
        });
        let mut actions = vec![Action::Serve(generation)];
        if let Some(old) = old {
            actions.push(self.drain(old, now));
            if old.activity == Activity::Serves {
                self.handing = Some(Handing {
                    old: old.generation,
                    new: generation,
                    until: now + LONGEST_HANDING,
                });
                return actions;
            }
        }
        actions.extend([Action::Announce(generation), Action::Release]);
        actions
    }

    pub(super) fn failed(&mut self, generation: u64, now: Instant) -> Vec<Action> {
        if self.coming() != Some(generation) {
            return Vec::new();
        }
        let mut actions = self.kill_coming(now);
        self.has_newest_failed = true;
        self.failures += 1;
        if self.serving.is_none() {
            actions.push(self.wait(self.failures, now));
        } else {
            actions.extend(self.resume());
            actions.push(Action::Release);
        }
        actions
    }

    /// What was paused for a generation that comes to nothing serves again.
    pub(super) fn resume(&mut self) -> Option<Action> {
        let serving = self.serving.as_mut()?;
        let was = std::mem::replace(&mut serving.activity, Activity::Serves);
        (was != Activity::Serves).then_some(Action::Resume(serving.generation))
    }

    pub(super) fn wait(&mut self, failures: u32, now: Instant) -> Action {
        let wait = wait_after(failures, self.jitter);
        self.retry_at = Some(now + wait);
        Action::Wait(wait)
    }

    /// The coming generation, if it is this one and at such a stage.
    fn coming_at(&mut self, generation: u64, is_it: impl Fn(Stage) -> bool) -> Option<&mut Coming> {
        let coming = self.coming.as_mut()?;
        (coming.generation == generation && is_it(coming.stage)).then_some(coming)
    }
}
