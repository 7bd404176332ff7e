//! What masters say and how they end, as events of the vassals' lives.

use lictor_core::ipc::MasterMessage;
use lictor_core::observe::{EventKind, Failure, FailureKind};
use lictor_core::sys::ExitStatus;

use super::generation::{Generation, Place};
use super::lifecycle::Event;
use super::run::{Emperor, Input};
use super::worker_event::worker_event;

/// Lines of a vassal that crashed which are shown with the failure.
const LAST_LINES: usize = 20;

impl Emperor {
    /// Takes an input in.
    pub(super) fn take(&mut self, input: Input) {
        match input {
            Input::MasterSaid(place, message) => self.hear(&place, message),
            Input::MasterFound(place, found) => self.master_found(&place, *found),
            Input::MasterExited(place) => self.master_exited(&place),
            Input::Knocked(name) => self.knocked(&name),
            Input::Expanded(name, number, answer) => self.expanded(&name, number, *answer),
            Input::UpgradeChecked(checked, reply) => self.upgrade_checked(checked, reply),
        }
    }

    fn hear(&mut self, place: &Place, message: MasterMessage) {
        let (name, generation) = (place.vassal.as_str(), place.generation);
        match message {
            MasterMessage::Booted { python } => {
                if let Some(record) = self.generation(place) {
                    record.python = Some(python.clone());
                }
                self.journal
                    .tell(Some(name), EventKind::MasterBooted { generation, python });
            }
            MasterMessage::Ready { interface } => {
                if let Some(record) = self.generation(place) {
                    record.interface = Some(interface);
                }
                self.happen(name, Event::Ready(generation));
            }
            MasterMessage::Failed(failure) => self.generation_failed(place, failure),
            MasterMessage::Troubled(failure) => {
                if self.is_serving(place) {
                    self.tell_failure(place, failure);
                }
            }
            MasterMessage::Mended => {
                if let Some(vassal) = self.vassals.get_mut(name) {
                    vassal.forget_trouble(generation);
                }
            }
            MasterMessage::Withdrawn => self.happen(name, Event::Withdrawn(generation)),
            // An answer to a question that was not asked here.
            MasterMessage::Adopted(_) => {}
            MasterMessage::Loaded => self.happen(name, Event::Loaded(generation)),
            MasterMessage::Paused => self.happen(name, Event::Paused(generation)),
            MasterMessage::WorkerSpawned { .. }
            | MasterMessage::WorkerReady { .. }
            | MasterMessage::WorkerRetiring { .. }
            | MasterMessage::RequestOverdue { .. }
            | MasterMessage::Scaled { .. }
            | MasterMessage::WorkerExited { .. } => self.hear_of_worker(place, message),
            MasterMessage::Idle => self.happen(name, Event::Idle(generation)),
            MasterMessage::Report {
                id,
                workers,
                scaling,
            } => {
                if let Some(record) = self.generation(place) {
                    record.scaling = scaling;
                }
                self.take_report(place, workers);
                self.reports.answered(id, place);
            }
            MasterMessage::StopWanted => self.stop_wanted(place),
            MasterMessage::ReloadWanted { .. } => {
                if self.is_serving(place) {
                    self.read_newest(name);
                }
            }
        }
    }

    /// One app in the foreground is all that there is.
    fn stop_wanted(&mut self, place: &Place) {
        match (self.is_serving(place), self.settings.is_foreground) {
            (true, true) => self.stop(),
            (true, false) => self.happen(&place.vassal, Event::StopAsked),
            // A word of one that is leaving.
            (false, _) => {}
        }
    }

    fn hear_of_worker(&mut self, place: &Place, message: MasterMessage) {
        let is_loss = matches!(
            message,
            MasterMessage::WorkerExited {
                expected: false,
                ..
            }
        );
        if let Some(vassal) = self.vassals.get_mut(&place.vassal).filter(|_| is_loss) {
            vassal.restarts += 1;
        }
        if let Some(kind) = worker_event(place.generation, message) {
            self.journal.tell(Some(&place.vassal), kind);
        }
    }

    /// Only a generation that comes up can fail to; later words are noise.
    fn generation_failed(&mut self, place: &Place, failure: Failure) {
        let coming = self
            .vassals
            .get(&place.vassal)
            .and_then(|vassal| vassal.life.coming());
        if coming == Some(place.generation) {
            self.tell_failure(place, failure);
            self.happen(&place.vassal, Event::Failed(place.generation));
            self.fail_foreground();
        }
    }

    pub(super) fn is_serving(&self, place: &Place) -> bool {
        let serving = self
            .vassals
            .get(&place.vassal)
            .and_then(|vassal| vassal.life.serving());
        serving == Some(place.generation)
    }

    fn master_exited(&mut self, place: &Place) {
        let (name, generation) = (place.vassal.as_str(), place.generation);
        let Some(vassal) = self.vassals.get_mut(name) else {
            return;
        };
        let Some(record) = vassal.generations.get_mut(&generation) else {
            return;
        };
        // One that came up for another emperor is expected to go as well.
        let life = &vassal.life;
        let expected = life.serving() != Some(generation) && life.coming() != Some(generation);
        if life.coming() == Some(generation) || expected {
            // What did not come up leaves nothing behind; what drained has nothing left.
            record.kill();
        }
        record.stop_reading_later();
        let (pid, mercy) = (record.pid(), record.terms.reload_mercy);
        let status = record.reap().unwrap_or(ExitStatus::Unknown).to_string();
        vassal.generations.remove(&generation);
        self.reports.gone(place);
        if let Some(records) = &self.records {
            records.close_meeting(name, generation);
        }
        if vassal.life.coming() == Some(generation) {
            let message = format!("the master ended while the app came up: {status}");
            let detail = self.last_words(name);
            self.tell_failure(place, Failure::new(FailureKind::Crash, message, detail));
        } else if !expected && let Some(vassal) = self.vassals.get_mut(name) {
            vassal.restarts += 1;
            self.watch_remnants(name, pid, mercy);
        }
        self.journal.tell(
            Some(name),
            EventKind::MasterExited {
                generation,
                pid,
                status,
                expected,
            },
        );
        self.happen(name, Event::Exited(generation));
        self.go_on_with(name);
        self.fail_foreground();
    }

    /// The last lines that a vassal printed: what a crash leaves behind.
    fn last_words(&self, name: &str) -> String {
        let lines = self.journal.last_lines(name, LAST_LINES);
        if lines.is_empty() {
            return "hint: it printed nothing; did it end itself, or did the kernel for lack of memory?".into();
        }
        format!("its last lines:\n  {}", lines.join("\n  "))
    }

    fn tell_failure(&mut self, place: &Place, failure: Failure) {
        if let Some(vassal) = self.vassals.get_mut(&place.vassal) {
            vassal.tell_failure(place.generation, failure, &self.journal);
            self.changed.insert(place.vassal.clone());
        }
    }

    pub(super) fn generation(&mut self, place: &Place) -> Option<&mut Generation> {
        self.vassals
            .get_mut(&place.vassal)?
            .generations
            .get_mut(&place.generation)
    }
}
