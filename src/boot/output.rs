//! Files that the tenant itself writes: `logto`, where the app's output goes, and `pidfile`.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::Access;

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

/// Whether this process may write the file, or make it. Nothing is made yet: this generation may
/// never serve.
pub(super) fn check_pidfile(path: &Path) -> Result<(), BootError> {
    let may_write = |path: &Path| rustix::fs::access(path, Access::WRITE_OK);
    let directory = path.parent().unwrap_or(Path::new("/"));
    let outcome = match may_write(path) {
        Err(rustix::io::Errno::NOENT) => may_write(directory),
        other => other,
    };
    outcome.map_err(|error| BootError::Pidfile {
        path: path.to_owned(),
        source: error.into(),
    })
}
