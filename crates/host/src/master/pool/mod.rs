//! Which worker is started, told or ended when: pure, with `now` and chance passed in.
//!
//! A generation without overlap is held until its workers are wanted. It comes up, has announced
//! itself, serves, may be paused, and leaves. Until it serves, the loss of a worker is the failure
//! of the generation; from then on a lost worker is replaced by a fork of the same master.
//!
//! | event | comes up, announced | serves | paused, leaves |
//! |---|---|---|---|
//! | worker ready | probed, if asked for; all ready: announced | serves; whom it replaces leaves | – |
//! | worker ended | the generation has failed | replaced, at once and then after longer and longer waits | – |
//! | retire asked | waits | one at a time: replacement first, then it leaves | – |
//! | condemned | ended | told to leave at once, replaced at once | – |
//! | does not answer | – | ended and replaced as one that ended | – |
//! | busy, spare, idle, knocked | – | see `scale` | – |
//!
//! `slot` is one place for a worker, `worker` one life of a worker; `retire` is the orderly replacement,
//! `loss` the other one, `leave` the end.

mod leave;
mod loss;
mod retire;
mod scale;
mod seats;
mod slot;
mod words;
mod worker;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use self::seats::Seats;
use self::slot::Slot;
use self::worker::{Force, Stage, Worker};

pub(crate) use self::seats::Seat;
pub(crate) use self::words::{Ending, PoolAction, PoolEvent, Reason, Settings};

/// Where the generation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Held,
    Coming,
    Announced,
    Serving,
    Pausing,
    Paused,
    Draining,
    Over,
}

/// The workers of one generation.
#[derive(Debug)]
pub(crate) struct Pool {
    settings: Settings,
    phase: Phase,
    /// From 1.
    slots: BTreeMap<u32, Slot>,
    workers: BTreeMap<Seat, Worker>,
    seats: Seats,
    /// Who is to be replaced, in the order of asking.
    queue: VecDeque<(Seat, Reason)>,
    /// Who is being replaced, as long as it is the current one of its slot.
    retiring: Option<Seat>,
    /// Between 0 and 1: varies waits and lifetimes.
    pub(crate) jitter: f64,
}

impl Pool {
    /// A pool with empty slots.
    pub(crate) fn new(settings: Settings) -> Self {
        let slots = 1..=settings.processes;
        Self {
            phase: Phase::Held,
            slots: slots.map(|id| (id, Slot::default())).collect(),
            workers: BTreeMap::new(),
            seats: Seats::new(settings.processes),
            queue: VecDeque::new(),
            retiring: None,
            jitter: 0.0,
            settings,
        }
    }

