//! When each vassal was last used, as far as the emperor knows: who starts first next time.
//!
//! Nobody polls: it is known from the counters that masters report when somebody asks for the
//! status, and when they are told to leave. It is written into the run directory when the emperor
//! ends. Names and times only; a hint, so that a file that cannot be read or written is no trouble.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use lictor_core::observe::WorkerStatus;
use lictor_core::sys::read_bounded;

use super::generation::Place;
use super::run::Emperor;

const FILE_NAME: &str = "last-used.json";
/// Room for ten thousand names of the longest kind.
const FILE_LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// Seconds of the epoch, by vassal.
#[derive(Debug, Default)]
pub(super) struct LastUsed(BTreeMap<String, u64>);

impl LastUsed {
    /// What the emperor before has written down.
    pub(super) fn read(run_dir: Option<&Path>) -> Self {
        let path = run_dir.map(|run_dir| run_dir.join(FILE_NAME));
        let bytes = path.and_then(|path| read_bounded(&path, FILE_LIMIT_BYTES).ok());
        let known = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self(known.unwrap_or_default())
    }

    /// Writes down what is known of these vassals, whole or not at all.
    pub(super) fn write<'a>(&self, run_dir: &Path, vassals: impl Iterator<Item = &'a String>) {
        let known: BTreeMap<_, _> = vassals
            .filter_map(|name| self.0.get_key_value(name))
            .collect();
        let written = || -> io::Result<()> {
            let fresh = run_dir.join(format!(".{FILE_NAME}.new"));
            fs::write(&fresh, serde_json::to_vec(&known)?)?;
            fs::rename(&fresh, run_dir.join(FILE_NAME))
        };
        if let Err(error) = written() {
            let path = run_dir.join(FILE_NAME);
            tracing::warn!("could not write `{}`: {error}", path.display());
        }
    }

    /// It is being used now.
    pub(super) fn note(&mut self, vassal: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |now| now.as_secs());
        self.0.insert(vassal.to_owned(), now);
    }

    /// When it was last used, if that is known.
    pub(super) fn of(&self, vassal: &str) -> Option<u64> {
        self.0.get(vassal).copied()
    }
}

impl Emperor {
    /// Notes how the workers of a master are, and whether they were used since it said so last.
    pub(super) fn take_report(&mut self, place: &Place, workers: Vec<WorkerStatus>) {
        let vassal = self.vassals.get_mut(&place.vassal);
        let record = vassal.and_then(|vassal| vassal.generations.get_mut(&place.generation));
        let Some(record) = record else { return };
        if has_worked(&record.workers, &workers) {
            self.last_used.note(&place.vassal);
        }
        record.workers = workers;
    }
}

/// Whether workers have answered requests between two reports of their master.
fn has_worked(before: &[WorkerStatus], now: &[WorkerStatus]) -> bool {
    now.iter().any(|worker| {
        let known = before.iter().find(|known| known.pid == worker.pid);
        worker.requests > known.map_or(0, |known| known.requests)
    })
}

#[cfg(test)]
mod tests {
    use lictor_core::observe::{Timestamp, WorkerState};

    use super::*;

    fn worker(pid: u32, requests: u64) -> WorkerStatus {
        WorkerStatus {
            id: 1,
            pid,
            generation: 1,
            state: WorkerState::Idle,
            requests,
            errors: 0,
            rss: 0,
            since: Timestamp::now(),
        }
    }

    #[test]
    fn only_a_counter_that_moved_is_use() {
        assert!(!has_worked(&[], &[worker(1, 0)]));
        assert!(has_worked(&[], &[worker(1, 3)]));
        assert!(!has_worked(&[worker(1, 3)], &[worker(1, 3)]));
        assert!(has_worked(&[worker(1, 3)], &[worker(1, 3), worker(2, 1)]));
        // A worker was replaced by one that has done nothing yet.
        assert!(!has_worked(&[worker(1, 3)], &[worker(2, 0)]));
    }

    #[test]
    fn the_next_emperor_knows_and_a_vassal_that_is_gone_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let mut known = LastUsed::read(Some(dir.path()));
        assert_eq!(known.of("blog"), None);
        known.note("blog");
        known.note("gone");
        known.write(
            dir.path(),
            ["blog".to_owned(), "never used".to_owned()].iter(),
        );
        let again = LastUsed::read(Some(dir.path()));
        assert!(again.of("blog").is_some_and(|at| at > 1_700_000_000));
        assert_eq!((again.of("gone"), again.of("never used")), (None, None));
    }

    #[test]
    fn a_file_that_is_no_such_file_is_no_trouble() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "{\"blog\": \"soon\"}", "[1", "{\"blog\": -1}"] {
            fs::write(dir.path().join(FILE_NAME), text).unwrap();
            assert_eq!(LastUsed::read(Some(dir.path())).of("blog"), None, "{text}");
        }
        fs::write(dir.path().join(FILE_NAME), vec![b' '; 5 << 20]).unwrap();
        assert_eq!(LastUsed::read(Some(dir.path())).of("blog"), None);
    }
}
