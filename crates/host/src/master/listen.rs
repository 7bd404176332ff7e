//! What a master hears of its workers: their words, their ends, their answers to a probe, and
//! whether the idle ones still live.

use std::time::Instant;

use lictor_core::ipc::{ChannelError, MasterMessage, Received, WorkerMessage, WorkerOrder};
use lictor_core::sys::{ExitStatus, OomKills, memory_of};

use super::heart::{Signs, Verdict};
use super::pool::{Ending, PoolEvent, Reason, Seat};
use super::probe::Progress;
use super::run::Master;
use super::troubles::Ended;
use crate::app::Interface;

impl Master {
    /// Takes in what every worker has to say.
    pub(super) fn hear_workers(&mut self, events: &mut Vec<PoolEvent>) {
        let seats: Vec<Seat> = self.workers.keys().copied().collect();
        for seat in seats {
            self.hear_worker(seat, events);
        }
    }

    fn hear_worker(&mut self, seat: Seat, events: &mut Vec<PoolEvent>) {
        let Some(worker) = self.workers.get_mut(&seat) else {
            return;
        };
        let mut said = Vec::new();
        while !worker.has_hung_up {
            match worker.channel.receive::<WorkerMessage>() {
                Ok(Received::Message(message, _)) => said.push(message),
                Ok(Received::Nothing) => break,
                // What is no message is not heard either, and the next one may be.
                Err(ChannelError::Malformed(_)) => {}
                Ok(Received::Closed) | Err(_) => worker.has_hung_up = true,
            }
        }
        let exit = worker.pidfd.try_reap().ok().flatten();
        for message in said {
            events.extend(self.take_word(seat, message));
        }
        events.extend(self.hear_probe(seat));
        if let Some(status) = exit {
            events.extend(self.worker_exited(seat, status));
        }
    }

    fn take_word(&mut self, seat: Seat, message: WorkerMessage) -> Option<PoolEvent> {
        let worker = self.workers.get_mut(&seat)?;
        let (slot, pid) = (worker.slot, worker.pidfd.pid());
        match message {
            WorkerMessage::Ready { interface } => {
                self.interface = interface;
                self.tell_emperor(&MasterMessage::WorkerReady { worker: slot, pid });
                return Some(PoolEvent::WorkerReady(seat));
            }
            WorkerMessage::Withdrawn => worker.has_withdrawn = true,
            WorkerMessage::Alive => worker.has_answered = true,
            WorkerMessage::Imported { files } => self.watch_imported(&files),
            WorkerMessage::Retire { limit } => {
                let reason = self.limit_reached(seat, pid, &limit)?;
                return Some(PoolEvent::RetireAsked(seat, reason));
            }
            WorkerMessage::ReloadWanted { by } => {
                self.tell_emperor(&MasterMessage::ReloadWanted { file: by });
            }
            WorkerMessage::Failed(failure) => worker.failure = Some(failure.tamed()),
        }
        None
    }

    /// Which limit a worker has reached, and how far beyond it is by now.
    fn limit_reached(&self, seat: Seat, pid: u32, limit: &str) -> Option<Reason> {
        match limit {
            "max-requests" => Some(Reason::MaxRequests {
                served: self.parts.scoreboard.slot(seat.0)?.requests(),
            }),
            "reload-on-rss" => Some(Reason::Resident {
                option: "reload-on-rss",
                bytes: memory_of(pid).resident,
            }),
            "reload-on-as" => Some(Reason::Addressed {
                option: "reload-on-as",
                bytes: memory_of(pid).addressed,
            }),
            "reload-on-exception" => Some(Reason::Exception),
            _ => None,
        }
    }

    fn hear_probe(&mut self, seat: Seat) -> Option<PoolEvent> {
        let worker = self.workers.get_mut(&seat)?;
        match worker.probe.as_mut()?.go_on() {
            Progress::Waiting => None,
            Progress::Passed => Some(PoolEvent::ProbePassed(seat)),
            Progress::Failed(failure) => {
                worker.probe = None;
                // Its end, if it has ended too, says less.
                worker.failure = Some(failure.clone());
                self.endings.insert(worker.slot, Ended::Failed(failure));
                Some(PoolEvent::ProbeFailed(seat))
            }
            Progress::Over => {
                worker.probe = None;
                None
            }
        }
    }

