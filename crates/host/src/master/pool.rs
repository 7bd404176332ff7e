//! Which worker is started, told or ended when: pure, with `now` passed in.
//!
//! A generation comes up (`Coming`), has announced itself (`Announced`), serves (`Serving`) and
//! leaves (`Draining`). Until it serves, the loss of a worker is the failure of the generation;
//! from then on a lost worker is replaced by a fork of the same master, at once, and with a growing
//! wait if its successors end quickly too.

use std::time::{Duration, Instant};

/// A worker that ends sooner than this after its fork counts as a quick end.
const QUICK: Duration = Duration::from_secs(1);
/// Wait after the second quick end in a row; doubled each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long the other requests of a condemned worker may take.
const CONDEMNED_MERCY: Duration = Duration::from_mins(1);
/// From the deadline of a drain to SIGTERM, and from there to SIGKILL.
const GRACE: Duration = Duration::from_secs(1);

/// What the master learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolEvent {
    /// The master is set up.
    Started,
    /// The worker in this slot can serve.
    WorkerReady(u32),
    /// The worker in this slot is gone.
    WorkerExited(u32),
    /// The emperor wants this generation to serve.
    ServeOrdered,
    /// The emperor wants this generation to leave.
    DrainOrdered(Duration),
    /// A request in this slot took longer than `harakiri`; it cannot be saved.
    Condemned(u32),
    /// A deadline came.
    Woken,
}

/// What the master is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolAction {
    /// Fork a worker into this slot.
    Fork(u32),
    /// Let it accept.
    Serve(u32),
    /// Tell it to finish and leave.
    Drain(u32, Duration),
    /// SIGTERM.
    Terminate(u32),
    /// SIGKILL.
    Kill(u32),
    /// Tell the emperor that all workers can serve.
    AnnounceReady,
    /// Tell the emperor that this generation cannot come up: this slot's worker ended.
    GiveUp(u32),
    /// Nothing is left to do.
    Leave,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Coming,
    Announced,
    Serving,
    Draining {
        until: Instant,
        deadline: Duration,
        step: Force,
    },
    Over,
}

/// How far a drain has gone past its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Force {
    Asked,
    Terminated,
    Killed,
}

#[derive(Clone, Copy, Debug)]
struct SlotRecord {
    worker: WorkerRecord,
    quick_ends: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WorkerRecord {
    Absent { retry_at: Option<Instant> },
    Starting { since: Instant },
    Ready { since: Instant },
}

/// The workers of one generation.
#[derive(Debug)]
pub(crate) struct Pool {
    phase: Phase,
    slots: Vec<SlotRecord>,
}

impl Pool {
    /// A pool of this many slots, all empty.
    pub(crate) fn new(processes: u32) -> Self {
        let worker = WorkerRecord::Absent { retry_at: None };
        let slots = (0..processes)
            .map(|_| SlotRecord {
                worker,
                quick_ends: 0,
            })
            .collect();
        Self {
            phase: Phase::Coming,
            slots,
        }
    }

