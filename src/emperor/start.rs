//! The way of a generation from the decision to its running master: its sockets are bound, it waits
//! for its turn, its master is started.

use std::os::fd::AsFd;

use lictor_core::config::VassalConfig;
use lictor_core::ipc::{Adoption, Handover, PROTOCOL};
use lictor_core::observe::{EventKind, Failure, FailureKind};

use super::generation::{Generation, Place, Terms};
use super::lifecycle::Event;
use super::output;
use super::run::Emperor;
use super::spawn::spawn;
use super::vassal::{Vassal, owner_of};

impl Emperor {
    /// A generation waits for its turn to start. Its sockets listen from now on, so that clients
    /// wait with it instead of being refused.
    pub(super) fn queue(&mut self, place: Place) {
        if self.must_wait(&place.vassal) {
            if let Some(vassal) = self.vassals.get_mut(&place.vassal) {
                vassal.postponed = Some(place.generation);
            }
            return;
        }
        match self.bind_sockets(&place) {
            Ok(()) => self.starts.push_back(place),
            Err(failure) => self.start_failed(&place, failure),
        }
    }

    /// Whether masters that were found and not reached yet hold its sockets: its own masters, or
    /// those of a vassal whose file was renamed.
    fn must_wait(&self, name: &str) -> bool {
        let config = self
            .vassals
            .get(name)
            .and_then(|vassal| vassal.config.as_ref());
        let has_wanted = |other: &Vassal| {
            let mut wanted = config.iter().flat_map(|config| config.addresses());
            let left = &other.left_sockets;
            wanted.any(|address| left.iter().any(|left| left.address == *address))
        };
        let mut unreached = self.vassals.values().filter(|vassal| vassal.is_unreached());
        unreached.any(|other| other.name == name || has_wanted(other))
    }

    /// A master was reached, or ended: what waited for it is done.
    pub(super) fn go_on_with(&mut self, name: &str) {
        let Some(vassal) = self.vassals.get_mut(name) else {
            return;
        };
        if vassal.is_unreached() {
            return;
        }
        let event = if std::mem::take(&mut vassal.is_file_gone) {
            Event::FileGone
        } else {
            Event::AllFound
        };
        self.happen(name, event);
        for place in self.postponed() {
            self.queue(place);
        }
    }

    /// The generations that need not wait any longer.
    fn postponed(&mut self) -> Vec<Place> {
        let waiting = self
            .vassals
            .values()
            .filter(|known| known.postponed.is_some());
        let names = waiting.map(|known| known.name.clone());
        let names: Vec<String> = names.filter(|name| !self.must_wait(name)).collect();
        let taken = names.into_iter().filter_map(|name| {
            let vassal = self.vassals.get_mut(&name)?;
            let generation = vassal.postponed.take()?;
            let is_wanted = vassal.life.coming() == Some(generation);
            is_wanted.then_some(Place {
                vassal: name,
                generation,
            })
        });
        taken.collect()
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
            Err(failure) => self.start_failed(place, failure),
        }
    }

    fn start_failed(&mut self, place: &Place, failure: Failure) {
        let name = place.vassal.as_str();
        if let Some(vassal) = self.vassals.get_mut(name) {
            vassal.tell_failure(place.generation, failure, &self.journal);
        }
        self.happen(name, Event::Failed(place.generation));
        self.fail_foreground();
    }

    /// A vassal that is to sleep has no sockets that could wake it: it is tried again as one that does
    /// not come up.
    pub(super) fn sleep_failed(&mut self, place: &Place, failure: Failure) {
        if let Some(vassal) = self.vassals.get_mut(&place.vassal) {
            vassal.tell_failure(place.generation, failure, &self.journal);
        }
        self.happen(&place.vassal, Event::SleepFailed);
        self.fail_foreground();
    }

    /// Binds what the newest configuration asks for.
    pub(super) fn bind_sockets(&mut self, place: &Place) -> Result<(), Failure> {
        let vassal = self.vassals.get_mut(&place.vassal).ok_or_else(gone)?;
        let config = vassal.config.clone().ok_or_else(gone)?;
        let owner = owner_of(&config);
        match vassal.listeners.bind(&config, owner, &mut self.orphans) {
            Ok(is_changed) => {
                if is_changed {
                    let sockets = vassal.listeners.status(Some(&Terms::from(&*config)));
                    let kind = EventKind::SocketsBound { sockets };
                    self.journal.tell(Some(&place.vassal), kind);
                }
                Ok(())
            }
            Err(error) => {
                // Once they are gone, the next try succeeds.
                self.end_remnants_of(&place.vassal);
                let holder = self.vassals.values().find(|other| {
                    other.name != place.vassal && other.listeners.has(error.address())
                });
                Err(error.failure(holder.map(|other| other.name.as_str())))
            }
        }
    }

    fn try_start(&mut self, place: &Place) -> Result<u32, Failure> {
        let crash = |message: String| Failure::new(FailureKind::Crash, message, "");
        let vassal = self.vassals.get(&place.vassal).ok_or_else(gone)?;
        let config = vassal.config.clone().ok_or_else(gone)?;
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
        let spawned = spawn(&handover, self.host.as_fd(), meeting.as_ref(), &fds)
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
}

fn gone() -> Failure {
    Failure::new(FailureKind::Crash, "the vassal is gone", "")
}

fn cause(error: &dyn std::error::Error) -> String {
    error
        .source()
        .map_or_else(String::new, |source| format!(": {source}"))
}
