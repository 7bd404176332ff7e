//! One daemon: what its life decides is done here.

use std::fs;
use std::time::{Duration, Instant};

use lictor_core::config::DaemonConfig;
use lictor_core::observe::{DaemonStatus, Timestamp};

use super::label::{named, shortened};
use super::life::{Deed, Life, STEADY};
use super::process::Process;
use crate::master::overdue::say;
use crate::master::touch::Touch;

/// One daemon.
#[derive(Debug)]
pub(super) struct Daemon {
    config: DaemonConfig,
    /// What it is called in the log.
    label: String,
    pub(super) life: Life,
    pub(super) process: Option<Process>,
    pub(super) touch: Option<Touch>,
    started: Option<(Timestamp, Instant)>,
    starts: u64,
    last_exit: Option<String>,
    /// When a reload is to be asked for.
    reload_at: Option<Instant>,
}

impl Daemon {
    pub(super) fn new(config: &DaemonConfig, mercy: Duration) -> Self {
        Self {
            label: named("daemon", &config.command),
            life: Life::new(mercy),
            process: None,
            touch: config
                .touch
                .as_ref()
                .and_then(|file| Touch::watch(std::slice::from_ref(file))),
            started: None,
            starts: 0,
            last_exit: None,
            reload_at: None,
            config: config.clone(),
        }
    }

    /// Does what is due.
    pub(super) fn tend(&mut self, now: Instant) {
        if let Some(process) = &mut self.process {
            process.read();
            if let Some(status) = process.ended() {
                // Whom it has started and left behind would be in the way of the next.
                process.kill_rest();
                self.ended(&status.to_string(), now);
            }
        }
        let touched = self.touch.as_mut().map(Touch::touched).unwrap_or_default();
        let deed = if touched.is_empty() {
            None
        } else {
            self.life.touched(now)
        };
        let due = self.life.woken(now);
        for deed in [deed, due].into_iter().flatten() {
            self.perform(deed, now);
        }
    }

    pub(super) fn leave(&mut self, now: Instant) {
        self.reload_at = None;
        if let Some(deed) = self.life.leave(now) {
            self.perform(deed, now);
        }
    }

    fn perform(&mut self, deed: Deed, now: Instant) {
        match (deed, &self.process) {
            (Deed::Start, _) => self.start(now),
            (Deed::AskToEnd, Some(process)) => process.signal(self.config.stop_signal),
            (Deed::Kill, Some(process)) => process.kill(),
            (Deed::AskToEnd | Deed::Kill, None) => {}
        }
    }

    fn start(&mut self, now: Instant) {
        self.starts += 1;
        self.started = Some((Timestamp::now(), now));
        let chdir = self.config.chdir.as_deref();
        match Process::start(&self.label, &self.config.command, chdir) {
            Ok(process) => {
                self.write_pidfile(process.pid());
                self.process = Some(process);
            }
            Err(error) => self.ended(&format!("it could not be started: {error}"), now),
        }
    }

    fn ended(&mut self, how: &str, now: Instant) {
        let has_run = self.process.take().is_some();
        if let Some(path) = self.config.pidfile.as_ref().filter(|_| has_run) {
            drop(fs::remove_file(path));
        }
        self.last_exit = Some(how.to_owned());
        self.life.ended(now);
        let (word, wait) = self.life.word(now);
        let then = match wait {
            Some(wait) => format!("; it is started again in {:.1} s", wait.as_secs_f64()),
            None if word == "idle" => String::new(),
            None => "; it is started again".to_owned(),
        };
        say(&format!("lictor: {} ended: {how}{then}\n", self.label));
        if self.config.is_control && word == "waiting" && self.reload_at.is_none() {
            let started = self.started.map_or(now, |(_, at)| at);
            self.reload_at = Some(now.max(started + STEADY));
        }
    }

    /// Whether the vassal is to be reloaded now, because this daemon ended.
    pub(super) fn asks_for_reload(&mut self, now: Instant) -> bool {
        let is_due = self.reload_at.is_some_and(|at| at <= now);
        if is_due {
            self.reload_at = None;
        }
        is_due
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        [self.life.wake_at(), self.reload_at]
            .into_iter()
            .flatten()
            .min()
    }

    fn write_pidfile(&self, pid: u32) {
        let Some(path) = &self.config.pidfile else {
            return;
        };
        if let Err(error) = fs::write(path, format!("{pid}\n")) {
            let path = path.display();
            say(&format!(
                "lictor: could not write `{path}` of {}: {error}\n",
                self.label
            ));
        }
    }

    /// What is wrong with it, if it keeps ending.
    pub(super) fn trouble(&self) -> Option<String> {
        let how = self
            .last_exit
            .as_ref()
            .filter(|_| self.life.keeps_ending())?;
        Some(format!("{} keeps ending: {how}", self.label))
    }

    pub(super) fn status(&self, generation: u64, now: Instant) -> DaemonStatus {
        DaemonStatus {
            command: shortened(&self.config.command),
            generation,
            state: self.life.word(now).0.to_owned(),
            pid: self.process.as_ref().map(Process::pid),
            since: self.started.map(|(at, _)| at),
            restarts: self.starts.saturating_sub(1),
            last_exit: self.last_exit.clone(),
        }
    }
}
