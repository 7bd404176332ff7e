//! The run directory: held by one emperor at a time, entered by nobody else's processes.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Name of the control socket in the run directory.
pub(crate) const CONTROL_SOCKET: &str = "emperor.sock";

/// Why the run directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HoldError {
    /// Another emperor is there.
    #[error("another emperor holds the run directory `{0}`")]
    Held(PathBuf),
    /// It belongs to somebody else, who could answer in our name.
    #[error("the run directory `{0}` belongs to another user")]
    Foreign(PathBuf),
    /// The kernel refused.
    #[error("could not {action} `{path}`")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

/// The run directory, held until this is dropped or the process ends.
#[derive(Debug)]
pub(super) struct HeldRunDir {
    path: PathBuf,
    _lock: File,
}

impl HeldRunDir {
    /// Takes hold of a directory that is there.
    pub(super) fn hold(path: &Path) -> Result<Self, HoldError> {
        let failed = |action| {
            move |source: io::Error| HoldError::Io {
                action,
                path: path.to_owned(),
                source,
            }
        };
        let metadata = std::fs::metadata(path).map_err(failed("look at the run directory"))?;
        if metadata.uid() != rustix::process::geteuid().as_raw() {
            return Err(HoldError::Foreign(path.to_owned()));
        }
        let lock_path = path.join("emperor.lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(failed("open the lock of the run directory"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self {
                path: path.to_owned(),
                _lock: lock,
            }),
            Err(Errno::AGAIN) => Err(HoldError::Held(path.to_owned())),
            Err(error) => Err(failed("lock the run directory")(error.into())),
        }
    }

    /// Binds the control socket, for this user alone. A stale one is in the way of nobody: the
    /// directory is held.
    pub(super) fn bind_control(&self) -> Result<tokio::net::UnixListener, HoldError> {
        let path = self.path.join(CONTROL_SOCKET);
        let failed = |action| {
            let path = path.clone();
            move |source: io::Error| HoldError::Io {
                action,
                path,
                source,
            }
        };
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("replace the control socket")(error));
            }
            Ok(()) | Err(_) => {}
        }
        let umask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
        let listener = tokio::net::UnixListener::bind(&path);
        rustix::process::umask(umask);
        let listener = listener.map_err(failed("bind the control socket"))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
            .map_err(failed("protect the control socket"))?;
        Ok(listener)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for HeldRunDir {
    fn drop(&mut self) {
        // The lock stays: removing it would let two emperors hold two different files.
        drop(std::fs::remove_file(self.path.join(CONTROL_SOCKET)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_emperor_on_the_same_directory_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let first = HeldRunDir::hold(dir.path()).unwrap();
        assert!(matches!(
            HeldRunDir::hold(dir.path()),
            Err(HoldError::Held(_))
        ));
        drop(first);
        assert!(HeldRunDir::hold(dir.path()).is_ok());
    }
}
