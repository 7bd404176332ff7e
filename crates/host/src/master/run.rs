//! The master's loop: waits, asks [`Pool`] what to do, and does it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lictor_core::config::{Protocol, VassalConfig};
use lictor_core::ipc::{Channel, MasterMessage, WorkerOrder};
use lictor_core::observe::{Failure, FailureKind};
use lictor_core::sys::{OomKills, Scoreboard, release_cold_code};
use pyo3::prelude::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::background::Background;
use super::boot::End;
use super::controls::Controls;
use super::deaths::Deaths;
use super::log::LogWriter;
use super::meeting::Meeting;
use super::memory::MemoryWatch;
use super::overdue::Overdue;
use super::pool::{Pool, PoolAction, PoolEvent, Seat, Settings};
use super::scale::Scale;
use super::signals::Handlers;
use super::stats::Stats;
use super::troubles::{Ended, Part, Troubles};
use super::workers::WorkerHandle;
use crate::app::Apps;
use crate::chance;
use crate::worker::{Listener, imported_files};

/// What a master is made of.
pub(super) struct Parts {
    pub(super) vassal: String,
    pub(super) generation: u64,
    pub(super) config: Arc<VassalConfig>,
    /// To the emperor.
    pub(super) channel: Channel,
    /// Where the next emperor finds this master.
    pub(super) meeting: Option<Meeting>,
    pub(super) gates: Vec<OwnedFd>,
    /// The version of Python.
    pub(super) python: String,
    pub(super) listeners: Vec<Listener>,
    pub(super) scoreboard: Scoreboard,
    /// Its memory, where the emperor has made it.
    pub(super) counters: Option<OwnedFd>,
    pub(super) apps: Option<Apps>,
    /// A byte here tells that output cannot be written.
    pub(super) trouble: OwnedFd,
    /// When the first file of the app was imported, at the earliest.
    pub(super) since: SystemTime,
    /// Who writes what is printed, where more is asked for than a file.
    pub(super) log_writer: Option<LogWriter>,
}

impl Parts {
    /// The sockets at which requests come.
    pub(super) fn doors(&self) -> impl Iterator<Item = &Listener> {
        let listeners = self.listeners.iter();
        listeners.filter(|listener| listener.protocol != Protocol::Stats)
    }
}

/// The master of one generation.
pub(super) struct Master {
    pub(super) parts: Parts,
    pub(super) pool: Pool,
    pub(super) workers: BTreeMap<Seat, WorkerHandle>,
    pub(super) controls: Controls,
    /// What runs beside the workers.
    pub(super) background: Option<Background>,
    /// Those who are told by `stats`.
    pub(super) stats: Stats,
    /// `harakiri`.
    pub(super) overdue: Overdue,
    pub(super) scale: Scale,
    /// `evil-reload-on-rss` and its like.
    pub(super) memory: MemoryWatch,
    pub(super) is_emperor_gone: bool,
    pub(super) has_told_withdrawal: bool,
    pub(super) has_served: bool,
    pub(super) interface: String,
    /// How the last worker of each slot ended.
    pub(super) endings: BTreeMap<u32, Ended>,
    pub(super) troubles: Troubles,
    pub(super) deaths: Deaths,
    /// As of the last look.
    pub(super) oom_kills: OomKills,
    /// Numbers drawn so far.
    draws: u64,
}

/// What an action led to.
pub(super) enum Outcome {
    GoOn,
    /// The pool has to hear of this.
    Event(PoolEvent),
    End(End),
    Child(Seat, u32, Channel),
}

