//! Locks of which one generation of a vassal at a time holds each, so that its daemons and jobs never
//! run twice: files in the run directory, opened anew for each generation, because a lock belongs to
//! what was opened (`flock(2)`). Nobody can write to them, and nothing ever stands in them.

use std::io;
use std::os::fd::OwnedFd;

use lictor_core::config::VassalConfig;
use lictor_core::sys::{open_path_of, sealed_memfd};
use rustix::fs::{Mode, OFlags, open};

use super::run::Emperor;

/// For daemons, for the start of jobs, and for jobs that must not run twice.
const NAMES: [&str; 3] = ["daemons.lock", "jobs.lock", "unique.lock"];

impl Emperor {
    /// What a new generation is to get; nothing if it has no use for it.
    pub(super) fn gates_of(
        &mut self,
        name: &str,
        config: &VassalConfig,
    ) -> io::Result<Vec<OwnedFd>> {
        if !config.background.is_tended() {
            return Ok(Vec::new());
        }
        if let Some(records) = &self.records {
            return NAMES
                .iter()
                .map(|lock| records.open_lock(name, lock))
                .collect();
        }
        // No emperor follows this one: what is held here is as good as a file.
        let Some(vassal) = self.vassals.get_mut(name) else {
            return Ok(Vec::new());
        };
        if vassal.gates.is_empty() {
            let made = NAMES.iter().map(|lock| sealed_memfd(lock, b"", false));
            vassal.gates = made.collect::<io::Result<_>>()?;
        }
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let opened = vassal
            .gates
            .iter()
            .map(|gate| open(open_path_of(gate), flags, Mode::empty()));
        Ok(opened.collect::<Result<_, _>>()?)
    }
}
