//! Doing what the lives of the vassals decide: bind, start, tell, end.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use lictor_core::config::VassalConfig;
use lictor_core::ipc::{Adoption, Handover, MasterOrder, PROTOCOL};
use lictor_core::observe::{EventKind, Failure, FailureKind};

use super::generation::{Generation, Place, Terms};
use super::lifecycle::{Action, Event};
use super::output;
use super::run::Emperor;
use super::spawn::spawn;
use super::vassal::owner_of;

impl Emperor {
    /// Something happened to a vassal: its life decides, and what it decides is done.
    pub(super) fn happen(&mut self, name: &str, event: Event) {
        let Some(vassal) = self.vassals.get_mut(name) else {
            return;
        };
        self.changed.insert(name.to_owned());
        vassal.life.jitter = jitter();
        let actions = vassal.life.step(event, Instant::now());
        for action in actions {
            self.perform(name, action);
        }
        if let Some(vassal) = self.vassals.get_mut(name) {
            vassal.tell_state(&self.journal);
        }
    }

    fn perform(&mut self, name: &str, action: Action) {
        match action {
            Action::Spawn(generation) => {
                let vassal = name.to_owned();
                self.queue(Place { vassal, generation });
            }
            Action::Serve(generation) => self.tell_master(name, generation, &MasterOrder::Serve),
            Action::Resume(generation) => self.tell_master(name, generation, &MasterOrder::Resume),
            Action::Announce(generation) => self.announce_ready(name, generation),
            Action::Drain(generation) => self.drain(name, generation),
            Action::Kill(generation) => {
                if let Some(generation) = self.generation_of(name, generation) {
                    generation.kill();
                }
            }
            Action::TimeOut(generation) => self.time_out(name, generation),
            Action::Release => {
                if let Some(vassal) = self.vassals.get_mut(name) {
                    vassal.release(&mut self.orphans);
                }
            }
            Action::Wait(wait) => {
                let generation = self
                    .vassals
                    .get(name)
                    .map_or(0, |vassal| vassal.life.newest());
                let milliseconds = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                let kind = EventKind::BackoffStarted {
                    generation,
                    milliseconds,
                };
                self.journal.tell(Some(name), kind);
            }
            Action::Forget => {
                self.vassals.remove(name);
                self.journal.tell(Some(name), EventKind::VassalGone);
                self.journal.forget(name);
                if let Some(records) = &self.records {
                    records.forget(name);
                }
            }
        }
    }

    fn announce_ready(&mut self, name: &str, generation: u64) {
        let record = self.generation_of(name, generation);
        let interface = record
            .and_then(|record| record.interface.clone())
            .unwrap_or_default();
        if let Some(vassal) = self.vassals.get_mut(name) {
            // A newer one may have failed meanwhile.
            vassal.error.take_if(|error| error.generation <= generation);
        }
        let kind = EventKind::GenerationReady {
            generation,
            interface,
        };
        self.journal.tell(Some(name), kind);
    }

    fn drain(&mut self, name: &str, generation: u64) {
        let Some(record) = self.generation_of(name, generation) else {
            return;
        };
        let deadline = record.terms.reload_mercy;
        self.journal
            .tell(Some(name), EventKind::GenerationDraining { generation });
        self.tell_master(name, generation, &MasterOrder::Drain { deadline });
    }

    fn generation_of(&self, name: &str, generation: u64) -> Option<&Generation> {
        self.vassals.get(name)?.generations.get(&generation)
    }

    fn tell_master(&self, name: &str, generation: u64, order: &MasterOrder) {
        if let Some(generation) = self.generation_of(name, generation) {
            generation.tell(order);
        }
    }

    fn time_out(&mut self, name: &str, generation: u64) {
        let Some(vassal) = self.vassals.get_mut(name) else {
            return;
        };
        let seconds = vassal.life.start_timeout.as_secs_f64();
        let message = format!("the app was not ready after {seconds} s (`start-timeout`)");
        let hint = "hint: something hangs while the app is imported; if it only is slow, raise `start-timeout`";
        vassal.tell_failure(
            generation,
            Failure::new(FailureKind::Timeout, message, hint),
            &self.journal,
        );
        self.happen(name, Event::Failed(generation));
        self.fail_foreground();
    }

    /// It waits for its turn. Masters that were found and not reached yet hold its sockets.
    fn queue(&mut self, place: Place) {
        match self.vassals.get_mut(&place.vassal) {
            Some(vassal) if vassal.is_unreached() => vassal.postponed = Some(place.generation),
            Some(_) | None => self.starts.push_back(place),
        }
    }

