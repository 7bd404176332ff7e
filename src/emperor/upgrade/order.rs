//! `lictor upgrade` and SIGUSR2, as the emperor's loop takes them.

use lictor_core::observe::EventKind;
use tokio::sync::oneshot;

use super::check::{CheckError, Checked, check};
use super::{Inheritance, Upgrade};
use crate::control::Upgrading;
use crate::emperor::hold::HeldRunDir;
use crate::emperor::run::{Course, Emperor, Input};
use crate::emperor::vassal::Vassal;

/// How often this process has become another program, and what is under way.
#[derive(Debug, Default)]
pub(in crate::emperor) struct Upgrades {
    pub(in crate::emperor) count: u32,
    /// A binary is being asked whether it can take over.
    is_checking: bool,
    /// Why it could not, the last time that was tried.
    pub(in crate::emperor) failure: Option<String>,
}

impl Emperor {
    /// Asks the binary on disk; whoever waits for the answer gets it when that has spoken.
    pub(in crate::emperor) fn upgrade(
        &mut self,
        reply: Option<oneshot::Sender<Result<Upgrading, String>>>,
    ) {
        let refusal = if self.settings.is_foreground {
            Some("one app in the foreground is not upgraded; stop it and start it again")
        } else if self.is_stopping() {
            Some("the emperor is stopping")
        } else if self.upgrades.is_checking {
            Some("an upgrade is under way")
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return refuse(reply, refusal);
        }
        self.upgrades.is_checking = true;
        let (program, arguments) = (
            self.settings.program.clone(),
            self.settings.arguments.clone(),
        );
        let inputs = self.inputs.clone();
        tokio::task::spawn_blocking(move || {
            let checked = check(&program, &arguments);
            // Nobody takes it in only when the emperor itself is over.
            drop(inputs.blocking_send(Input::UpgradeChecked(checked, reply)));
        });
    }

    /// The new binary has spoken.
    pub(in crate::emperor) fn upgrade_checked(
        &mut self,
        checked: Result<Checked, CheckError>,
        reply: Option<oneshot::Sender<Result<Upgrading, String>>>,
    ) {
        self.upgrades.is_checking = false;
        match checked.and_then(|checked| self.unless_unrecorded(checked)) {
            Ok(_) if self.is_stopping() => {
                refuse(reply, "the emperor is stopping");
            }
            Ok(checked) => {
                let upgrading = Upgrading {
                    from: env!("CARGO_PKG_VERSION").to_owned(),
                    to: checked.version,
                    upgrades: self.upgrades.count,
                };
                let (from, to) = (upgrading.from.clone(), upgrading.to.clone());
                self.journal
                    .tell(None, EventKind::EmperorUpgrading { from, to });
                // Whoever asked may have gone.
                drop(reply.map(|reply| reply.send(Ok(upgrading))));
                self.course = Course::Upgrades;
                self.upgrades.failure = None;
            }
            Err(error) => {
                let program = self.settings.program.display();
                let message =
                    format!("`{program}` cannot take over, this emperor goes on: {error}");
                self.upgrades.failure = Some(message.clone());
                refuse(reply, &message);
            }
        }
    }

    /// By a record that is not of now the next program would not find what runs, and could not have
    /// its sockets.
    fn unless_unrecorded(&mut self, checked: Checked) -> Result<Checked, CheckError> {
        let unwritten = self.vassals.values();
        let unwritten = unwritten.filter(|vassal| vassal.written.is_none());
        self.changed
            .extend(unwritten.map(|vassal| vassal.name.clone()));
        self.remember();
        let is_lost = |vassal: &&Vassal| vassal.written.is_none() && !vassal.generations.is_empty();
        match self.vassals.values().find(is_lost) {
            Some(vassal) => Err(CheckError::Unrecorded(vassal.name.clone())),
            None => Ok(checked),
        }
    }

    /// What the next program must not let go of.
    pub(in crate::emperor) fn hand_down(
        &mut self,
        held: &mut HeldRunDir,
    ) -> std::io::Result<Upgrade> {
        let (lock, control) = held.hand_down()?;
        let names = self.vassals.iter_mut();
        let sockets = names.map(|(name, vassal)| (name.clone(), vassal.listeners.hand_down()));
        let mut sockets: std::collections::BTreeMap<_, _> = sockets.collect();
        self.endpoints.hand_down(&mut sockets);
        Ok(Upgrade {
            program: self.settings.program.clone(),
            inheritance: Inheritance {
                sockets,
                lock,
                control,
                open_files: self.settings.open_files,
                arguments: self.settings.arguments.clone(),
                upgrades: self.upgrades.count + 1,
                from: env!("CARGO_PKG_VERSION").to_owned(),
                failure: None,
            },
        })
    }
}

fn refuse(reply: Option<oneshot::Sender<Result<Upgrading, String>>>, refusal: &str) {
    if let Some(reply) = reply {
        // Whoever asked may have gone.
        drop(reply.send(Err(refusal.to_owned())));
    }
    tracing::error!("not upgraded: {refusal}");
}
