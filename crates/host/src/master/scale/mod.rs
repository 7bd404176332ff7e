//! How many workers there are: `cheaper`, `cheap`, `idle`. `gauge` and `idleness` decide, the pool
//! does it; here is what they see, and what the emperor is told.

mod gauge;
mod idleness;

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use lictor_core::config::{CheaperAlgorithm, VassalConfig};
use lictor_core::ipc::MasterMessage;
use lictor_core::observe::{ScalingStatus, Timestamp};
use lictor_core::sys::{DemandBoard, resident_bytes};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::gauge::{Gauge, Seen, Verdict, Why};
use self::idleness::Idleness;
use super::orders::Step;
use super::pool::{PoolEvent, Seat};
use super::run::Master;
use lictor_core::sys::seat_count;

/// What there is to vary the number of workers.
pub(super) struct Scale {
    demand: Option<Measured>,
    idleness: Option<Idleness>,
    limits: Bounds,
    shown: ScalingStatus,
}

/// What does not change.
struct Bounds {
    idle: Option<Duration>,
    dies: bool,
    has_memory_limit: bool,
}

struct Measured {
    board: DemandBoard,
    gauge: Gauge,
    capacity: u32,
    begun: Instant,
    /// As of the beginning of the period.
    spent_us: BTreeMap<Seat, u64>,
    needs_backlog: bool,
}

impl Scale {
    pub(super) fn new(config: &VassalConfig) -> io::Result<Self> {
        let scale = &config.scale;
        let measured = |cheaper: &lictor_core::config::CheaperConfig| -> io::Result<Measured> {
            let seats = seat_count(config.processes) as usize;
            let is_timed = cheaper.algorithm == CheaperAlgorithm::Busyness;
            Ok(Measured {
                board: DemandBoard::new(seats, config.threads, is_timed)?,
                gauge: Gauge::new(cheaper.clone(), config.processes),
                capacity: config.threads.max(1),
                begun: Instant::now(),
                spent_us: BTreeMap::new(),
                needs_backlog: cheaper.algorithm == CheaperAlgorithm::Backlog,
            })
        };
        let cheaper = scale.cheaper.as_ref();
        let begin = if scale.cheap {
            "no connection yet"
        } else {
            "to begin with"
        };
        let limits = cheaper.map(|cheaper| (cheaper.rss_soft, cheaper.rss_hard));
        Ok(Self {
            demand: cheaper.map(measured).transpose()?,
            idleness: scale.idle.map(Idleness::new),
            limits: Bounds {
                idle: scale.idle,
                dies: scale.die_on_idle,
                has_memory_limit: limits.is_some_and(|(soft, hard)| soft.or(hard).is_some()),
            },
            shown: ScalingStatus {
                workers: 0,
                minimum: cheaper.map_or(config.processes, |cheaper| cheaper.minimum),
                maximum: config.processes,
                sleeps_when_idle: scale.idle.is_some() || scale.cheap,
                reason: begin.to_owned(),
                since: Timestamp::now(),
            },
        })
    }

    /// What a new worker writes, with `cheaper`. Before the fork.
    pub(super) fn board(&self) -> Option<DemandBoard> {
        self.demand.as_ref().map(|demand| demand.board.clone())
    }

    pub(super) fn exited(&self, seat: Seat) {
        if let Some(demand) = &self.demand {
            demand.board.vacate(seat.0);
        }
    }

    /// When to look, if ever.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let gauge = self
            .demand
            .as_ref()
            .and_then(|demand| demand.gauge.wake_at());
        let idleness = self.idleness.as_ref().and_then(Idleness::look_at);
        [gauge, idleness].into_iter().flatten().min()
    }

    /// What the emperor is shown; nothing where the number does not vary.
    pub(super) fn status(&self) -> Option<ScalingStatus> {
        let varies = self.demand.is_some() || self.shown.sleeps_when_idle;
        varies.then(|| self.shown.clone())
    }
}

impl Measured {
    /// Has the workers ring, if it is to be heard. They may have been busy before.
    fn arm(&mut self, now: Instant) {
        self.board.arm(self.gauge.is_listening());
        let load = self.board.load();
        let has_rung = load.open > 0 && load.free == 0;
        if self.gauge.is_listening() && has_rung {
            self.board.arm(false);
            self.gauge.rang(now);
        }
    }

