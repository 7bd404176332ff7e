//! Workers that end or do not come up: what is counted, what is told, and when it is forgotten.

use std::time::{Duration, Instant};

use super::slot::{HEALTHY, Slot};
use super::worker::{Force, Stage, Worker};
use super::{Ending, Phase, Pool, PoolAction, Seat};

impl Pool {
    pub(super) fn worker_exited(
        &mut self,
        seat: Seat,
        ending: Ending,
        now: Instant,
    ) -> Vec<PoolAction> {
        match self.taken_out(seat) {
            Some(worker) if self.phase == Phase::Serving => self.lost(seat, &worker, ending, now),
            Some(worker) => self.give_up(worker.slot, now),
            None => self.finish_if_empty(),
        }
    }

    pub(super) fn fork_failed(&mut self, seat: Seat, now: Instant) -> Vec<PoolAction> {
        match self.taken_out(seat) {
            Some(worker) if self.phase == Phase::Serving => self.refused(seat, &worker, now),
            Some(worker) => self.give_up(worker.slot, now),
            None => self.finish_if_empty(),
        }
    }

    /// A worker is no more; gives it if it was to serve, now or later.
    fn taken_out(&mut self, seat: Seat) -> Option<Worker> {
        self.workers.remove(&seat).filter(Worker::is_wanted)
    }

    /// The generation cannot come up.
    pub(super) fn give_up(&mut self, slot: u32, now: Instant) -> Vec<PoolAction> {
        self.phase = Phase::Over;
        let mut actions = vec![PoolAction::GiveUp(slot)];
        for (&seat, worker) in &mut self.workers {
            worker.stage = Stage::Leaving {
                until: now,
                force: Force::Killed,
            };
            actions.push(PoolAction::Kill(seat));
        }
        actions
    }

    /// A worker of a serving generation has ended, or was ended, without having been told to leave.
    pub(super) fn lost(
        &mut self,
        seat: Seat,
        worker: &Worker,
        ending: Ending,
        now: Instant,
    ) -> Vec<PoolAction> {
        self.forget(seat);
        let (jitter, retiring) = (self.jitter, self.retiring);
        let Some(slot) = self.slots.get_mut(&worker.slot) else {
            return Vec::new();
        };
        slot.vacate(seat);
        let wait = slot.count_end(worker.ready_since(), jitter, now);
        // Nobody is missing where a replacement stands in.
        let is_missed = slot.misses_one(retiring);
        if is_missed {
            slot.plan(now + wait);
        }
        let is_told = is_missed && !wait.is_zero() || ending == Ending::OutOfMemory;
        slot.is_troubled |= is_told;
        let wait = if is_missed { wait } else { Duration::ZERO };
        let trouble = is_told.then_some(PoolAction::TellTrouble(worker.slot, wait));
        trouble.into_iter().collect()
    }

    /// A worker of a serving generation could not be forked.
    fn refused(&mut self, seat: Seat, worker: &Worker, now: Instant) -> Vec<PoolAction> {
        let jitter = self.jitter;
        let Some(slot) = self.slots.get_mut(&worker.slot) else {
            return Vec::new();
        };
        slot.vacate(seat);
        let wait = slot.count_refusal(jitter);
        slot.plan(now + wait);
        slot.is_troubled = true;
        vec![PoolAction::TellTrouble(worker.slot, wait)]
    }

    /// When a worker should have become ready. While the generation comes up, the emperor sees to it.
    pub(super) fn late_at(&self, worker: &Worker) -> Option<Instant> {
        let is_late = self.phase == Phase::Serving && worker.stage == Stage::Starting;
        is_late.then(|| worker.since + self.settings.start_timeout)
    }

    /// When the trouble of a slot is over, if nothing happens.
    pub(super) fn mended_at(&self, slot: &Slot) -> Option<Instant> {
        if !slot.is_troubled || slot.replacement.is_some() || slot.fork_at.is_some() {
            return None;
        }
        Some(self.workers.get(&slot.current?)?.ready_since()? + HEALTHY)
    }

    pub(super) fn mend(&mut self, now: Instant) -> Option<PoolAction> {
        let mended: Vec<u32> = self
            .slots
            .iter()
            .filter(|(_, slot)| self.mended_at(slot).is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in &mended {
            if let Some(slot) = self.slots.get_mut(id) {
                slot.is_troubled = false;
            }
        }
        let is_over = self.slots.values().all(|slot| !slot.is_troubled);
        (!mended.is_empty() && is_over).then_some(PoolAction::TellMended)
    }
}
