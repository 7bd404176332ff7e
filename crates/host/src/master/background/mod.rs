//! What runs beside the workers: daemons, jobs at given times, and hooks.
//!
//! `calendar`, `label` and `life` decide and are pure; the others do. A `gate` keeps two generations
//! from doing the same at a time. All of it is the master's: workers know of hooks alone.

mod calendar;
mod daemon;
mod gate;
mod hooks;
mod jobs;
mod label;
mod life;
mod process;

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use lictor_core::config::{Hook, VassalConfig};
use lictor_core::observe::BackgroundStatus;
use rustix::event::{PollFd, PollFlags};

use self::daemon::Daemon;
use self::gate::Gate;
use self::jobs::Jobs;
use self::process::Process;
use super::overdue::say;
use super::touch::Touch;

pub(crate) use self::hooks::{run_hooks, try_hooks};

/// What a hook of a touched file may take that needs no process of its own.
const SHORTLY: Duration = Duration::from_secs(1);

/// Everything of a generation that runs beside its workers.
#[derive(Debug)]
pub(super) struct Background {
    generation: u64,
    mercy: Duration,
    daemons: Vec<Daemon>,
    /// Held by the generation whose daemons run.
    daemon_gate: Gate,
    jobs: Jobs,
    /// Hooks by the file that is watched for them.
    touched: Vec<(Touch, Hook)>,
    /// Commands of such hooks that run.
    chores: Vec<Process>,
    /// When it was told to leave.
    left: Option<Instant>,
    trouble: Option<String>,
}

/// What became of it since it was tended last.
#[derive(Debug, Default)]
pub(super) struct News {
    /// What is wrong now, if that is not as it was.
    pub(super) trouble: Option<Change>,
    /// The command of a daemon whose end asks for a reload.
    pub(super) wants_reload: bool,
}

/// What is wrong now.
#[derive(Debug)]
pub(super) enum Change {
    Wrong(String),
    /// Nothing any more.
    Mended,
}

impl Background {
    /// What this generation will run; none if there is nothing. `gates` are for daemons, for the
    /// start of jobs, and for jobs that must not run twice.
    pub(super) fn new(config: &VassalConfig, generation: u64, gates: Vec<OwnedFd>) -> Option<Self> {
        let background = &config.background;
        let gates: [OwnedFd; 3] = gates.try_into().ok()?;
        let [daemons, starting, unique] = gates.map(Gate::new);
        let touched = background.hooks.touch.iter().filter_map(|(file, hook)| {
            Some((Touch::watch(std::slice::from_ref(file))?, hook.clone()))
        });
        let mercy = config.reload_mercy;
        let configs = background.daemons.iter();
        Some(Self {
            generation,
            mercy,
            daemons: configs.map(|config| Daemon::new(config, mercy)).collect(),
            daemon_gate: daemons,
            jobs: Jobs::new(background, starting, unique),
            touched: touched.collect(),
            chores: Vec::new(),
            left: None,
            trouble: None,
        })
    }

    /// Does what is due. `serves` is whether the generation does.
    pub(super) fn tend(&mut self, serves: bool) -> News {
        let now = Instant::now();
        let may_start = serves && self.left.is_none();
        if may_start && !self.daemons.is_empty() && self.daemon_gate.take(now) {
            for daemon in &mut self.daemons {
                daemon.life.begin(now);
            }
        }
        for daemon in &mut self.daemons {
            daemon.tend(now);
        }
        if self.left.is_some() && self.daemons.iter().all(|daemon| daemon.life.is_over()) {
            self.daemon_gate.leave();
        }
        self.jobs.tend(serves, now);
        self.tend_touched(may_start, now);
        let trouble = self.daemons.iter().find_map(Daemon::trouble);
        let wants_reload = self
            .daemons
            .iter_mut()
            .any(|daemon| daemon.asks_for_reload(now));
        let is_news = trouble != self.trouble;
        self.trouble.clone_from(&trouble);
        News {
            trouble: is_news.then(|| trouble.map_or(Change::Mended, Change::Wrong)),
            wants_reload,
        }
    }

    fn tend_touched(&mut self, may_start: bool, now: Instant) {
        for (touch, hook) in &mut self.touched {
            if touch.touched().is_empty() || !may_start {
                continue;
            }
            let Hook::Exec { command, .. } = hook else {
                try_hooks("of a touched file", [&*hook], SHORTLY);
                continue;
            };
            match Process::start(&label::named("touch", command), command, None) {
                Ok(process) => self.chores.push(process),
                Err(error) => say(&format!("lictor: could not run `{command}`: {error}\n")),
            }
        }
        let is_late = self.left.is_some_and(|left| now >= left + self.mercy);
        self.chores.retain_mut(|chore| {
            chore.read();
            if is_late {
                chore.kill();
            }
            let ended = chore.ended();
            if let Some(status) = ended {
                chore.say_end(status);
            }
            ended.is_none()
        });
    }

    /// Told to leave: daemons are asked to end, jobs that run have their mercy.
    pub(super) fn leave(&mut self) {
        if self.left.is_some() {
            return;
        }
        let now = Instant::now();
        self.left = Some(now);
        for daemon in &mut self.daemons {
            daemon.leave(now);
        }
        self.jobs.leave(now + self.mercy);
    }

    /// Whether nothing of it runs any more.
    pub(super) fn is_over(&self) -> bool {
        let are_daemons_over = self.daemons.iter().all(|daemon| daemon.life.is_over());
        are_daemons_over && self.jobs.is_over() && self.chores.is_empty()
    }

    pub(super) fn poll_fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        let daemons = self.daemons.iter();
        let processes = daemons
            .flat_map(|daemon| &daemon.process)
            .chain(&self.chores);
        let touches = self.daemons.iter().flat_map(|daemon| &daemon.touch);
        let touches = touches.chain(self.touched.iter().map(|(touch, _)| touch));
        let touches = touches.map(|touch| PollFd::new(touch, PollFlags::IN));
        processes
            .flat_map(Process::poll_fds)
            .chain(touches)
            .chain(self.jobs.poll_fds())
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        let late = self.left.filter(|_| !self.chores.is_empty());
        let late = late.map(|left| left + self.mercy);
        let times = [self.daemon_gate.wake_at(), self.jobs.wake_at(), late];
        let daemons = self.daemons.iter().filter_map(Daemon::wake_at);
        times.into_iter().flatten().chain(daemons).min()
    }

    /// For `lictor status`.
    pub(super) fn status(&self) -> BackgroundStatus {
        let now = Instant::now();
        let daemons = self.daemons.iter();
        BackgroundStatus {
            daemons: daemons
                .map(|daemon| daemon.status(self.generation, now))
                .collect(),
            crons: self.jobs.status(self.generation),
        }
    }
}
