//! A child held by a descriptor, so that a recycled pid is never signalled.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, pidfd_open, pidfd_send_signal,
    waitid,
};

/// A child process.
#[derive(Debug)]
pub struct Pidfd {
    pid: u32,
    fd: OwnedFd,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It left with this status.
    Code(i32),
    /// A signal ended it.
    Signal(i32),
    /// It ended; how, somebody else was told.
    Unknown,
}

impl ExitStatus {
    /// Whether SIGKILL ended it.
    pub fn is_kill(self) -> bool {
        self == Self::Signal(Signal::KILL.as_raw())
    }
}

impl Pidfd {
    /// Holds a child that has not been reaped.
    pub fn open(pid: u32) -> io::Result<Self> {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
        let number = number.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self {
            pid,
            fd: pidfd_open(number, PidfdFlags::empty())?,
        })
    }

    /// The process id, for people.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends SIGKILL. A process that has ended is no error.
    pub fn kill(&self) -> io::Result<()> {
        self.signal(Signal::KILL)
    }

    /// Sends SIGTERM. A process that has ended is no error.
    pub fn terminate(&self) -> io::Result<()> {
        self.signal(Signal::TERM)
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        match pidfd_send_signal(&self.fd, signal) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Collects the status if the child has ended; the descriptor is readable from then on.
    pub fn try_reap(&self) -> io::Result<Option<ExitStatus>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        match waitid(WaitId::PidFd(self.fd.as_fd()), options) {
            Ok(status) => Ok(status.as_ref().map(exit_status)),
            // Somebody else in this process was first, or SIGCHLD is ignored.
            Err(rustix::io::Errno::CHILD) => Ok(Some(ExitStatus::Unknown)),
            Err(error) => Err(error.into()),
        }
    }
}

fn exit_status(status: &WaitIdStatus) -> ExitStatus {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => ExitStatus::Code(code),
        (None, Some(signal)) => ExitStatus::Signal(signal),
        (None, None) => ExitStatus::Unknown,
    }
}

impl From<Pidfd> for OwnedFd {
    fn from(pidfd: Pidfd) -> Self {
        pidfd.fd
    }
}

impl AsFd for Pidfd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => match signal_hook::low_level::signal_name(number) {
                Some(name) => write!(f, "signal {number} ({name})"),
                None => write!(f, "signal {number}"),
            },
            Self::Unknown => f.write_str("status unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_somebody_else_reaped_has_ended() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pidfd = Pidfd::open(child.id()).unwrap();
        child.wait().unwrap();
        assert_eq!(pidfd.try_reap().unwrap(), Some(ExitStatus::Unknown));
    }
}