    /// Whether workers that end now were meant to.
    pub(crate) fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. } | Phase::Over)
    }

    /// Whether this generation is the one that serves, or was until it was paused.
    pub(crate) fn serves(&self) -> bool {
        self.phase == Phase::Serving
    }

    /// Takes an event in and says what is to be done.
    pub(crate) fn step(&mut self, event: PoolEvent, now: Instant) -> Vec<PoolAction> {
        match event {
            PoolEvent::Started => self.ids().map(|id| self.fork(id, now)).collect(),
            PoolEvent::WorkerReady(id) => self.worker_ready(id),
            PoolEvent::WorkerExited(id) => self.worker_exited(id, now),
            PoolEvent::ServeOrdered => self.serve_ordered(),
            PoolEvent::DrainOrdered(deadline) => self.drain_ordered(deadline, now),
            PoolEvent::Condemned(_) if self.is_draining() => Vec::new(),
            PoolEvent::Condemned(id) => vec![PoolAction::Drain(id, CONDEMNED_MERCY)],
            PoolEvent::Woken => self.woken(now),
        }
    }

    /// When [`PoolEvent::Woken`] is due, if ever.
    pub(crate) fn wake_at(&self) -> Option<Instant> {
        let retries = self.slots.iter().filter_map(|slot| match slot.worker {
            WorkerRecord::Absent { retry_at } => retry_at,
            WorkerRecord::Starting { .. } | WorkerRecord::Ready { .. } => None,
        });
        let force = match self.phase {
            Phase::Draining {
                until,
                step: Force::Asked,
                ..
            } => Some(until + GRACE),
            Phase::Draining {
                until,
                step: Force::Terminated,
                ..
            } => Some(until + 2 * GRACE),
            Phase::Draining {
                step: Force::Killed,
                ..
            }
            | Phase::Coming
            | Phase::Announced
            | Phase::Serving
            | Phase::Over => None,
        };
        retries.chain(force).min()
    }

    fn ids(&self) -> impl Iterator<Item = u32> + use<> {
        1..=u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    fn slot(&mut self, id: u32) -> Option<&mut SlotRecord> {
        self.slots.get_mut((id as usize).checked_sub(1)?)
    }

    fn living(&self) -> impl Iterator<Item = u32> {
        self.ids()
            .zip(&self.slots)
            .filter_map(|(id, slot)| match slot.worker {
                WorkerRecord::Absent { .. } => None,
                WorkerRecord::Starting { .. } | WorkerRecord::Ready { .. } => Some(id),
            })
    }

    fn fork(&mut self, id: u32, now: Instant) -> PoolAction {
        if let Some(slot) = self.slot(id) {
            slot.worker = WorkerRecord::Starting { since: now };
        }
        PoolAction::Fork(id)
    }

    fn worker_ready(&mut self, id: u32) -> Vec<PoolAction> {
        let Some(slot) = self.slot(id) else {
            return Vec::new();
        };
        let WorkerRecord::Starting { since } = slot.worker else {
            return Vec::new();
        };
        slot.worker = WorkerRecord::Ready { since };
        match self.phase {
            Phase::Coming => {
                let is_ready =
                    |slot: &SlotRecord| matches!(slot.worker, WorkerRecord::Ready { .. });
                if !self.slots.iter().all(is_ready) {
                    return Vec::new();
                }
                self.phase = Phase::Announced;
                vec![PoolAction::AnnounceReady]
            }
            Phase::Serving => vec![PoolAction::Serve(id)],
            Phase::Draining { deadline, .. } => vec![PoolAction::Drain(id, deadline)],
            Phase::Announced | Phase::Over => Vec::new(),
        }
    }

    fn worker_exited(&mut self, id: u32, now: Instant) -> Vec<PoolAction> {
        let phase = self.phase;
        let Some(slot) = self.slot(id) else {
            return Vec::new();
        };
        let since = match slot.worker {
            WorkerRecord::Starting { since } | WorkerRecord::Ready { since } => since,
            WorkerRecord::Absent { .. } => return Vec::new(),
        };
        slot.worker = WorkerRecord::Absent { retry_at: None };
        match phase {
            Phase::Coming | Phase::Announced => {
                self.phase = Phase::Over;
                let others = self.living().map(PoolAction::Kill).collect::<Vec<_>>();
                [vec![PoolAction::GiveUp(id)], others].concat()
            }
            Phase::Serving => {
                slot.quick_ends = if now.duration_since(since) < QUICK {
                    slot.quick_ends + 1
                } else {
                    0
                };
                let wait = wait_after(slot.quick_ends);
                if wait.is_zero() {
                    return vec![self.fork(id, now)];
                }
                slot.worker = WorkerRecord::Absent {
                    retry_at: Some(now + wait),
                };
                Vec::new()
            }
            Phase::Draining { .. } | Phase::Over => self.leave_if_empty(),
        }
    }

    fn serve_ordered(&mut self) -> Vec<PoolAction> {
        if self.phase != Phase::Announced {
            return Vec::new();
        }
        self.phase = Phase::Serving;
        self.living().map(PoolAction::Serve).collect()
    }

    fn drain_ordered(&mut self, deadline: Duration, now: Instant) -> Vec<PoolAction> {
        if self.is_draining() {
            return Vec::new();
        }
        self.phase = Phase::Draining {
            until: now + deadline,
            deadline,
            step: Force::Asked,
        };
        for slot in &mut self.slots {
            if let WorkerRecord::Absent { retry_at } = &mut slot.worker {
                *retry_at = None;
            }
        }
        let told: Vec<_> = self
            .living()
            .map(|id| PoolAction::Drain(id, deadline))
            .collect();
        if told.is_empty() {
            self.leave_if_empty()
        } else {
            told
        }
    }

    fn leave_if_empty(&mut self) -> Vec<PoolAction> {
        if self.living().next().is_some() {
            return Vec::new();
        }
        self.phase = Phase::Over;
        vec![PoolAction::Leave]
    }

    fn woken(&mut self, now: Instant) -> Vec<PoolAction> {
        let due: Vec<u32> = self
            .ids()
            .zip(&self.slots)
            .filter(|(_, slot)| match slot.worker {
                WorkerRecord::Absent { retry_at } => retry_at.is_some_and(|at| at <= now),
                WorkerRecord::Starting { .. } | WorkerRecord::Ready { .. } => false,
            })
            .map(|(id, _)| id)
            .collect();
        let mut actions: Vec<_> = due.into_iter().map(|id| self.fork(id, now)).collect();
        if let Phase::Draining {
            until,
            deadline,
            step,
        } = self.phase
        {
            let next = match step {
                Force::Asked if now >= until + GRACE => Force::Terminated,
                Force::Terminated if now >= until + 2 * GRACE => Force::Killed,
                Force::Asked | Force::Terminated | Force::Killed => return actions,
            };
            self.phase = Phase::Draining {
                until,
                deadline,
                step: next,
            };
            actions.extend(self.living().map(|id| match next {
                Force::Killed => PoolAction::Kill(id),
                Force::Asked | Force::Terminated => PoolAction::Terminate(id),
            }));
        }
        actions
    }
}

