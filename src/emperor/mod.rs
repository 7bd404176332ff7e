//! Placeholder: the emperor, written elsewhere. What the command line hands it is meant to stay.

use std::path::PathBuf;

use crate::control::RunDir;

/// How the emperor writes its own log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One object a line.
    Json,
}

/// What `lictor emperor` was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EmperorArgs {
    /// Directories or globs, as given; at least one.
    pub(crate) sources: Vec<String>,
    /// It exists and is ours.
    pub(crate) run_dir: RunDir,
    /// How to log.
    pub(crate) log_format: LogFormat,
}

/// What `lictor serve` was asked to do. What it says has been found good once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServeArgs {
    /// The vassal file, if one was named.
    pub(crate) file: Option<PathBuf>,
    /// Options on the command line, in their order; for `config::parse_flags`.
    pub(crate) flags: Vec<(String, Vec<String>)>,
    /// What relative paths in `flags` are relative to.
    pub(crate) base_dir: PathBuf,
    /// It exists and is ours.
    pub(crate) run_dir: RunDir,
    /// Reload when the app's code changes.
    pub(crate) reload: bool,
    /// How to log.
    pub(crate) log_format: LogFormat,
}

/// Why the emperor could not go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EmperorError {
    /// The lock of the run directory is taken.
    #[error("another emperor holds the run directory `{}`", run_dir.display())]
    AlreadyRunning {
        /// Which.
        run_dir: PathBuf,
    },
}

pub(crate) fn run(args: EmperorArgs) -> Result<(), EmperorError> {
    Err(EmperorError::AlreadyRunning {
        run_dir: args.run_dir.path().to_owned(),
    })
}

pub(crate) fn serve(args: ServeArgs) -> Result<(), EmperorError> {
    Err(EmperorError::AlreadyRunning {
        run_dir: args.run_dir.path().to_owned(),
    })
}