    /// Whether no worker is forked any more.
    pub(crate) fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining | Phase::Over)
    }

    /// Whether this generation is the one that serves, or was until it was paused.
    pub(crate) fn serves(&self) -> bool {
        self.phase == Phase::Serving || self.is_paused()
    }

    /// Whether its workers left for those of the next generation.
    pub(crate) fn is_paused(&self) -> bool {
        matches!(self.phase, Phase::Pausing | Phase::Paused)
    }

    /// Whether this worker was told to leave.
    pub(crate) fn is_leaving(&self, seat: Seat) -> bool {
        self.workers.get(&seat).is_some_and(Worker::is_leaving)
    }

    /// Whether this worker takes connections and is meant to.
    pub(crate) fn is_serving(&self, seat: Seat) -> bool {
        let worker = self.workers.get(&seat);
        self.phase == Phase::Serving && worker.is_some_and(|w| w.ready_since().is_some())
    }

    /// Takes an event in and says what is to be done.
    pub(crate) fn step(&mut self, event: PoolEvent, now: Instant) -> Vec<PoolAction> {
        let mut actions = match event {
            PoolEvent::Started => self.started(now),
            PoolEvent::ForkOrdered => self.fork_ordered(now),
            PoolEvent::WorkerReady(seat) => self.worker_ready(seat, now),
            PoolEvent::ProbePassed(seat) => self.probe_passed(seat, now),
            PoolEvent::ProbeFailed(seat) => self.probe_failed(seat, now),
            PoolEvent::WorkerExited(seat, ending) => self.worker_exited(seat, ending, now),
            PoolEvent::ForkFailed(seat) => self.fork_failed(seat, now),
            PoolEvent::RetireAsked(seat, reason) => {
                self.retire_asked(seat, reason);
                Vec::new()
            }
            PoolEvent::Condemned(seat) => self.condemned(seat, now),
            PoolEvent::Silent(seat) => self.given_up(seat, Reason::NoAnswer, now),
            PoolEvent::Excessive(seat, reason) => self.given_up(seat, reason, now),
            PoolEvent::Busy => self.busy(now),
            PoolEvent::More => self.more(now),
            PoolEvent::Spare(seat) => self.spare(seat, now),
            PoolEvent::Idle => self.idle(now),
            PoolEvent::Knocked => self.knocked(now),
            PoolEvent::ServeOrdered => self.serve_ordered(now),
            PoolEvent::PauseOrdered(deadline) => self.pause_ordered(deadline, now),
            PoolEvent::ResumeOrdered => self.resume_ordered(now),
            PoolEvent::DrainOrdered(deadline) => self.drain_ordered(deadline, now),
            PoolEvent::Woken => self.woken(now),
        };
        actions.extend(self.retire_next(now));
        actions.extend(self.fork_planned(now));
        actions
    }

    /// When [`PoolEvent::Woken`] is due, if ever.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let pressed = self.workers.values().filter_map(Worker::press_at).min();
        if !self.forks() {
            return pressed;
        }
        let has_room = self.seats.has_room_beside(self.workers.len());
        let forked = self.slots.values().filter_map(|slot| slot.fork_at).min();
        let forked = forked.filter(|_| has_room);
        let mended = self.slots.values().filter_map(|slot| self.mended_at(slot));
        let late = self.workers.values().filter_map(|w| self.late_at(w)).min();
        [pressed, forked, mended.min(), late, self.retire_at()]
            .into_iter()
            .flatten()
            .min()
    }

    fn forks(&self) -> bool {
        matches!(
            self.phase,
            Phase::Coming | Phase::Announced | Phase::Serving
        )
    }

    fn started(&mut self, now: Instant) -> Vec<PoolAction> {
        if self.settings.overlap {
            self.fork_ordered(now)
        } else {
            vec![PoolAction::TellLoaded]
        }
    }

    fn fork_ordered(&mut self, now: Instant) -> Vec<PoolAction> {
        if self.phase != Phase::Held {
            return Vec::new();
        }
        let wanted = self.settings.trial.unwrap_or(self.settings.initial);
        if wanted == 0 {
            self.phase = Phase::Announced;
            return vec![PoolAction::TellReady];
        }
        self.phase = Phase::Coming;
        self.open_until(wanted, now);
        Vec::new()
    }

    /// Forks what is due, as far as there are seats.
    fn fork_planned(&mut self, now: Instant) -> Vec<PoolAction> {
        let mut actions = Vec::new();
        if !self.forks() {
            return actions;
        }
        for (&id, slot) in &mut self.slots {
            if slot.fork_at.is_none_or(|at| at > now) {
                continue;
            }
            let Some(seat) = self.seats.take(|seat| self.workers.contains_key(&seat)) else {
                break;
            };
            slot.seat(seat);
            let worker = Worker {
                slot: id,
                since: now,
                stage: Stage::Starting,
            };
            self.workers.insert(seat, worker);
            actions.push(PoolAction::Fork(seat, id));
        }
        actions
    }

    fn worker_ready(&mut self, seat: Seat, now: Instant) -> Vec<PoolAction> {
        let is_probed = self.phase == Phase::Coming && self.settings.has_ready_path;
        match self.workers.get_mut(&seat) {
            Some(worker) if worker.stage == Stage::Starting && is_probed => {
                worker.stage = Stage::Probing;
                vec![PoolAction::Probe(seat)]
            }
            Some(worker) if worker.stage == Stage::Starting => self.can_serve(seat, now),
            Some(_) | None => Vec::new(),
        }
    }

    fn probe_passed(&mut self, seat: Seat, now: Instant) -> Vec<PoolAction> {
        match self.workers.get(&seat) {
            Some(worker) if worker.stage == Stage::Probing => self.can_serve(seat, now),
            Some(_) | None => Vec::new(),
        }
    }

    fn probe_failed(&mut self, seat: Seat, now: Instant) -> Vec<PoolAction> {
        match self.workers.get(&seat) {
            Some(worker) if worker.stage == Stage::Probing => self.give_up(worker.slot, now),
            Some(_) | None => Vec::new(),
        }
    }

    fn can_serve(&mut self, seat: Seat, now: Instant) -> Vec<PoolAction> {
        let lifetime = self.settings.lifetime;
        let lifetime = lifetime.map(|lifetime| lifetime.mul_f64(0.9 + 0.2 * self.jitter));
        if let Some(worker) = self.workers.get_mut(&seat) {
            worker.stage = Stage::Ready {
                since: now,
                retire_at: lifetime.and_then(|lifetime| now.checked_add(lifetime)),
            };
        }
        let are_all_ready = self.workers.values().all(|w| w.ready_since().is_some());
        match self.phase {
            Phase::Coming if are_all_ready && self.is_fully_seated() => {
                self.phase = Phase::Announced;
                vec![PoolAction::TellReady]
            }
            Phase::Serving => self.take_over(seat, now),
            Phase::Held
            | Phase::Coming
            | Phase::Announced
            | Phase::Pausing
            | Phase::Paused
            | Phase::Draining
            | Phase::Over => Vec::new(),
        }
    }

    fn is_fully_seated(&self) -> bool {
        let mut open = self.slots.values().filter(|slot| slot.is_open);
        open.all(|slot| slot.current.is_some())
    }

    fn serve_ordered(&mut self, now: Instant) -> Vec<PoolAction> {
        if self.phase != Phase::Announced {
            return Vec::new();
        }
        self.phase = Phase::Serving;
        if self.settings.trial.is_some() {
            return self.fall_asleep(now);
        }
        self.workers
            .keys()
            .copied()
            .map(PoolAction::Serve)
            .collect()
    }

    fn woken(&mut self, now: Instant) -> Vec<PoolAction> {
        let mut actions = Vec::new();
        for (&seat, worker) in &mut self.workers {
            actions.extend(worker.press(now).map(|force| match force {
                Force::Killed => PoolAction::Kill(seat),
                Force::Asked | Force::Terminated => PoolAction::Terminate(seat),
            }));
        }
        let late: Vec<Seat> = self
            .workers
            .iter()
            .filter(|(_, worker)| self.late_at(worker).is_some_and(|at| at <= now))
            .map(|(seat, _)| *seat)
            .collect();
        for seat in late {
            actions.extend(self.given_up(seat, Reason::NotReady, now));
        }
        self.notice_lifetimes(now);
        actions.extend(self.mend(now));
        actions
    }
}

#[cfg(test)]
mod tests;
