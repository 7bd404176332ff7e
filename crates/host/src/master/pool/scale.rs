//! How many slots are open: more and fewer with the load, none while the vassal sleeps.
//!
//! | event | all slots closed | some open |
//! |---|---|---|
//! | busy | – | opens some more, unless workers come up already |
//! | more | – | opens one more |
//! | spare | – | this worker leaves and its slot closes, unless it is among the last |
//! | idle | – | all workers leave, unless one is still to come up |
//! | knocked | opens as many as there are to begin with | – |
//!
//! A slot that is closed has no worker but such as leave, and nobody is forked for it.

use std::time::Instant;

use super::slot::Slot;
use super::{Phase, Pool, PoolAction, Seat};

impl Pool {
    /// The number of workers that there are or are to be.
    pub(crate) fn wanted(&self) -> u32 {
        let open = self.slots.values().filter(|slot| slot.is_open).count();
        u32::try_from(open).unwrap_or(u32::MAX)
    }

    /// Whether this generation is the one that serves, and is not paused.
    pub(crate) fn is_active(&self) -> bool {
        self.phase == Phase::Serving
    }

    /// Whether it serves, and has no worker until a connection comes.
    pub(crate) fn is_asleep(&self) -> bool {
        self.phase == Phase::Serving && self.wanted() == 0
    }

    /// Whether each worker that is wanted serves.
    pub(crate) fn is_settled(&self) -> bool {
        let serves = |seat: Option<Seat>| seat.is_some_and(|seat| self.is_serving(seat));
        let mut open = self.slots.values().filter(|slot| slot.is_open);
        open.all(|slot| serves(slot.current) && slot.fork_at.is_none())
    }

    /// Opens slots from the first on until so many are open, and has workers forked for them.
    pub(super) fn open_until(&mut self, wanted: u32, now: Instant) {
        let mut missing = wanted.saturating_sub(self.wanted());
        for slot in self.slots.values_mut() {
            if missing > 0 && !slot.is_open {
                slot.is_open = true;
                missing -= 1;
                slot.plan(now);
            }
        }
    }

    pub(super) fn busy(&mut self, now: Instant) -> Vec<PoolAction> {
        let wanted = self.wanted();
        if self.phase != Phase::Serving || wanted == 0 || !self.is_settled() {
            return Vec::new();
        }
        self.open_until(wanted.saturating_add(self.settings.step), now);
        Vec::new()
    }

    pub(super) fn more(&mut self, now: Instant) -> Vec<PoolAction> {
        let wanted = self.wanted();
        if self.phase == Phase::Serving && wanted > 0 {
            self.open_until(wanted.saturating_add(1), now);
        }
        Vec::new()
    }

    pub(super) fn spare(&mut self, seat: Seat, now: Instant) -> Vec<PoolAction> {
        let is_last = self.wanted() <= self.settings.minimum;
        let id = self.workers.get(&seat).map(|worker| worker.slot);
        let slot = id.and_then(|id| Some((id, self.slots.get(&id)?)));
        // One that is replaced, or has just been, has its turn another time.
        let is_free = |slot: &Slot| {
            slot.current == Some(seat) && slot.replacement.is_none() && slot.fork_at.is_none()
        };
        let Some((id, slot)) = slot.filter(|(_, slot)| is_free(slot)) else {
            return Vec::new();
        };
        if self.phase != Phase::Serving || is_last || !self.is_serving(seat) {
            return Vec::new();
        }
        let was_troubled = slot.is_troubled;
        self.slots.insert(id, Slot::default());
        let mut actions: Vec<PoolAction> = self.send_away(seat, now).into_iter().collect();
        let is_over = self.slots.values().all(|slot| !slot.is_troubled);
        actions.extend((was_troubled && is_over).then_some(PoolAction::TellMended));
        actions
    }

    pub(super) fn idle(&mut self, now: Instant) -> Vec<PoolAction> {
        if self.phase != Phase::Serving || self.is_asleep() || !self.is_settled() {
            return Vec::new();
        }
        self.fall_asleep(now)
    }

    /// Nobody is needed until somebody knocks.
    pub(super) fn fall_asleep(&mut self, now: Instant) -> Vec<PoolAction> {
        let was_troubled = self.slots.values().any(|slot| slot.is_troubled);
        let mut actions = self.empty_slots(self.settings.reload_mercy, now);
        actions.extend(was_troubled.then_some(PoolAction::TellMended));
        actions
    }

    pub(super) fn knocked(&mut self, now: Instant) -> Vec<PoolAction> {
        if self.is_asleep() {
            self.open_until(self.settings.initial, now);
        }
        Vec::new()
    }
}
