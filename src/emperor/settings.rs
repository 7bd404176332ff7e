//! What an emperor is told at its start, and why it cannot go on.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

use super::bind::BindError;
use super::hold::HoldError;
use super::memory_pressure::FreeMemory;
use super::monitoring::Monitoring;
use super::policy::PolicyFiles;
use super::sources::Source;

/// What an emperor is told at its start.
#[derive(Debug)]
pub(super) struct Settings {
    /// Where vassals come from.
    pub(super) sources: Vec<Source>,
    /// What is added to every vassal file.
    pub(super) policy: PolicyFiles,
    /// Where the control socket stands; none for one app in the foreground without one.
    pub(super) run_dir: Option<PathBuf>,
    /// Environment below `env-file` and `env`.
    pub(super) environment: Vec<(String, String)>,
    /// Soft limit of open files that apps get.
    pub(super) open_files: Option<u64>,
    /// This executable, by the name under which a newer one would stand.
    pub(super) program: PathBuf,
    /// How this process was started, its name aside.
    pub(super) arguments: Vec<OsString>,
    /// Told to end, it leaves its vassals running for the next one.
    pub(super) leaves_vassals: bool,
    /// One app in the foreground: its failure to start is the end, its output is printed plainly.
    pub(super) is_foreground: bool,
    /// A tree whose `.py` files reload the app when they change.
    pub(super) reload_tree: Option<PathBuf>,
    /// How many masters come up at a time.
    pub(super) parallel_starts: usize,
    /// How much memory has to be available for a start.
    pub(super) min_free_memory: FreeMemory,
    /// Where it is to be watched.
    pub(super) monitoring: Monitoring,
}

/// Why an emperor cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmperorError {
    /// The run directory cannot be used.
    #[error(transparent)]
    RunDir(#[from] HoldError),
    /// A source that is not there at the start is a mistake of the command line.
    #[error("could not look at the source `{source_label}`")]
    Source {
        /// As it was typed.
        source_label: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An address of `--stats` or `--metrics`.
    #[error(transparent)]
    Endpoint(#[from] BindError),
    /// Something that every emperor needs.
    #[error("could not {action}")]
    Setup {
        /// What was attempted.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The program could not be replaced, and its own place was given up already.
    #[error("could not become another program, nor the same again; the vassals run on: {0}")]
    Upgrade(io::Error),
    /// The one app in the foreground did not start; its failure has been told.
    #[error("the app did not start")]
    AppFailed,
}