impl Master {
    /// Gives also what the app made of the signals that it takes for itself.
    pub(super) fn new(py: Python<'_>, mut parts: Parts) -> io::Result<(Self, Handlers)> {
        let gates = std::mem::take(&mut parts.gates);
        let config = &parts.config;
        let cheaper = config.scale.cheaper.as_ref();
        let is_tried = config.ready_path.is_some() || parts.apps.is_none();
        let interface = parts
            .apps
            .as_ref()
            .map(|apps| apps.interface.name().to_owned());
        let settings = Settings {
            processes: config.processes,
            minimum: cheaper.map_or(config.processes, |cheaper| cheaper.minimum),
            initial: cheaper.map_or(config.processes, |cheaper| cheaper.initial),
            step: cheaper.map_or(1, |cheaper| cheaper.step),
            trial: config.scale.cheap.then(|| u32::from(is_tried)),
            overlap: config.overlap,
            has_ready_path: config.ready_path.is_some(),
            start_timeout: config.start_timeout,
            reload_mercy: config.reload_mercy,
            lifetime: config.max_worker_lifetime,
        };
        let (controls, handlers) = Controls::new(py, config, parts.since)?;
        let mut master = Self {
            pool: Pool::new(settings),
            workers: BTreeMap::new(),
            stats: Stats::default(),
            overdue: Overdue::new(config)?,
            controls,
            scale: Scale::new(config)?,
            memory: MemoryWatch::new(&config.recycle),
            background: Background::new(config, parts.generation, gates),
            is_emperor_gone: false,
            has_told_withdrawal: false,
            has_served: false,
            interface: interface.unwrap_or_default(),
            endings: BTreeMap::new(),
            troubles: Troubles::default(),
            deaths: Deaths::default(),
            oom_kills: OomKills::read(),
            draws: 0,
            parts,
        };
        if master.parts.apps.is_some() && master.parts.config.apps.autoreload {
            // What this cannot tell, the workers do.
            let files = imported_files(py, &master.parts.config.apps.autoreload_ignored);
            master.watch_imported(&files.map(|(_, files)| files).unwrap_or_default());
        }
        Ok((master, handlers))
    }

    /// Forks the workers and keeps them alive until the generation is over. Returns in the master
    /// at the end, and in each worker right after its fork.
    pub(super) fn run(mut self, py: Python<'_>, handlers: Handlers) -> End {
        let mut events = vec![PoolEvent::Started];
        let mut over = None;
        loop {
            let is_serving = events.contains(&PoolEvent::ServeOrdered);
            match self.act_on(py, events) {
                Outcome::GoOn => {
                    if is_serving {
                        self.has_served = true;
                        // From here on there is little to do but wait.
                        release_cold_code();
                    }
                    events = self.wait(py);
                }
                Outcome::End(end) => {
                    over = Some(end);
                    self.background_leaves();
                    events = if self.is_background_over() {
                        Vec::new()
                    } else {
                        self.wait(py)
                    };
                }
                Outcome::Child(seat, slot, channel) => {
                    return self.into_seed(seat, slot, channel, handlers);
                }
                // All are taken in before.
                Outcome::Event(event) => events = vec![event],
            }
            if self.is_background_over()
                && let Some(end) = over.take()
            {
                self.say_goodbye();
                self.finish_logs();
                handlers.forget(py);
                return end;
            }
        }
    }

    fn act_on(&mut self, py: Python<'_>, events: Vec<PoolEvent>) -> Outcome {
        let mut events = VecDeque::from(events);
        while let Some(event) = events.pop_front() {
            self.pool.jitter = self.draw();
            for action in self.pool.step(event, Instant::now()) {
                match self.perform(py, action) {
                    Outcome::GoOn => {}
                    Outcome::Event(event) => events.push_front(event),
                    outcome @ (Outcome::End(_) | Outcome::Child(..)) => return outcome,
                }
            }
        }
        self.follow_scale();
        if self.pool.is_draining() {
            // No worker is forked any more, and whoever is to have the address next must not find
            // it held by requests that take their time.
            self.parts.listeners.clear();
            self.background_leaves();
        }
        Outcome::GoOn
    }

    /// Another number between 0 and 1 each time, and in each master.
    fn draw(&mut self) -> f64 {
        self.draws += 1;
        let seed = u64::from(std::process::id()) << 32 | self.draws;
        f64::from(chance::permille(seed)) / 1000.0
    }

