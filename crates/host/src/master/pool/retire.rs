//! Replacing workers that live: in order, one at a time, the successor first; or at once.

use std::time::{Duration, Instant};

use super::{Ending, Phase, Pool, PoolAction, Reason, Seat, Stage};

/// A worker is replaced no sooner than this after it became ready: where a limit is below what the
/// app needs from its first request on, that costs a fork a second and not one a request.
const YOUNGEST: Duration = Duration::from_secs(1);

impl Pool {
    /// A worker that wants to be replaced waits for its turn, and serves.
    pub(super) fn retire_asked(&mut self, seat: Seat, reason: Reason) {
        let is_asked = self.retiring == Some(seat) || self.queue.iter().any(|(s, _)| *s == seat);
        if self.is_current(seat) && !is_asked {
            self.queue.push_back((seat, reason));
        }
    }

    /// This worker is not to be replaced in order any more: it is going, or gone.
    pub(super) fn forget(&mut self, seat: Seat) {
        self.queue.retain(|(queued, _)| *queued != seat);
        self.retiring.take_if(|retiring| *retiring == seat);
    }

    /// Whether this worker holds its slot, as the one that serves or is to.
    fn is_current(&self, seat: Seat) -> bool {
        let worker = self.workers.get(&seat);
        let slot = worker.and_then(|worker| self.slots.get(&worker.slot));
        slot.is_some_and(|slot| slot.current == Some(seat))
    }

    /// Whether one is being replaced: until its successor serves, or it is gone itself.
    fn is_retiring(&self) -> bool {
        self.retiring.is_some_and(|seat| self.is_current(seat))
    }

    /// Begins to replace the next one that asked, unless another is being replaced.
    pub(super) fn retire_next(&mut self, now: Instant) -> Option<PoolAction> {
        if self.phase != Phase::Serving || self.is_retiring() {
            return None;
        }
        let is_due =
            |(seat, _): &(Seat, Reason)| self.may_retire_at(*seat).is_some_and(|at| at <= now);
        let next = self.queue.iter().position(is_due)?;
        let (seat, reason) = self.queue.remove(next)?;
        self.retiring = Some(seat);
        let slot = self.workers.get(&seat)?.slot;
        self.slots.get_mut(&slot)?.plan(now);
        Some(PoolAction::TellRetiring(seat, reason))
    }

    /// When [`Pool::retire_next`] has something to do, or a worker reaches its lifetime.
    pub(super) fn retire_at(&self) -> Option<Instant> {
        if self.phase != Phase::Serving {
            return None;
        }
        let lifetime = self
            .workers
            .values()
            .filter_map(|worker| match worker.stage {
                Stage::Ready { retire_at, .. } => retire_at,
                Stage::Starting | Stage::Probing | Stage::Leaving { .. } | Stage::Doomed => None,
            });
        let queued = self
            .queue
            .iter()
            .filter_map(|(seat, _)| self.may_retire_at(*seat));
        let queued = queued.min().filter(|_| !self.is_retiring());
        lifetime.chain(queued).min()
    }

    fn may_retire_at(&self, seat: Seat) -> Option<Instant> {
        let worker = self.workers.get(&seat).filter(|_| self.is_current(seat))?;
        Some(worker.ready_since()? + YOUNGEST)
    }

    pub(super) fn notice_lifetimes(&mut self, now: Instant) {
        if self.phase != Phase::Serving {
            return;
        }
        let mut due = Vec::new();
        for (&seat, worker) in &mut self.workers {
            if let Stage::Ready { retire_at, .. } = &mut worker.stage
                && retire_at.take_if(|at| *at <= now).is_some()
            {
                due.push(seat);
            }
        }
        for seat in due {
            self.retire_asked(seat, Reason::MaxWorkerLifetime);
        }
    }

    /// A worker of a serving generation has become ready: it serves, and whom it replaces leaves.
    pub(super) fn take_over(&mut self, seat: Seat, now: Instant) -> Vec<PoolAction> {
        let mut actions = vec![PoolAction::Serve(seat)];
        let slot = self.workers.get(&seat).map(|worker| worker.slot);
        let slot = slot.and_then(|id| self.slots.get_mut(&id));
        if let Some(slot) = slot.filter(|slot| slot.replacement == Some(seat)) {
            let old = slot.current;
            slot.replacement = None;
            slot.current = Some(seat);
            actions.extend(old.and_then(|old| self.send_away(old, now)));
        }
        actions
    }

    pub(super) fn send_away(&mut self, seat: Seat, now: Instant) -> Option<PoolAction> {
        self.forget(seat);
        let deadline = self.settings.reload_mercy;
        self.workers.get_mut(&seat)?.leave(deadline, now);
        Some(PoolAction::Drain(seat, deadline))
    }

    /// A worker with a request that cannot be saved: its other requests may finish, and it is
    /// replaced at once, however often that happens.
    pub(super) fn condemned(&mut self, seat: Seat, now: Instant) -> Vec<PoolAction> {
        let Some(id) = self
            .workers
            .get(&seat)
            .filter(|w| w.is_wanted())
            .map(|w| w.slot)
        else {
            return Vec::new();
        };
        if self.phase != Phase::Serving {
            // Its end is the failure of the generation.
            return vec![PoolAction::Kill(seat)];
        }
        let action = self.send_away(seat, now);
        let retiring = self.retiring;
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.vacate(seat);
            if slot.misses_one(retiring) {
                slot.plan(now);
            }
        }
        action.into_iter().collect()
    }

    /// A worker of a serving generation that is of no use any more is ended.
    pub(super) fn given_up(&mut self, seat: Seat, reason: Reason, now: Instant) -> Vec<PoolAction> {
        let Some(worker) = self.workers.get_mut(&seat) else {
            return Vec::new();
        };
        if self.phase != Phase::Serving || !worker.is_wanted() {
            return Vec::new();
        }
        let as_it_was = *worker;
        worker.stage = Stage::Doomed;
        let mut actions = vec![PoolAction::End(seat, reason)];
        actions.extend(self.lost(seat, &as_it_was, Ending::Plain, now));
        actions
    }
}
