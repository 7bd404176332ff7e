//! The master's loop: waits, asks [`Pool`] what to do, and does it.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lictor_core::config::VassalConfig;
use lictor_core::ipc::{Channel, MasterMessage, WorkerOrder};
use lictor_core::observe::{Failure, FailureKind, Timestamp};
use lictor_core::sys::{Pidfd, Scoreboard, release_cold_code};
use pyo3::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::boot::End;
use super::fork::{Seed, fork};
use super::meeting::Meeting;
use super::overdue::Overdue;
use super::pool::{Pool, PoolAction, PoolEvent};
use super::touch::Touch;
use crate::app::App;
use crate::worker::Listener;

/// What a master is made of.
pub(super) struct Parts {
    pub(super) vassal: String,
    pub(super) generation: u64,
    pub(super) config: Arc<VassalConfig>,
    /// To the emperor.
    pub(super) channel: Channel,
    /// Where the next emperor finds this master.
    pub(super) meeting: Option<Meeting>,
    /// The version of Python.
    pub(super) python: String,
    pub(super) listeners: Vec<Listener>,
    pub(super) scoreboard: Scoreboard,
    pub(super) app: Option<App>,
    /// A byte here tells that output cannot be written.
    pub(super) trouble: OwnedFd,
}

/// The master's record of a worker.
pub(super) struct WorkerHandle {
    pub(super) pidfd: Pidfd,
    pub(super) channel: Channel,
    pub(super) since: Timestamp,
    /// It takes no connection any more.
    pub(super) has_withdrawn: bool,
}

/// The master of one generation.
pub(super) struct Master {
    pub(super) parts: Parts,
    pub(super) pool: Pool,
    /// By slot, from 1.
    pub(super) workers: Vec<Option<WorkerHandle>>,
    pub(super) touch: Option<Touch>,
    /// `harakiri`.
    pub(super) overdue: Overdue,
    /// Readable after SIGTERM.
    pub(super) sigterm: UnixStream,
    pub(super) is_emperor_gone: bool,
    pub(super) has_told_withdrawal: bool,
    pub(super) interface: String,
    pub(super) failure: Option<Failure>,
}

/// What an action led to.
enum Outcome {
    GoOn,
    End(End),
    Child(u32, Channel),
}

impl Master {
    pub(super) fn new(parts: Parts) -> io::Result<Self> {
        let (sigterm, teller) = UnixStream::pair()?;
        let processes = parts.config.processes;
        let master = Self {
            pool: Pool::new(processes),
            workers: (0..processes).map(|_| None).collect(),
            touch: Touch::watch(&parts.config.touch_reload),
            overdue: Overdue::new(&parts.config)?,
            sigterm,
            is_emperor_gone: false,
            has_told_withdrawal: false,
            interface: String::new(),
            failure: None,
            parts,
        };
        master.sigterm.set_nonblocking(true)?;
        signal_hook::low_level::pipe::register(signal_hook::consts::SIGTERM, teller)?;
        Ok(master)
    }

    /// Forks the workers and keeps them alive until the generation is over. Returns in the master
    /// at the end, and in each worker right after its fork.
    pub(super) fn run(mut self, py: Python<'_>) -> End {
        let Ok(sigterm) = sigterm_handler(py) else {
            return End::Failed;
        };
        let mut events = vec![PoolEvent::Started];
        loop {
            let is_serving = events.contains(&PoolEvent::ServeOrdered);
            match self.act_on(py, events) {
                Outcome::GoOn => {
                    if is_serving {
                        // From here on there is little to do but wait.
                        release_cold_code();
                    }
                    events = self.wait(py);
                }
                Outcome::End(end) => {
                    sigterm.drop_ref(py);
                    return end;
                }
                Outcome::Child(id, channel) => return self.into_seed(id, channel, sigterm),
            }
        }
    }

    fn act_on(&mut self, py: Python<'_>, events: Vec<PoolEvent>) -> Outcome {
        for event in events {
            for action in self.pool.step(event, Instant::now()) {
                match self.perform(py, action) {
                    Outcome::GoOn => {}
                    outcome @ (Outcome::End(_) | Outcome::Child(..)) => return outcome,
                }
            }
        }
        if self.pool.is_draining() {
            // No worker is forked any more, and whoever is to have the address next must not find
            // it held by requests that take their time.
            self.parts.listeners.clear();
        }
        Outcome::GoOn
    }

    fn perform(&mut self, py: Python<'_>, action: PoolAction) -> Outcome {
        match action {
            PoolAction::Fork(id) => return self.fork_worker(py, id),
            PoolAction::Serve(id) => self.tell_worker(id, &WorkerOrder::Serve),
            PoolAction::Drain(id, deadline) => {
                self.tell_worker(id, &WorkerOrder::Drain { deadline });
            }
            PoolAction::Terminate(id) => self.signal_worker(id, Pidfd::terminate),
            PoolAction::Kill(id) => self.signal_worker(id, Pidfd::kill),
            PoolAction::AnnounceReady => {
                self.tell_emperor(&MasterMessage::Ready {
                    interface: self.interface.clone(),
                });
            }
            PoolAction::GiveUp(id) => {
                let failure = self.failure.take().unwrap_or_else(|| {
                    let message = format!("worker {id} ended before it could serve");
                    Failure::new(FailureKind::Crash, message, "hint: see `lictor logs`")
                });
                self.tell_emperor(&MasterMessage::Failed(failure));
                if self.workers.iter().all(Option::is_none) {
                    return Outcome::End(End::Failed);
                }
            }
            PoolAction::Leave => return Outcome::End(End::Left),
        }
        Outcome::GoOn
    }

