//! The life of a vassal that nobody needs at the moment (`die-on-idle`): no process is there, the
//! sockets are.

use std::time::Instant;

use super::{Action, Activity, Lifecycle, Want};

impl Lifecycle {
    /// Whether nothing is to run until a connection comes.
    pub(in crate::emperor) fn is_asleep(&self) -> bool {
        self.is_asleep
    }

    /// What served for long without being asked leaves. Not while a newer one is on its way, or has
    /// failed: what serves then could not be brought back as it is.
    pub(super) fn idle(&mut self, generation: u64, now: Instant) -> Vec<Action> {
        let is_in_the_way = self.coming.is_some()
            || self.handing.is_some()
            || self.has_newest_failed && !self.has_fallen_back;
        if self.want != Want::Run || is_in_the_way {
            return Vec::new();
        }
        let serves = self.serving.take_if(|serving| {
            serving.generation == generation && serving.activity == Activity::Serves
        });
        let Some(serving) = serves else {
            return Vec::new();
        };
        self.is_asleep = true;
        self.failures = 0;
        self.retry_at = None;
        vec![self.drain(serving, now), Action::Sleep]
    }

    /// There is a good file that nobody has asked for: the next connection starts it.
    pub(super) fn sleep_on(&mut self) -> Vec<Action> {
        self.is_asleep = true;
        self.has_newest_failed = false;
        self.retry_at = None;
        vec![Action::Sleep, Action::Release]
    }

    pub(super) fn knocked(&mut self, now: Instant) -> Vec<Action> {
        if !self.is_asleep || self.want != Want::Run {
            return Vec::new();
        }
        self.spawn(now)
    }

    /// It cannot be woken: it is started, after a while, which tells what is wrong.
    pub(super) fn sleep_failed(&mut self, now: Instant) -> Vec<Action> {
        if !self.is_asleep {
            return Vec::new();
        }
        self.is_asleep = false;
        self.newest = self.newest.max(1);
        self.has_newest_failed = true;
        self.failures += 1;
        vec![self.wait(self.failures, now)]
    }

    /// Somebody wants to see it run: the next good file is not slept over.
    pub(in crate::emperor) fn call(&mut self) {
        (self.is_asleep, self.is_called) = (false, true);
    }
}
