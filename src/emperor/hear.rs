//! What masters say and how they end, as events of the vassals' lives.

use std::process::ExitStatus as ProcessStatus;

use std::os::unix::process::ExitStatusExt;

use lictor_core::ipc::MasterMessage;
use lictor_core::observe::{EventKind, Failure, FailureKind};
use lictor_core::sys::ExitStatus;

use super::generation::Place;
use super::lifecycle::Event;
use super::run::{Emperor, Input};

impl Emperor {
    /// Takes an input in.
    pub(super) fn take(&mut self, input: Input) {
        match input {
            Input::MasterSaid(place, message) => self.hear(&place, message),
            Input::MasterExited(place) => self.master_exited(&place),
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
            MasterMessage::Failed(failure) => {
                // Only a generation that comes up can fail to; later words are noise.
                if self
                    .vassals
                    .get(name)
                    .and_then(|vassal| vassal.life.coming())
                    == Some(generation)
                {
                    self.tell_failure(place, failure);
                    self.happen(name, Event::Failed(generation));
                    self.fail_foreground();
                }
            }
            MasterMessage::Troubled(failure) => {
                if self
                    .vassals
                    .get(name)
                    .and_then(|vassal| vassal.life.serving())
                    == Some(generation)
                {
                    self.tell_failure(place, failure);
                }
            }
            MasterMessage::Mended => {
                if let Some(vassal) = self
                    .vassals
                    .get_mut(name)
                    .filter(|vassal| vassal.has_output_trouble())
                {
                    vassal.error = None;
                }
            }
            MasterMessage::WorkerSpawned { worker, pid } => {
                self.journal.tell(
                    Some(name),
                    EventKind::WorkerSpawned {
                        generation,
                        worker,
                        pid,
                    },
                );
            }
            MasterMessage::WorkerReady { worker, pid } => {
                self.journal.tell(
                    Some(name),
                    EventKind::WorkerReady {
                        generation,
                        worker,
                        pid,
                    },
                );
            }
            MasterMessage::WorkerExited {
                worker,
                pid,
                status,
                expected,
            } => {
                if let Some(vassal) = self.vassals.get_mut(name).filter(|_| !expected) {
                    vassal.restarts += 1;
                }
                let kind = EventKind::WorkerExited {
                    generation,
                    worker,
                    pid,
                    status,
                    expected,
                };
                self.journal.tell(Some(name), kind);
            }
            MasterMessage::Report { id, workers } => {
                if let Some(record) = self.generation(place) {
                    record.workers = workers;
                }
                self.reports.answered(id, place);
            }
            MasterMessage::ReloadWanted { .. } => {
                if self
                    .vassals
                    .get(name)
                    .and_then(|vassal| vassal.life.serving())
                    == Some(generation)
                {
                    self.read_again(name);
                }
            }
        }
    }

    fn master_exited(&mut self, place: &Place) {
        let (name, generation) = (place.vassal.as_str(), place.generation);
        let Some(vassal) = self.vassals.get_mut(name) else {
            return;
        };
        let Some(record) = vassal.generations.get_mut(&generation) else {
            return;
        };
        let expected = vassal.life.is_leaving(generation);
        if vassal.life.coming() == Some(generation) || expected {
            // What did not come up leaves nothing behind; what drained has nothing left.
            record.kill();
        }
        let pid = record.pid();
        let status = record
            .reap()
            .map_or_else(|| "status unknown".to_owned(), words);
        vassal.generations.remove(&generation);
        self.reports.gone(place);
        if vassal.life.coming() == Some(generation) {
            let message = format!("the master ended while the app came up: {status}");
            let detail = self.last_words(name);
            self.tell_failure(place, Failure::new(FailureKind::Crash, message, detail));
        } else if !expected && let Some(vassal) = self.vassals.get_mut(name) {
            vassal.restarts += 1;
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
        self.fail_foreground();
    }

    /// The last lines that a vassal printed: what a crash leaves behind.
    fn last_words(&self, name: &str) -> String {
        let (lines, _) = self.journal.lines();
        let own: Vec<_> = lines.iter().filter(|line| line.vassal == name).collect();
        if own.is_empty() {
            return "hint: it printed nothing; did it end itself, or did the kernel for lack of memory?".into();
        }
        let last = own
            .iter()
            .rev()
            .take(20)
            .rev()
            .map(|line| format!("  {}", line.line));
        format!("its last lines:\n{}", last.collect::<Vec<_>>().join("\n"))
    }

    fn tell_failure(&mut self, place: &Place, failure: Failure) {
        if let Some(vassal) = self.vassals.get_mut(&place.vassal) {
            vassal.tell_failure(place.generation, failure, &self.journal);
        }
    }

    fn generation(&mut self, place: &Place) -> Option<&mut super::generation::Generation> {
        self.vassals
            .get_mut(&place.vassal)?
            .generations
            .get_mut(&place.generation)
    }
}

fn words(status: ProcessStatus) -> String {
    let status = match (status.code(), status.signal()) {
        (Some(code), _) => ExitStatus::Code(code),
        (None, Some(signal)) => ExitStatus::Signal(signal),
        (None, None) => return status.to_string(),
    };
    status.to_string()
}
