//! `logto`: the app's output goes to a file that the tenant itself opens.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::error::BootError;

/// Opens the file for appending, as whoever this process is now, and makes it stdout and stderr.
pub(super) fn redirect(path: &Path) -> Result<(), BootError> {
    let failed = |source| BootError::Logto {
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o640)
        .open(path)
        .map_err(failed)?;
    rustix::stdio::dup2_stdout(&file).map_err(|error| failed(error.into()))?;
    rustix::stdio::dup2_stderr(&file).map_err(|error| failed(error.into()))?;
    Ok(())
}
