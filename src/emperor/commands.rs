//! Orders and questions of people, from the control socket.

use lictor_core::ipc::MasterOrder;
use lictor_core::observe::{EmperorStatus, Status, VassalState};
use tokio::sync::oneshot;

use super::generation::Place;
use super::lifecycle::Event;
use super::run::Emperor;
use super::sources::Source;
use crate::control::{ActError, Acted, Command, Verb, nearest};

impl Emperor {
    /// Obeys.
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Status { reply } => self.ask_masters(reply),
            // Whoever asked may have gone: then the answer is nobody's.
            Command::Act {
                vassal,
                verb,
                reply,
            } => drop(reply.send(self.act(&vassal, verb))),
            Command::Upgrade { reply } => self.upgrade(Some(reply)),
            Command::Events { reply } => drop(reply.send(self.journal.events())),
            Command::Logs { reply } => drop(reply.send(self.journal.lines())),
        }
    }

    fn act(&mut self, name: &str, verb: Verb) -> Result<Acted, ActError> {
        let is_stopping = self.is_stopping();
        let Some(vassal) = self.vassals.get_mut(name) else {
            return Err(self.unknown(name));
        };
        if is_stopping {
            return Err(ActError::Refused("the emperor is stopping".to_owned()));
        }
        let seq = self.journal.seq();
        let state = vassal.life.state();
        let is_stopped = matches!(state, VassalState::Stopping | VassalState::Stopped);
        match verb {
            Verb::Reload | Verb::Retry | Verb::Rollback if is_stopped => {
                let message =
                    format!("vassal `{name}` is {state}; `lictor start {name}` starts it");
                return Err(ActError::Refused(message));
            }
            Verb::Retry if state == VassalState::Ready && vassal.error.is_none() => {
                return Ok(Acted {
                    generation: None,
                    seq,
                });
            }
            Verb::Start if !is_stopped => {
                return Ok(Acted {
                    generation: None,
                    seq,
                });
            }
            Verb::Stop => {
                self.happen(name, Event::StopAsked);
                return Ok(Acted {
                    generation: None,
                    seq,
                });
            }
            Verb::Rollback => {
                if self.unread.iter().any(|unread| unread == name) {
                    self.read_again(name);
                }
                self.roll_back(name)?;
            }
            Verb::Start => {
                vassal.life.allow();
                vassal.life.call();
                self.read_newest(name);
            }
            Verb::Reload | Verb::Retry => {
                vassal.life.call();
                self.read_newest(name);
            }
        }
        let generation = self.vassals.get(name).map(|vassal| vassal.life.newest());
        Ok(Acted { generation, seq })
    }

    fn unknown(&self, name: &str) -> ActError {
        ActError::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, self.vassals.keys().map(String::as_str)),
        }
    }

    /// Asks every master that can answer how its workers are; the reply follows.
    fn ask_masters(&mut self, reply: oneshot::Sender<Status>) {
        let mut places = Vec::new();
        for vassal in self.vassals.values() {
            // One that comes up is inside the app's import.
            let able = vassal
                .generations
                .iter()
                .filter(|(number, _)| vassal.life.coming() != Some(**number));
            for (&generation, record) in able {
                places.push((
                    Place {
                        vassal: vassal.name.clone(),
                        generation,
                    },
                    record,
                ));
            }
        }
        let id = self.reports.ask(
            places.iter().map(|(place, _)| place.clone()).collect(),
            reply,
        );
        for (_, record) in places {
            record.tell(&MasterOrder::Report { id });
        }
    }

    /// Sends the replies that are complete or overdue.
    pub(super) fn answer_reports(&mut self) {
        for reply in self.reports.due() {
            // Whoever asked may have gone.
            drop(reply.send(self.status()));
        }
    }

    fn status(&self) -> Status {
        Status {
            emperor: EmperorStatus {
                pid: std::process::id(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                started_at: self.started_at,
                upgrades: self.upgrades.count,
                upgrade_failure: self.upgrades.failure.clone(),
                warnings: self.unwritten.warnings(),
                sources: self.settings.sources.iter().map(Source::label).collect(),
            },
            vassals: self
                .vassals
                .values()
                .map(super::vassal::Vassal::status)
                .collect(),
        }
    }
}
