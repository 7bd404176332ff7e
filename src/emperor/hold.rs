//! The run directory: held by one emperor at a time, entered by nobody else's processes.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// Name of the control socket in the run directory.
pub(crate) const CONTROL_SOCKET: &str = "emperor.sock";

/// So long may a process that was killed take to let go of its lock.
const DYING: Duration = Duration::from_secs(1);
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

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
    lock: OwnedFd,
    control: OwnedFd,
    is_handed_down: bool,
}

impl HeldRunDir {
    /// Takes hold of a directory that is there, and binds the control socket in it.
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
        match locked(&lock) {
            Ok(()) => {}
            Err(Errno::AGAIN) => return Err(HoldError::Held(path.to_owned())),
            Err(error) => return Err(failed("lock the run directory")(error.into())),
        }
        Ok(Self {
            path: path.to_owned(),
            lock: lock.into(),
            control: bind_control(&path.join(CONTROL_SOCKET))?,
            is_handed_down: false,
        })
    }

    /// Held already, by the program that this process was.
    pub(super) fn inherited(path: &Path, lock: OwnedFd, control: OwnedFd) -> Self {
        Self {
            path: path.to_owned(),
            lock,
            control,
            is_handed_down: true,
        }
    }

    /// From now on it is this program's to clean up.
    pub(super) fn own(&mut self) {
        self.is_handed_down = false;
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The control socket, for the server.
    pub(super) fn control_listener(&self) -> io::Result<tokio::net::UnixListener> {
        let control = std::os::unix::net::UnixListener::from(self.control.try_clone()?);
        control.set_nonblocking(true)?;
        tokio::net::UnixListener::from_std(control)
    }

    /// What holds the directory and the control socket, for the program that this process becomes.
    pub(super) fn hand_down(&mut self) -> io::Result<(OwnedFd, OwnedFd)> {
        self.is_handed_down = true;
        Ok((self.lock.try_clone()?, self.control.try_clone()?))
    }
}

impl Drop for HeldRunDir {
    fn drop(&mut self) {
        // The lock stays: removing it would let two emperors hold two different files.
        if !self.is_handed_down {
            drop(std::fs::remove_file(self.path.join(CONTROL_SOCKET)));
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the kernel tells nobody with a deadline that a lock is free"
)]
/// Takes the lock, also from an emperor that has been killed and is not quite gone.
fn locked(lock: &File) -> Result<(), Errno> {
    let until = Instant::now() + DYING;
    loop {
        match flock(lock, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::AGAIN) if Instant::now() < until => std::thread::sleep(BETWEEN_TRIES),
            other => return other,
        }
    }
}

/// Binds the control socket, for this user alone. A stale one is in the way of nobody: the directory
/// is held.
fn bind_control(path: &Path) -> Result<OwnedFd, HoldError> {
    let failed = |action| {
        move |source: io::Error| HoldError::Io {
            action,
            path: path.to_owned(),
            source,
        }
    };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(failed("replace the control socket")(error));
        }
        Ok(()) | Err(_) => {}
    }
    let umask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
    let listener = std::os::unix::net::UnixListener::bind(path);
    rustix::process::umask(umask);
    let listener = listener.map_err(failed("bind the control socket"))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(failed("protect the control socket"))?;
    Ok(listener.into())
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
