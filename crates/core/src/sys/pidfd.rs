//! A child held by a descriptor, so that a recycled pid is never signalled.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, WaitIdStatus, kill_process_group, pidfd_open,
    pidfd_send_signal, waitid,
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

    /// Whether the process has not ended yet.
    pub fn is_alive(&self) -> bool {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut fds = [PollFd::new(&self.fd, PollFlags::IN)];
        !poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0)
    }

    /// SIGKILL to the process and to its process group, whose leader it is.
    ///
    /// Its number is its own while it lives, and while it has not been reaped; after that it still
    /// is the group's as long as no other process has it.
    pub fn kill_group(&self, is_unreaped: bool) {
        let may_be_anothers =
            !is_unreaped && !self.is_alive() && Path::new(&format!("/proc/{}", self.pid)).exists();
        let number = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        if let Some(number) = number.filter(|_| !may_be_anothers) {
            // Nobody may be left in it.
            let _ = kill_process_group(number, Signal::KILL);
        }
        // By itself too: it makes its group itself, and may not have come that far.
        drop(self.kill());
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
