//! Writing down what the next emperor must know, as it changes.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

use lictor_core::sys::boot_id;

use super::generation::Place;
use super::record::{GenerationRecord, Record, Records, Stage};
use super::run::Emperor;
use super::snapshot::Identity;
use super::sources::Source;
use super::vassal::Vassal;

/// Most names in a warning.
const NAMES: usize = 3;

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
            let written = write(records, vassal, record);
            self.unwritten.note(&name, written);
        }
    }

    /// What could not be written may be by now; and what was written may have been swept away, as
    /// old files below a temporary directory are.
    pub(super) fn try_to_write_again(&mut self) {
        self.changed.extend(self.unwritten.0.keys().cloned());
        let Some(records) = &self.records else { return };
        for (name, vassal) in &mut self.vassals {
            if vassal.written.is_some() && !records.has(name) {
                vassal.written = None;
                self.changed.insert(name.clone());
            }
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

/// Whether the record of a vassal is written, so that nothing has to be written now.
fn write(records: &Records, vassal: &mut Vassal, record: Record) -> io::Result<()> {
    if vassal.written.as_ref() == Some(&record) {
        return Ok(());
    }
    vassal.written = None;
    let bytes = serde_json::to_vec(&record)?;
    records.write(&vassal.name, &bytes)?;
    vassal.written = Some(record);
    Ok(())
}

/// The vassals whose records could not be written, and why.
#[derive(Debug, Default)]
pub(super) struct Unwritten(BTreeMap<String, String>);

impl Unwritten {
    /// What came of writing the record of a vassal. A failure is told once, not at every try.
    fn note(&mut self, name: &str, written: io::Result<()>) {
        let Err(error) = written else {
            self.forget(name);
            return;
        };
        let error = error.to_string();
        let before = self.0.insert(name.to_owned(), error.clone());
        if before.as_ref() != Some(&error) {
            tracing::warn!(
                vassal = name,
                "could not write its record in the run directory, so that another emperor could \
                 not take it over: {error}"
            );
        }
    }

    /// Nothing is missing of this vassal, or it is gone.
    pub(super) fn forget(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// For `status`: a sentence for each cause.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut by_cause: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, error) in &self.0 {
            by_cause.entry(error).or_default().push(name);
        }
        let sentence = |(error, names): (&str, Vec<&str>)| {
            let shown = names.get(..NAMES.min(names.len())).unwrap_or_default();
            let more = match names.len().saturating_sub(NAMES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!(
                "could not write the records of {}{more} in the run directory, so that another \
                 emperor could not take them over: {error}",
                shown.join(", ")
            )
        };
        by_cause.into_iter().map(sentence).collect()
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
        is_asleep: vassal.life.is_asleep(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_warning_for_each_cause_until_the_records_are_written() {
        let mut unwritten = Unwritten::default();
        let failed = |cause: &str| Err(io::Error::other(cause.to_owned()));
        for name in ["a", "b", "c", "d", "e"] {
            unwritten.note(name, failed("no space"));
        }
        unwritten.note("f", failed("not a directory"));
        let warnings = unwritten.warnings();
        assert!(
            warnings[0].starts_with("could not write the records of a, b, c and 2 more in "),
            "{warnings:?}"
        );
        assert!(warnings[0].ends_with(": no space"), "{warnings:?}");
        assert!(warnings[1].contains(" of f in "), "{warnings:?}");
        for name in ["a", "b", "c", "d", "e"] {
            unwritten.note(name, Ok(()));
        }
        unwritten.forget("f");
        assert_eq!(unwritten.warnings(), Vec::<String>::new());
    }
}
