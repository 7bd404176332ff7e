//! Writing down what the next emperor must know, as it changes.

use std::os::fd::OwnedFd;

use lictor_core::sys::boot_id;

use super::generation::Place;
use super::record::{GenerationRecord, Record, Records, Stage};
use super::run::Emperor;
use super::snapshot::Identity;
use super::sources::Source;
use super::vassal::Vassal;

impl Emperor {
    /// Writes the records of the vassals that something happened to since this was done last.
    /// Before the loop waits again, so that no order is ever acted on that no record tells of.
    pub(super) fn remember(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        let Some(records) = self.records.as_ref().filter(|_| !self.is_stopping()) else {
            return;
        };
        let boot_id = boot_id().unwrap_or_default();
        for name in changed {
            let Some(vassal) = self.vassals.get_mut(&name) else {
                continue;
            };
            // Without a file it is on its way out; one that is not read yet must not be forgotten.
            let found = self.snapshot.vassals.get(&name);
            let found = found.filter(|_| !self.unread.contains(&name));
            let identity = found.map_or(Identity::FILELESS, |found| found.identity);
            let source = self.settings.sources.get(vassal.source);
            let source = source.map(Source::label).unwrap_or_default();
            let record = record_of(vassal, &boot_id, source, identity);
            write(records, vassal, record);
        }
    }

    /// The socket by which the next emperor reaches a master that is about to be started. None for
    /// one that shall not outlive this emperor.
    pub(super) fn bind_meeting(&self, place: &Place) -> Option<OwnedFd> {
        let records = self.records.as_ref()?;
        let Place { vassal, generation } = place;
        records
            .bind_meeting(vassal, *generation)
            .inspect_err(|error| {
                tracing::warn!(
                    vassal,
                    "generation {generation} will not outlive this emperor: could not bind its \
                     socket in the run directory: {error}"
                );
            })
            .ok()
    }

    /// Nothing runs any more: nothing is to be adopted.
    pub(super) fn forget_all(&self) {
        if let Some(records) = &self.records {
            for name in self.vassals.keys() {
                records.forget(name);
            }
        }
    }
}

fn write(records: &Records, vassal: &mut Vassal, record: Record) {
    if vassal.written.as_ref() == Some(&record) {
        return;
    }
    let written = serde_json::to_vec(&record)
        .map_err(std::io::Error::from)
        .and_then(|bytes| records.write(&vassal.name, &bytes));
    match written {
        Ok(()) => vassal.written = Some(record),
        Err(error) => {
            vassal.written = None;
            let name = vassal.name.as_str();
            tracing::warn!(
                vassal = name,
                "could not write its record in the run directory, so that another emperor could \
                 not take it over: {error}"
            );
        }
    }
}

fn record_of(vassal: &Vassal, boot_id: &str, source: String, identity: Identity) -> Record {
    let generations = vassal.generations.iter().filter_map(|(&number, known)| {
        let stage = if vassal.life.serving() == Some(number) {
            Stage::Serving
        } else if vassal.life.coming() == Some(number) {
            Stage::Coming
        } else {
            Stage::Leaving
        };
        Some(GenerationRecord {
            number,
            stage,
            pid: known.pid(),
            start_ticks: known.start_ticks?,
            terms: known.terms.clone(),
        })
    });
    // Also those that a master holds which is still to be reached.
    let sockets = vassal.listeners.records().into_iter();
    let sockets = sockets.chain(vassal.left_sockets.iter().cloned());
    Record {
        format: Record::FORMAT,
        boot_id: boot_id.to_owned(),
        file: vassal.path.clone(),
        source,
        // What waits for its start has no process yet, and must not be forgotten.
        identity: if vassal.life.coming().is_some() {
            Identity::FILELESS
        } else {
            identity
        },
        hash: vassal.hash,
        seen: Some(identity),
        newest: vassal.life.newest(),
        is_stopped: vassal.life.is_stopped_by_order(),
        restarts: vassal.restarts,
        error: vassal.error.clone(),
        kept: vassal.kept.clone(),
        rolled_back: vassal.text.clone().filter(|_| vassal.rolled_back),
        has_fallen_back: vassal.life.has_fallen_back(),
        has_served: vassal.life.has_served(),
        generations: generations.collect(),
        sockets: sockets.collect(),
    }
}