    fn perform(&mut self, py: Python<'_>, action: PoolAction) -> Outcome {
        match action {
            PoolAction::Fork(seat, slot) => return self.fork_worker(py, seat, slot),
            PoolAction::Probe(seat) => return self.probe_worker(seat),
            PoolAction::Serve(seat) => self.let_serve(seat),
            PoolAction::Drain(seat, deadline) => {
                self.scale.exited(seat);
                self.tell_worker(seat, &WorkerOrder::Drain { deadline });
            }
            PoolAction::Terminate(seat) => self.terminate_worker(seat),
            PoolAction::Kill(seat) => self.kill_worker(seat),
            PoolAction::End(seat, reason) => self.end_worker(seat, reason),
            PoolAction::TellRetiring(seat, reason) => self.tell_retiring(seat, reason),
            PoolAction::TellTrouble(slot, wait) => self.tell_trouble(slot, wait),
            PoolAction::TellMended => self.tell_mended(Part::Workers),
            PoolAction::TellLoaded => self.tell_emperor(&MasterMessage::Loaded),
            PoolAction::TellReady => return self.tell_ready(),
            PoolAction::TellPaused => self.tell_emperor(&MasterMessage::Paused),
            PoolAction::GiveUp(slot) => return self.give_up(slot),
            PoolAction::Leave => return Outcome::End(End::Left),
        }
        Outcome::GoOn
    }

    fn give_up(&mut self, slot: u32) -> Outcome {
        let failure = match self.endings.remove(&slot) {
            Some(ended) => ended.while_coming(slot),
            None => unknown_end(slot),
        };
        self.tell_emperor(&MasterMessage::Failed(failure));
        if self.workers.is_empty() {
            return Outcome::End(End::Failed);
        }
        Outcome::GoOn
    }

    fn tell_trouble(&mut self, slot: u32, wait: Duration) {
        let failure = match self.endings.get(&slot).cloned() {
            Some(ended) => ended.while_serving(slot, wait),
            None => unknown_end(slot),
        };
        let message = self.troubles.begin(Part::Workers, failure);
        self.tell_emperor(&message);
    }

    pub(super) fn tell_mended(&mut self, part: Part) {
        if let Some(message) = self.troubles.end(part) {
            self.tell_emperor(&message);
        }
    }

    /// Waits for anything to happen, the interpreter released.
    fn wait(&mut self, py: Python<'_>) -> Vec<PoolEvent> {
        let background = self.background.as_ref().and_then(Background::wake_at);
        let logs = self.parts.log_writer.as_ref();
        let wake_at = [
            self.pool.wake_at(),
            self.overdue.wake_at(),
            self.scale.wake_at(),
            self.beat_at(),
            self.memory_look_at(),
            background,
            self.stats_wake_at(),
            logs.and_then(LogWriter::wake_at),
        ];
        let wake_at = wake_at.into_iter().flatten().min();
        let timeout = wake_at.map(|at| at.saturating_duration_since(Instant::now()));
        let timeout = timeout.map(|left| left + Duration::from_millis(1));
        let timeout = timeout.and_then(|left| Timespec::try_from(left).ok());
        let mut fds = vec![PollFd::new(&self.parts.trouble, PollFlags::IN)];
        fds.extend(self.controls.poll_fds());
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
        fds.extend(self.scale_fds());
        fds.extend(self.background.iter().flat_map(Background::poll_fds));
        fds.extend(self.stats_awaited());
        fds.extend(logs.and_then(LogWriter::awaited));
        fds.extend(self.workers.values().flat_map(WorkerHandle::poll_fds));
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
}

fn unknown_end(slot: u32) -> Failure {
    let message = format!("worker {slot} ended before it could serve");
    Failure::new(FailureKind::Crash, message, "hint: see `lictor logs`")
}
