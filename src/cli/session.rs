//! One conversation with the emperor of the run directory in question.

use std::path::PathBuf;

use super::error::CliError;
use crate::control::{Client, RunDir};

/// Runs `talk` with a client of the emperor that `run_dir` or the rule for it names.
pub(super) fn with_emperor<T>(
    run_dir: Option<PathBuf>,
    talk: impl AsyncFnOnce(Client) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let run_dir = RunDir::find(run_dir);
    run_dir.check()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|source| CliError::Runtime { source })?;
    runtime.block_on(talk(Client::new(run_dir.control_socket())))
}