    fn fork_worker(&mut self, py: Python<'_>, id: u32) -> Outcome {
        let (Ok((mine, theirs)), Ok(())) = (Channel::pair(), self.overdue.prepare()) else {
            return self.fork_failed(id);
        };
        if let Some(slot) = self.parts.scoreboard.slot(id) {
            slot.reset();
        }
        let pid = match fork(py) {
            Ok(0) => return Outcome::Child(id, theirs),
            Ok(pid) => pid,
            Err(_) => return self.fork_failed(id),
        };
        let Ok(pidfd) = Pidfd::open(pid) else {
            return self.fork_failed(id);
        };
        self.overdue.forked(id, pid);
        let handle = WorkerHandle {
            pidfd,
            channel: mine,
            since: Timestamp::now(),
            has_withdrawn: false,
        };
        if let Some(worker) = self.workers.get_mut(index_of(id)) {
            *worker = Some(handle);
        }
        self.tell_emperor(&MasterMessage::WorkerSpawned { worker: id, pid });
        Outcome::GoOn
    }

    /// No process could be made: like a worker that ended at once, so that the pool waits longer
    /// each time.
    fn fork_failed(&mut self, id: u32) -> Outcome {
        let hint = "hint: look at the limits of processes and memory";
        let failure = Failure::new(
            FailureKind::Crash,
            format!("could not fork worker {id}"),
            hint,
        );
        let mut actions = self.pool.step(PoolEvent::WorkerExited(id), Instant::now());
        if actions.contains(&PoolAction::Fork(id)) {
            // Trying again at once would fail again; the second quick end waits.
            actions = self.pool.step(PoolEvent::WorkerExited(id), Instant::now());
        }
        if actions.contains(&PoolAction::GiveUp(id)) {
            self.tell_emperor(&MasterMessage::Failed(failure));
            return Outcome::End(End::Failed);
        }
        self.tell_emperor(&MasterMessage::Troubled(failure));
        Outcome::GoOn
    }

    fn into_seed(mut self, id: u32, channel: Channel, sigterm: Py<PyAny>) -> End {
        let watched = self.overdue.take_prepared();
        // Everything that is the master's alone is closed here, by going out of scope.
        let Parts {
            vassal,
            generation,
            config,
            listeners,
            scoreboard,
            app,
            ..
        } = self.parts;
        let Some(slot) = scoreboard.slot(id) else {
            return End::Failed;
        };
        let seed = Seed {
            vassal,
            generation,
            id,
            config,
            listeners,
            channel,
            slot,
            watched,
            app,
            sigterm,
        };
        End::Forked(Box::new(seed))
    }

    /// Waits for anything to happen, the interpreter released.
    fn wait(&mut self, py: Python<'_>) -> Vec<PoolEvent> {
        let wake_at = [self.pool.wake_at(), self.overdue.wake_at()];
        let timeout = wake_at
            .into_iter()
            .flatten()
            .min()
            .map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = timeout.map(|left| left + Duration::from_millis(1));
        let timeout = timeout.and_then(|left| Timespec::try_from(left).ok());
        let mut fds = vec![
            PollFd::new(&self.sigterm, PollFlags::IN),
            PollFd::new(&self.parts.trouble, PollFlags::IN),
        ];
        fds.extend(
            self.overdue
                .bell()
                .map(|bell| PollFd::from_borrowed_fd(bell, PollFlags::IN)),
        );
        if !self.is_emperor_gone {
            fds.push(PollFd::new(&self.parts.channel, PollFlags::IN));
        }
        if let Some(meeting) = &self.parts.meeting {
            fds.extend(meeting.awaited(self.is_emperor_gone));
        }
        fds.extend(
            self.touch
                .iter()
                .map(|touch| PollFd::new(touch, PollFlags::IN)),
        );
        for worker in self.workers.iter().flatten() {
            fds.push(PollFd::new(&worker.pidfd, PollFlags::IN));
            fds.push(PollFd::new(&worker.channel, PollFlags::IN));
        }
        if py.detach(|| poll(&mut fds, timeout.as_ref())).is_err() {
            // Interrupted: the app may have handlers of its own. What they raise has nowhere to go.
            drop(py.check_signals());
        }
        drop(fds);
        self.collect()
    }

    /// A message that the emperor does not read is lost: the emperor sees the truth in `Report`.
    pub(super) fn tell_emperor(&self, message: &MasterMessage) {
        drop(self.parts.channel.send(message, &[]));
    }

    /// A worker that does not hear this is gone, or is ended by the deadline.
    pub(super) fn tell_worker(&self, id: u32, order: &WorkerOrder) {
        if let Some(worker) = self.workers.get(index_of(id)).and_then(Option::as_ref) {
            drop(worker.channel.send(order, &[]));
        }
    }

    fn signal_worker(&self, id: u32, signal: impl Fn(&Pidfd) -> io::Result<()>) {
        if let Some(worker) = self.workers.get(index_of(id)).and_then(Option::as_ref) {
            drop(signal(&worker.pidfd));
        }
    }
}

pub(super) fn index_of(id: u32) -> usize {
    (id as usize).saturating_sub(1)
}

/// What Python does on SIGTERM at the moment, for the workers to restore.
fn sigterm_handler(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let signal = py.import("_signal")?;
    Ok(signal
        .call_method1("getsignal", (signal.getattr("SIGTERM")?,))?
        .unbind())
}