/// Nothing after the first quick end, then doubling.
fn wait_after(quick_ends: u32) -> Duration {
    match quick_ends.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) => FIRST_WAIT
            .saturating_mul(1 << doublings.min(16))
            .min(LONGEST_WAIT),
    }
}

#[cfg(test)]
mod tests {
    use super::PoolAction::{AnnounceReady, Drain, Fork, GiveUp, Kill, Leave, Serve, Terminate};
    use super::PoolEvent::{DrainOrdered, ServeOrdered, Started, Woken, WorkerExited, WorkerReady};
    use super::*;

    const MERCY: Duration = Duration::from_mins(1);

    fn serving(now: Instant) -> Pool {
        let mut pool = Pool::new(2);
        assert_eq!(pool.step(Started, now), [Fork(1), Fork(2)]);
        assert_eq!(pool.step(WorkerReady(2), now), []);
        assert_eq!(pool.step(WorkerReady(1), now), [AnnounceReady]);
        assert_eq!(pool.step(ServeOrdered, now), [Serve(1), Serve(2)]);
        pool
    }

    #[test]
    fn a_generation_announces_itself_when_all_workers_can_serve() {
        serving(Instant::now());
    }

    #[test]
    fn the_loss_of_a_worker_before_serving_is_the_failure_of_the_generation() {
        let now = Instant::now();
        let mut pool = Pool::new(2);
        pool.step(Started, now);
        assert_eq!(pool.step(WorkerExited(1), now), [GiveUp(1), Kill(2)]);
        assert_eq!(pool.step(WorkerExited(2), now), [Leave]);
    }

    #[test]
    fn a_dead_worker_is_replaced_at_once_and_a_crash_loop_waits_longer_each_time() {
        let mut now = Instant::now();
        let mut pool = serving(now);
        now += Duration::from_secs(5);
        assert_eq!(pool.step(WorkerExited(1), now), [Fork(1)]);
        assert_eq!(pool.step(WorkerReady(1), now), [Serve(1)]);
        assert_eq!(pool.step(WorkerExited(1), now), [Fork(1)]);
        let mut waits = Vec::new();
        for _ in 0..8 {
            assert_eq!(pool.step(WorkerExited(1), now), []);
            let at = pool.wake_at().unwrap();
            waits.push((at - now).as_millis());
            now = at;
            assert_eq!(pool.step(Woken, now), [Fork(1)]);
        }
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }

    #[test]
    fn a_drain_that_takes_too_long_is_ended_by_force() {
        let now = Instant::now();
        let mut pool = serving(now);
        assert_eq!(
            pool.step(DrainOrdered(MERCY), now),
            [Drain(1, MERCY), Drain(2, MERCY)]
        );
        assert_eq!(pool.step(WorkerExited(1), now), []);
        let terminate = pool.wake_at().unwrap();
        assert_eq!(terminate, now + MERCY + GRACE);
        assert_eq!(pool.step(Woken, terminate), [Terminate(2)]);
        let kill = pool.wake_at().unwrap();
        assert_eq!(pool.step(Woken, kill), [Kill(2)]);
        assert_eq!(pool.wake_at(), None);
        assert_eq!(pool.step(WorkerExited(2), kill), [Leave]);
    }

    #[test]
    fn a_worker_that_becomes_ready_during_a_drain_is_told_to_leave() {
        let now = Instant::now();
        let mut pool = Pool::new(1);
        pool.step(Started, now);
        pool.step(DrainOrdered(MERCY), now);
        assert_eq!(pool.step(WorkerReady(1), now), [Drain(1, MERCY)]);
    }
}