    fn worker_exited(&mut self, seat: Seat, status: ExitStatus) -> Option<PoolEvent> {
        let worker = self.workers.remove(&seat)?;
        self.parts.scoreboard.vacate(seat.0);
        self.watched_exited(seat);
        self.scale.exited(seat);
        let is_out_of_memory = status.is_kill() && !worker.is_killed() && self.was_out_of_memory();
        // A worker with an overdue request leaves, but not because anybody wanted it to.
        let expected = self.pool.is_leaving(seat) && worker.ended_for.is_none();
        let how = match worker.ended_for {
            Some(reason) => format!("{status}: {reason}"),
            None if is_out_of_memory => {
                format!("{status}: killed by the kernel for lack of memory")
            }
            None => status.to_string(),
        };
        self.tell_emperor(&MasterMessage::WorkerExited {
            worker: worker.slot,
            pid: worker.pidfd.pid(),
            status: how.clone(),
            expected,
        });
        // Of the others it is known already.
        if !expected && worker.ended_for.is_none() {
            let ended = match worker.failure {
                Some(failure) => Ended::Failed(failure),
                None if is_out_of_memory => Ended::OutOfMemory(how),
                None => Ended::Exited(how),
            };
            self.endings.insert(worker.slot, ended);
        }
        let ending = if is_out_of_memory {
            Ending::OutOfMemory
        } else {
            Ending::Plain
        };
        Some(PoolEvent::WorkerExited(seat, ending))
    }

    /// Whether a worker that was killed just now was killed by the kernel.
    fn was_out_of_memory(&mut self) -> bool {
        self.look_for_kills();
        self.deaths.explain_one()
    }

    fn look_for_kills(&mut self) {
        let counted = OomKills::read();
        let kills = counted.since(&self.oom_kills);
        self.deaths.note(kills, Instant::now());
        self.oom_kills = counted;
    }

    /// Once, when the last worker that took connections has stopped doing so.
    pub(super) fn tell_withdrawal(&mut self) {
        let is_withdrawn = self.workers.values().all(|worker| worker.has_withdrawn);
        if self.pool.is_draining() && is_withdrawn && !self.has_told_withdrawal {
            self.has_told_withdrawal = true;
            self.tell_emperor(&MasterMessage::Withdrawn);
        }
    }

    /// When [`Master::beat`] has something to do, if ever.
    pub(super) fn beat_at(&self) -> Option<Instant> {
        let beats = self
            .workers
            .iter()
            .filter(|(seat, _)| self.pool.is_serving(**seat))
            .filter_map(|(_, worker)| worker.heart.as_ref());
        beats.map(super::heart::Heart::look_at).min()
    }

    /// Looks whether the workers that serve still live.
    pub(super) fn beat(&mut self, events: &mut Vec<PoolEvent>) {
        let now = Instant::now();
        if self.beat_at().is_none_or(|at| at > now) {
            return;
        }
        // The loop of an ASGI app answers while requests are in progress too, unless something blocks
        // it: which it cannot tell itself.
        let answers_always = self.interface == Interface::Asgi.name();
        for (&seat, worker) in &mut self.workers {
            let heart = worker.heart.as_mut().filter(|heart| heart.is_due(now));
            let (Some(heart), true) = (heart, self.pool.is_serving(seat)) else {
                continue;
            };
            let Some(record) = self.parts.scoreboard.slot(seat.0) else {
                continue;
            };
            let signs = Signs {
                is_busy: record.is_busy() && !answers_always,
                has_answered: std::mem::take(&mut worker.has_answered),
                requests: record.requests(),
            };
            match heart.look(signs, now) {
                Verdict::Wait => {}
                // One that cannot be asked will not answer.
                Verdict::Ask => drop(worker.channel.send(&WorkerOrder::Heartbeat, &[])),
                Verdict::Dead => events.push(PoolEvent::Silent(seat)),
            }
        }
        self.look_for_kills();
    }
}
