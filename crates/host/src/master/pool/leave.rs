//! Pausing, coming back, and leaving for good.

use std::time::{Duration, Instant};

use super::slot::Slot;
use super::{Phase, Pool, PoolAction};

impl Pool {
    pub(super) fn pause_ordered(&mut self, deadline: Duration, now: Instant) -> Vec<PoolAction> {
        match self.phase {
            Phase::Serving | Phase::Pausing => {
                self.phase = Phase::Pausing;
                let is_troubled = self.slots.values().any(|slot| slot.is_troubled);
                let mut actions = self.empty_slots(deadline, now);
                actions.extend(is_troubled.then_some(PoolAction::TellMended));
                actions
            }
            Phase::Paused => vec![PoolAction::TellPaused],
            Phase::Held | Phase::Coming | Phase::Announced | Phase::Draining | Phase::Over => {
                Vec::new()
            }
        }
    }

    pub(super) fn resume_ordered(&mut self, now: Instant) -> Vec<PoolAction> {
        if matches!(self.phase, Phase::Pausing | Phase::Paused) {
            self.phase = Phase::Serving;
            self.open_until(self.settings.initial, now);
        }
        Vec::new()
    }

    pub(super) fn drain_ordered(&mut self, deadline: Duration, now: Instant) -> Vec<PoolAction> {
        if self.is_draining() {
            return Vec::new();
        }
        self.phase = Phase::Draining;
        self.empty_slots(deadline, now)
    }

    /// Everybody leaves, and nobody is to follow.
    pub(super) fn empty_slots(&mut self, deadline: Duration, now: Instant) -> Vec<PoolAction> {
        for slot in self.slots.values_mut() {
            *slot = Slot::default();
        }
        self.queue.clear();
        self.retiring = None;
        let mut actions = self.finish_if_empty();
        for (&seat, worker) in &mut self.workers {
            worker.leave(deadline, now);
            actions.push(PoolAction::Drain(seat, deadline));
        }
        actions
    }

    pub(super) fn finish_if_empty(&mut self) -> Vec<PoolAction> {
        match self.phase {
            _ if !self.workers.is_empty() => Vec::new(),
            Phase::Pausing => {
                self.phase = Phase::Paused;
                vec![PoolAction::TellPaused]
            }
            Phase::Draining | Phase::Over => {
                self.phase = Phase::Over;
                vec![PoolAction::Leave]
            }
            Phase::Held | Phase::Coming | Phase::Announced | Phase::Serving | Phase::Paused => {
                Vec::new()
            }
        }
    }
}