    /// From now on it is measured anew.
    fn begin_period(&mut self, seats: impl Iterator<Item = Seat>, now: Instant) {
        self.begun = now;
        let board = &self.board;
        self.spent_us = seats.map(|seat| (seat, board.spent_us(seat.0))).collect();
        self.board.take_least_free();
    }

    /// The share of their time that workers were in requests, in percent.
    fn percent(&self, seats: impl Iterator<Item = Seat>, now: Instant) -> u32 {
        let (mut spent, mut count) = (0_u64, 0_u64);
        for seat in seats {
            let before = self.spent_us.get(&seat).copied().unwrap_or(0);
            spent = spent.saturating_add(self.board.spent_us(seat.0).saturating_sub(before));
            count += 1;
        }
        let elapsed = now.saturating_duration_since(self.begun).as_micros();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        let possible = elapsed
            .saturating_mul(count)
            .saturating_mul(self.capacity.into());
        let percent = spent.saturating_mul(100).checked_div(possible).unwrap_or(0);
        u32::try_from(percent).unwrap_or(100).min(100)
    }
}

impl Master {
    /// What may wake the master for a worker more: the bell of the workers, or a connection while
    /// there are none.
    pub(super) fn scale_fds(&self) -> Vec<PollFd<'_>> {
        let demand = self.scale.demand.as_ref();
        let bell =
            demand.map(|demand| PollFd::from_borrowed_fd(demand.board.bell(), PollFlags::IN));
        let is_asleep = self.pool.is_asleep();
        let listeners = self.parts.doors().filter(|_| is_asleep);
        let listeners = listeners.map(|listener| PollFd::new(&listener.fd, PollFlags::IN));
        bell.into_iter().chain(listeners).collect()
    }

    /// Looks whether there are too few or too many workers, or none is needed.
    pub(super) fn hear_scale(&mut self, events: &mut Vec<PoolEvent>) {
        let now = Instant::now();
        if self.pool.is_asleep() && self.is_awaited() {
            "a connection came".clone_into(&mut self.scale.shown.reason);
            events.push(PoolEvent::Knocked);
        }
        events.extend(self.look_at_demand(now));
        events.extend(self.look_at_idleness(now));
    }

    /// After the pool has decided: what there is to look at from now on.
    pub(super) fn follow_scale(&mut self) {
        let now = Instant::now();
        let wanted = if self.pool.is_active() {
            self.pool.wanted()
        } else {
            0
        };
        let seats: Vec<Seat> = self.serving_seats();
        if let Some(demand) = &mut self.scale.demand {
            if demand.gauge.follow(wanted, now) {
                demand.begin_period(seats.into_iter(), now);
            }
            demand.arm(now);
        }
        if let Some(idleness) = &mut self.scale.idleness {
            idleness.follow(wanted > 0, now);
        }
        self.tell_size(wanted);
    }

    fn serving_seats(&self) -> Vec<Seat> {
        let seats = self.workers.keys().copied();
        seats.filter(|seat| self.pool.is_serving(*seat)).collect()
    }

    fn look_at_demand(&mut self, now: Instant) -> Option<PoolEvent> {
        let seats = self.serving_seats();
        let demand = self.scale.demand.as_mut()?;
        if demand.board.heard() && demand.gauge.rang(now) {
            demand.begin_period(seats.iter().copied(), now);
        }
        if demand.gauge.wake_at().is_none_or(|at| at > now) {
            return None;
        }
        let seen = self.seen(&seats, now);
        let demand = self.scale.demand.as_mut()?;
        if demand.gauge.ends_period(now) {
            demand.begin_period(seats.iter().copied(), now);
        }
        let verdict = demand.gauge.look(&seen, now)?;
        let (event, why) = match verdict {
            Verdict::More(why) => (PoolEvent::Busy, why),
            Verdict::Fewer(why) => (PoolEvent::Spare(self.spare(&seats)?), why),
        };
        self.scale.shown.reason = reason(why);
        Some(event)
    }

    fn seen(&self, seats: &[Seat], now: Instant) -> Seen {
        let Some(demand) = &self.scale.demand else {
            return Seen::default();
        };
        let load = demand.board.load();
        let is_period = demand.gauge.ends_period(now);
        let pids = self.workers.values().map(|worker| worker.pidfd.pid());
        Seen {
            wanted: self.pool.wanted(),
            is_settled: self.pool.is_settled(),
            are_all_full: load.open > 0 && load.free == 0,
            is_awaited: demand.needs_backlog && self.is_awaited(),
            least_free: if is_period {
                demand.board.take_least_free()
            } else {
                0
            },
            percent: if is_period {
                demand.percent(seats.iter().copied(), now)
            } else {
                0
            },
            resident_bytes: if self.scale.limits.has_memory_limit {
                pids.map(resident_bytes).sum()
            } else {
                0
            },
        }
    }

    /// Somebody wants a worker more or less, by hand. Gives why that cannot be, if so.
    pub(super) fn scale_by_hand(&mut self, by: Step) -> Result<PoolEvent, &'static str> {
        const FIXED: &str =
            "`+` and `-` need `cheaper`, the lowest number of workers, below `processes`";
        let wanted = self.pool.wanted();
        if !self.pool.is_active() || wanted == 0 {
            return Err("there is no worker at the moment; the next connection starts some");
        }
        let event = match by {
            Step::None => PoolEvent::Idle,
            _ if self.scale.demand.is_none() => return Err(FIXED),
            Step::More if wanted >= self.scale.shown.maximum => {
                return Err("there are as many workers as `processes` says");
            }
            Step::More => PoolEvent::More,
            Step::Fewer if wanted <= self.scale.shown.minimum => {
                return Err("there are as few workers as `cheaper` says");
            }
            Step::Fewer => {
                let seats = self.serving_seats();
                let spare = self.spare(&seats);
                PoolEvent::Spare(spare.ok_or("no worker serves yet")?)
            }
        };
        "a letter in `master-fifo`".clone_into(&mut self.scale.shown.reason);
        Ok(event)
    }

    /// Who is needed least: an idle one rather than a busy one, of the highest number.
    fn spare(&self, seats: &[Seat]) -> Option<Seat> {
        let board = &self.scale.demand.as_ref()?.board;
        let slot = |seat: &Seat| self.workers.get(seat).map(|worker| worker.slot);
        let seats = seats.iter().copied();
        seats.max_by_key(|seat| (board.is_idle(seat.0), slot(seat)))
    }

    /// Whether a connection waits to be accepted.
    fn is_awaited(&self) -> bool {
        let listeners = self.parts.doors();
        let mut fds: Vec<PollFd<'_>> = listeners
            .map(|listener| PollFd::new(&listener.fd, PollFlags::IN))
            .collect();
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut fds, Some(&at_once)).is_ok_and(|ready| ready > 0)
    }

    fn look_at_idleness(&mut self, now: Instant) -> Option<PoolEvent> {
        let idleness = self.scale.idleness.as_mut()?;
        if idleness.look_at().is_none_or(|at| at > now) {
            return None;
        }
        let records = self.workers.keys();
        let records = records.filter_map(|seat| self.parts.scoreboard.slot(seat.0));
        let (mut is_busy, mut requests) = (false, 0_u64);
        for record in records {
            is_busy |= record.is_busy();
            requests = requests.wrapping_add(record.requests());
        }
        if !idleness.look(is_busy, requests, now) {
            return None;
        }
        let seconds = self.scale.limits.idle?.as_secs_f64();
        if self.scale.limits.dies {
            // The emperor holds the sockets, and says whether it is the time. Without one, the
            // vassal would be gone.
            if !self.is_emperor_gone && self.pool.is_settled() {
                self.tell_emperor(&MasterMessage::Idle);
            }
            return None;
        }
        if !self.pool.is_settled() {
            return None;
        }
        self.scale.shown.reason = format!("no request for {seconds} s");
        Some(PoolEvent::Idle)
    }

    /// Tells the emperor of another number of workers.
    fn tell_size(&mut self, wanted: u32) {
        if self.scale.shown.workers == wanted || !self.pool.is_active() {
            return;
        }
        self.scale.shown.workers = wanted;
        self.scale.shown.since = Timestamp::now();
        if let Some(status) = self.scale.status() {
            self.tell_emperor(&MasterMessage::Scaled {
                workers: status.workers,
                reason: status.reason,
            });
        }
    }
}

fn reason(why: Why) -> String {
    match why {
        Why::AllBusy => "all workers were busy".to_owned(),
        Why::Busyness { percent } => format!("workers were busy {percent} % of the time"),
        Why::Free => "at least two workers were always free".to_owned(),
        Why::Calm { percent } => format!("workers were busy only {percent} % of the time"),
        Why::Memory => "the workers' memory is above `cheaper-rss-limit-hard`".to_owned(),
    }
}
