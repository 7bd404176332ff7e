//! Files that the tenant itself writes: those of `logto` and of loggers, where the app's output goes, and
//! `pidfile`.

use std::fs::{File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use lictor_core::config::{LogsConfig, VassalConfig};
use rustix::fs::Access;

use super::error::BootError;

/// Opens every log file as whoever this process is now, so that one that cannot be is told at once.
/// Where no process of its own writes it, the file of `logto` becomes stdout and stderr.
pub(super) fn open_logs(config: &VassalConfig) -> Result<(), BootError> {
    for path in config.logs.files() {
        open(path, "logger", &config.logs)?;
    }
    let Some(path) = &config.logto else {
        return Ok(());
    };
    let file = open(path, "logto", &config.logs)?;
    if config.logs.needs_writer() {
        return Ok(());
    }
    let failed = |error: rustix::io::Errno| BootError::Logto {
        path: path.clone(),
        option: "logto",
        source: error.into(),
    };
    rustix::stdio::dup2_stdout(&file).map_err(failed)?;
    rustix::stdio::dup2_stderr(&file).map_err(failed)
}

fn open(path: &Path, option: &'static str, logs: &LogsConfig) -> Result<File, BootError> {
    let failed = |source| BootError::Logto {
        path: path.to_owned(),
        option,
        source,
    };
    let mode = logs.file_mode.map(|mode| mode.0);
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(mode.unwrap_or(0o640))
        .open(path)
        .map_err(failed)?;
    if let Some(mode) = mode {
        let permissions = Permissions::from_mode(mode);
        file.set_permissions(permissions).map_err(failed)?;
    }
    if logs.truncate && file.metadata().map_err(failed)?.is_file() {
        file.set_len(0).map_err(failed)?;
    }
    Ok(file)
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
