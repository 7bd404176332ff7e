//! How a generation that has served goes: paused, withdrawn, drained, ended, killed.

use std::time::{Duration, Instant};

use lictor_core::observe::VassalState;

use super::{Action, Activity, GRACE, Leaving, Lifecycle, Serving, Stage, Want};

/// After this long in service, earlier failures are forgotten.
pub(super) const HEALTHY: Duration = Duration::from_mins(1);

impl Lifecycle {
    pub(super) fn paused(&mut self, generation: u64, now: Instant) -> Vec<Action> {
        match &mut self.serving {
            Some(Serving {
                generation: paused,
                activity: activity @ Activity::Pausing { .. },
                ..
            }) if *paused == generation => *activity = Activity::Paused,
            Some(_) | None => return Vec::new(),
        }
        self.make_room(now)
    }

    pub(super) fn withdrawn(&mut self, generation: u64) -> Vec<Action> {
        match self.handing {
            Some(handing) if handing.old == generation => self.announce(),
            Some(_) | None => Vec::new(),
        }
    }

    pub(super) fn announce(&mut self) -> Vec<Action> {
        let handing = self.handing.take().map(|handing| handing.new);
        let announced = handing.filter(|new| self.serving() == Some(*new));
        announced.map_or_else(Vec::new, |new| vec![Action::Announce(new), Action::Release])
    }

    pub(super) fn drain(&mut self, old: Serving, now: Instant) -> Action {
        // The master ends its own workers by force after the mercy; this is for a master that
        // does not.
        let leaving = Leaving {
            kill_at: now + old.mercy + 2 * GRACE,
            has_served: true,
        };
        self.leaving.insert(old.generation, leaving);
        Action::Drain(old.generation)
    }

    pub(super) fn leave(&mut self, want: Want, now: Instant) -> Vec<Action> {
        if self.want == Want::Remove && want == Want::Stop {
            return Vec::new();
        }
        self.want = want;
        self.is_asleep = false;
        self.retry_at = None;
        self.failures = 0;
        self.has_newest_failed = false;
        self.has_served = false;
        let mut actions = self.kill_coming(now);
        let old = self.serving.take();
        self.handing = None;
        actions.push(Action::Release);
        actions.extend(old.map(|old| self.drain(old, now)));
        actions.extend(self.finish_if_gone());
        actions
    }

    pub(super) fn exited(&mut self, generation: u64, now: Instant) -> Vec<Action> {
        if let Some(left) = self.leaving.remove(&generation) {
            return self.left(generation, left, now);
        }
        if let Some(coming) = self.coming.as_mut().filter(|c| c.generation == generation) {
            // Gone already: nothing to kill.
            coming.stage = Stage::Queued;
            return self.failed(generation, now);
        }
        let is_it = |serving: &mut Serving| serving.generation == generation;
        match self.serving.take_if(is_it) {
            Some(serving) => self.crashed(serving, now),
            None => Vec::new(),
        }
    }

    fn left(&mut self, generation: u64, left: Leaving, now: Instant) -> Vec<Action> {
        let mut actions = self.withdrawn(generation);
        actions.extend(self.finish_if_gone());
        actions.extend(self.make_room(now));
        if left.has_served && self.state() == VassalState::Backoff && self.retry_at.is_some() {
            // It may have held the very socket that the next one waits for.
            actions.extend(self.spawn(now));
        }
        actions
    }

    fn crashed(&mut self, serving: Serving, now: Instant) -> Vec<Action> {
        self.handing = None;
        if now.duration_since(serving.since) >= HEALTHY {
            self.failures = 0;
        }
        if self.coming.is_some() {
            return self.make_room(now);
        }
        let earlier_failures = self.failures;
        self.failures += 1;
        if earlier_failures == 0 {
            self.spawn(now)
        } else {
            vec![self.wait(earlier_failures, now)]
        }
    }

    fn finish_if_gone(&self) -> Vec<Action> {
        if self.want == Want::Remove && !self.is_alive() {
            vec![Action::Forget]
        } else {
            Vec::new()
        }
    }

    /// Ends masters that have not done what they were told in their time; again and again, if need
    /// be.
    pub(super) fn kill_overdue(&mut self, now: Instant) -> Vec<Action> {
        let pausing = self.serving.iter_mut().filter_map(|serving| {
            let Activity::Pausing { kill_at } = &mut serving.activity else {
                return None;
            };
            Some((serving.generation, kill_at))
        });
        let leaving = self.leaving.iter_mut();
        let leaving = leaving.map(|(generation, leaving)| (*generation, &mut leaving.kill_at));
        let mut actions = Vec::new();
        for (generation, kill_at) in leaving.chain(pausing) {
            if *kill_at <= now {
                *kill_at = now + GRACE;
                actions.push(Action::Kill(generation));
            }
        }
        actions
    }
}
