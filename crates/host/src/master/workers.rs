//! The master's record of its workers: how they are made, told and ended.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use lictor_core::ipc::{Channel, MasterMessage, WorkerOrder};
use lictor_core::observe::{Failure, Timestamp};
use lictor_core::sys::Pidfd;
use pyo3::prelude::*;
use rustix::event::{PollFd, PollFlags};

use super::boot::End;
use super::fork::{Seed, fork};
use super::heart::Heart;
use super::pool::{PoolEvent, Reason, Seat};
use super::probe::Probe;
use super::run::{Master, Outcome, Parts};
use super::signals::Handlers;
use super::troubles::Ended;

/// The master's record of a worker.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(super) struct WorkerHandle {
    /// The slot that it was forked for: what people call the worker.
    pub(super) slot: u32,
    pub(super) pidfd: Pidfd,
    pub(super) channel: Channel,
    pub(super) since: Timestamp,
    /// It takes no connection any more.
    pub(super) has_withdrawn: bool,
    /// Its end of the channel is closed: that would wake the master for ever, and its end is told by
    /// the process.
    pub(super) has_hung_up: bool,
    /// SIGKILL came from here.
    is_killed: bool,
    /// Why it was ended, without having been told to leave.
    pub(super) ended_for: Option<Reason>,
    /// Why it could not import the app, or how it failed its probe.
    pub(super) failure: Option<Failure>,
    /// While it is asked for `ready-path`.
    pub(super) probe: Option<Probe>,
    /// Once it serves, if the option `heartbeat` is on.
    pub(super) heart: Option<Heart>,
    /// It has answered the question whether it lives.
    pub(super) has_answered: bool,
}

impl WorkerHandle {
    fn new(slot: u32, pidfd: Pidfd, channel: Channel) -> Self {
        Self {
            slot,
            pidfd,
            channel,
            since: Timestamp::now(),
            has_withdrawn: false,
            has_hung_up: false,
            is_killed: false,
            ended_for: None,
            failure: None,
            probe: None,
            heart: None,
            has_answered: false,
        }
    }

    /// Everything of it that may have something to say.
    pub(super) fn poll_fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        let channel = (!self.has_hung_up).then(|| self.channel.as_fd());
        [Some(self.pidfd.as_fd()), channel]
            .into_iter()
            .flatten()
            .chain(self.probe.as_ref().map(AsFd::as_fd))
            .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
    }

    /// Whether the master has sent it SIGKILL.
    pub(super) fn is_killed(&self) -> bool {
        self.is_killed
    }
}

impl Master {
    pub(super) fn fork_worker(&mut self, py: Python<'_>, seat: Seat, slot: u32) -> Outcome {
        match self.try_fork(py, seat, slot) {
            Ok(outcome) => outcome,
            Err(error) => {
                let ended = Ended::NotForked(error.to_string());
                self.endings.insert(slot, ended);
                Outcome::Event(PoolEvent::ForkFailed(seat))
            }
        }
    }

    fn try_fork(&mut self, py: Python<'_>, seat: Seat, slot: u32) -> io::Result<Outcome> {
        let (mine, theirs) = Channel::pair()?;
        self.overdue.prepare()?;
        if let Some(slot) = self.parts.scoreboard.slot(seat.0) {
            slot.reset();
        }
        let pid = match fork(py) {
            Ok(0) => return Ok(Outcome::Child(seat, slot, theirs)),
            Ok(pid) => pid,
            Err(error) => return Err(io::Error::other(error.value(py).to_string())),
        };
        let handle = WorkerHandle::new(slot, Pidfd::open(pid)?, mine);
        self.overdue.forked(seat, slot, pid);
        self.workers.insert(seat, handle);
        self.tell_emperor(&MasterMessage::WorkerSpawned { worker: slot, pid });
        Ok(Outcome::GoOn)
    }

    pub(super) fn into_seed(
        mut self,
        seat: Seat,
        slot: u32,
        channel: Channel,
        handlers: Handlers,
    ) -> End {
        let watched = self.overdue.take_prepared();
        let demand = self.scale.board().and_then(|board| board.seat(seat.0));
        // Everything that is the master's alone is closed here, by going out of scope.
        let Parts {
            vassal,
            generation,
            config,
            listeners,
            scoreboard,
            apps,
            ..
        } = self.parts;
        let Some(record) = scoreboard.slot(seat.0) else {
            return End::Failed;
        };
        End::Forked(Box::new(Seed {
            vassal,
            generation,
            id: slot,
            config,
            listeners,
            channel,
            slot: record,
            demand,
            watched,
            apps,
            handlers,
        }))
    }

    /// A worker that does not hear this is gone, or is ended by the deadline.
    pub(super) fn tell_worker(&self, seat: Seat, order: &WorkerOrder) {
        if let Some(worker) = self.workers.get(&seat) {
            drop(worker.channel.send(order, &[]));
        }
    }

    /// Lets a worker serve, and looks from now on whether it lives.
    pub(super) fn let_serve(&mut self, seat: Seat) {
        self.tell_worker(seat, &WorkerOrder::Serve);
        let period = self.parts.config.heartbeat;
        if let (true, Some(worker)) = (self.is_paused_by_order(), self.workers.get(&seat)) {
            self.tell_pause(&worker.channel);
        }
        if let Some(worker) = self.workers.get_mut(&seat) {
            worker.heart = period.map(|period| Heart::new(period, Instant::now()));
        }
    }

    pub(super) fn terminate_worker(&self, seat: Seat) {
        if let Some(worker) = self.workers.get(&seat) {
            drop(worker.pidfd.terminate());
        }
    }

    /// Ends a worker at once. What is to follow, the pool decides: when it hears of the end, or has
    /// been told before by [`PoolEvent::Condemned`].
    pub(super) fn kill_worker(&mut self, seat: Seat) {
        if let Some(worker) = self.workers.get_mut(&seat) {
            worker.is_killed = true;
            drop(worker.pidfd.kill());
        }
    }

    /// Ends a worker that is of no use any more, and says why.
    pub(super) fn end_worker(&mut self, seat: Seat, reason: Reason) {
        self.tell_retiring(seat, reason);
        self.kill_worker(seat);
        if let Some(worker) = self.workers.get_mut(&seat) {
            worker.ended_for = Some(reason);
            let ended = Ended::Killed(reason.to_string());
            self.endings.insert(worker.slot, ended);
        }
    }

    pub(super) fn tell_retiring(&self, seat: Seat, reason: Reason) {
        if let Some(worker) = self.workers.get(&seat) {
            self.tell_emperor(&MasterMessage::WorkerRetiring {
                worker: worker.slot,
                pid: worker.pidfd.pid(),
                reason: reason.to_string(),
            });
        }
    }

    /// Asks a worker for `ready-path`.
    pub(super) fn probe_worker(&mut self, seat: Seat) -> Outcome {
        let (path, worker) = (&self.parts.config.ready_path, self.workers.get_mut(&seat));
        let (Some(path), Some(worker)) = (path, worker) else {
            return Outcome::GoOn;
        };
        match Probe::ask(&worker.channel, path) {
            Ok(probe) => {
                worker.probe = Some(probe);
                Outcome::GoOn
            }
            Err(error) => {
                let ended = Ended::Exited(format!("it could not be asked for `{path}`: {error}"));
                self.endings.insert(worker.slot, ended);
                Outcome::Event(PoolEvent::ProbeFailed(seat))
            }
        }
    }
}