    /// A master was reached, or ended.
    pub(super) fn start_postponed(&mut self, name: &str) {
        let vassal = self
            .vassals
            .get_mut(name)
            .filter(|vassal| !vassal.is_unreached());
        if let Some(generation) = vassal.and_then(|vassal| vassal.postponed.take()) {
            let vassal = name.to_owned();
            self.starts.push_back(Place { vassal, generation });
        }
    }

    /// Starts a generation whose turn has come.
    pub(super) fn start(&mut self, place: &Place) {
        let name = place.vassal.as_str();
        match self.try_start(place) {
            Ok(pid) => {
                let generation = place.generation;
                self.journal
                    .tell(Some(name), EventKind::MasterSpawned { generation, pid });
                self.happen(name, Event::Spawned(place.generation));
            }
            Err(failure) => {
                if let Some(vassal) = self.vassals.get_mut(name) {
                    vassal.tell_failure(place.generation, failure, &self.journal);
                }
                self.happen(name, Event::Failed(place.generation));
                self.fail_foreground();
            }
        }
    }

    /// Binds what the newest configuration asks for, and gives that.
    fn bind_sockets(&mut self, place: &Place) -> Result<Arc<VassalConfig>, Failure> {
        let vassal = self.vassals.get_mut(&place.vassal).ok_or_else(gone)?;
        let config = vassal.config.clone().ok_or_else(gone)?;
        let owner = owner_of(&config);
        match vassal.listeners.bind(&config, owner, &mut self.orphans) {
            Ok(is_changed) => {
                if is_changed {
                    let sockets = vassal.listeners.status();
                    let kind = EventKind::SocketsBound { sockets };
                    self.journal.tell(Some(&place.vassal), kind);
                }
                Ok(config)
            }
            Err(error) => {
                let holder = self.vassals.values().find(|other| {
                    other.name != place.vassal && other.listeners.has(error.address())
                });
                Err(error.failure(holder.map(|other| other.name.as_str())))
            }
        }
    }

    fn try_start(&mut self, place: &Place) -> Result<u32, Failure> {
        let crash = |message: String| Failure::new(FailureKind::Crash, message, "");
        let config = self.bind_sockets(place)?;
        self.warn_of_root(place, &config);
        let meeting = self.bind_meeting(place);
        let vassal = self.vassals.get_mut(&place.vassal).ok_or_else(gone)?;
        let (listeners, fds) = vassal.listeners.handover(&config);
        let handover = Handover {
            vassal: vassal.name.clone(),
            file: vassal.path.display().to_string(),
            generation: place.generation,
            config: VassalConfig::clone(&config),
            environment: self.settings.environment.clone(),
            open_files: self.settings.open_files,
            protocol: PROTOCOL,
            adoption: meeting.as_ref().map(|_| Adoption::default()),
            listeners,
            hosting: None,
        };
        let spawned = spawn(&handover, self.host.as_fd(), meeting, &fds)
            .map_err(|error| crash(format!("{error}{}", cause(&error))))?;
        let reader = tokio::spawn(output::read(
            place.vassal.clone(),
            spawned.output,
            self.journal.clone(),
        ));
        let mut generation = Generation::watch(
            place.clone(),
            spawned.child,
            spawned.channel,
            Terms::from(&*config),
            &self.inputs,
        )
        .map_err(|error| crash(format!("could not watch the master: {error}")))?;
        generation.reader = Some(reader.abort_handle());
        let pid = generation.pid();
        vassal.generations.insert(place.generation, generation);
        Ok(pid)
    }

    fn warn_of_root(&self, place: &Place, config: &VassalConfig) {
        let is_root = rustix::process::geteuid().is_root() && config.uid.is_none();
        if is_root && place.generation == 1 && !self.settings.is_foreground {
            let vassal = place.vassal.as_str();
            tracing::warn!(vassal, "runs as root; give it a user of its own with `uid`");
        }
    }

    /// One app in the foreground that does not start is told at once, not tried again for ever; with
    /// `--reload` somebody is at work on it.
    pub(super) fn fail_foreground(&mut self) {
        let serves = self
            .vassals
            .values()
            .any(|vassal| vassal.life.serving().is_some());
        if self.settings.is_foreground
            && self.settings.reload_tree.is_none()
            && !serves
            && !self.is_stopping
        {
            self.has_app_failed = true;
            self.stop();
        }
    }
}

fn gone() -> Failure {
    Failure::new(FailureKind::Crash, "the vassal is gone", "")
}

fn cause(error: &dyn std::error::Error) -> String {
    error
        .source()
        .map_or_else(String::new, |source| format!(": {source}"))
}

/// Between 0 and 1, different each time: the hasher's keys are random.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(0u8) >> 32;
    u32::try_from(random).map_or(0.0, |random| f64::from(random) / f64::from(u32::MAX))
}
