//! Doing what the lives of the vassals decide: tell masters and the journal, end, forget; how one is
//! started stands in `start`.

use std::time::{Duration, Instant};

use lictor_core::ipc::MasterOrder;
use lictor_core::observe::{EventKind, Failure, FailureKind};

use super::generation::{Generation, Place};
use super::lifecycle::{Action, Event};
use super::run::Emperor;

impl Emperor {
    /// Something happened to a vassal: its life decides, and what it decides is done.
    pub(super) fn happen(&mut self, name: &str, event: Event) {
        let Some(vassal) = self.vassals.get_mut(name) else {
            return;
        };
        self.changed.insert(name.to_owned());
        if let Event::Exited(generation) = event
            && vassal.life.serving() == Some(generation)
        {
            // What follows at once is to be made from it.
            self.fall_back(name);
        }
        let Some(vassal) = self.vassals.get_mut(name) else {
            return;
        };
        vassal.life.jitter = jitter();
        let actions = vassal.life.step(event, Instant::now());
        for action in actions {
            self.perform(name, action);
        }
        self.wake_up(name);
        if matches!(event, Event::Failed(_) | Event::Exited(_)) {
            self.fall_back_if_down(name);
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
            Action::Pause(generation) => self.pause(name, generation),
            Action::Resume(generation) => {
                self.tell_master(name, generation, &MasterOrder::Resume);
                self.journal
                    .tell(Some(name), EventKind::GenerationResumed { generation });
            }
            Action::ForkWorkers(generation) => {
                self.tell_master(name, generation, &MasterOrder::ForkWorkers);
            }
            Action::Serve(generation) => {
                if let Some(vassal) = self.vassals.get_mut(name) {
                    vassal.keep_text();
                }
                self.tell_master(name, generation, &MasterOrder::Serve);
            }
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
            Action::Sleep => self.fall_asleep(name),
            Action::Wait(wait) => self.announce_wait(name, wait),
            Action::Forget => {
                self.vassals.remove(name);
                self.unwritten.forget(name);
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
            // A newer one may have failed meanwhile; or this one runs because the newest did.
            let is_newest = !vassal.life.has_fallen_back();
            vassal
                .error
                .take_if(|error| is_newest && error.generation <= generation);
        }
        let kind = EventKind::GenerationReady {
            generation,
            interface,
        };
        self.journal.tell(Some(name), kind);
    }

    fn announce_wait(&self, name: &str, wait: Duration) {
        let vassal = self.vassals.get(name);
        let kind = EventKind::BackoffStarted {
            generation: vassal.map_or(0, |vassal| vassal.life.newest()),
            milliseconds: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
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
        // For the last time: it says whether it was used.
        self.tell_master(name, generation, &MasterOrder::Report { id: 0 });
        self.tell_master(name, generation, &MasterOrder::Drain { deadline });
    }

    fn pause(&mut self, name: &str, generation: u64) {
        let Some(record) = self.generation_of(name, generation) else {
            return;
        };
        let deadline = record.terms.reload_mercy;
        self.tell_master(name, generation, &MasterOrder::Pause { deadline });
        self.journal
            .tell(Some(name), EventKind::GenerationPaused { generation });
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
        let path = vassal.generations.get(&generation);
        let hint = match path.and_then(|record| record.terms.ready_path.as_ref()) {
            Some(path) => format!(
                "hint: something hangs while the app is imported or answers `{path}` (`ready-path`); \
                 if it only is slow, raise `start-timeout`"
            ),
            None => "hint: something hangs while the app is imported; if it only is slow, raise \
                     `start-timeout`"
                .to_owned(),
        };
        vassal.tell_failure(
            generation,
            Failure::new(FailureKind::Timeout, message, hint),
            &self.journal,
        );
        self.happen(name, Event::Failed(generation));
        self.fail_foreground();
    }

    /// One app in the foreground that does not start is told at once, not tried again for ever; with
    /// `--reload` somebody is at work on it.
    pub(super) fn fail_foreground(&mut self) {
        let serves = self
            .vassals
            .values()
            .any(|vassal| vassal.life.serving().is_some() || vassal.life.is_asleep());
        if self.settings.is_foreground
            && self.settings.reload_tree.is_none()
            && !serves
            && !self.is_stopping()
        {
            self.has_app_failed = true;
            self.stop();
        }
    }
}

/// Between 0 and 1, different each time: the hasher's keys are random.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let random = RandomState::new().hash_one(0u8) >> 32;
    u32::try_from(random).map_or(0.0, |random| f64::from(random) / f64::from(u32::MAX))
}
