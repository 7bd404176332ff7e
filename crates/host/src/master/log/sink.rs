//! One logger of the writer: its lines of this turn, and whether it takes them.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use lictor_core::config::{LogTarget, Logger, LogsConfig};
use lictor_core::sys::local_time;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::datagram::Datagrams;
use super::dress::Dress;
use super::file::LogFile;

/// A pipe that polls as writable takes this much without blocking (`pipe(7)`, `PIPE_BUF`).
const PIECE_BYTES: usize = 4096;
/// As RFC 3164 §4.1.2 writes the time.
const SYSLOG_TIME: &str = "%b %e %H:%M:%S";

/// A logger.
#[derive(Debug)]
pub(super) struct Sink {
    target: Target,
    dress: Dress,
    /// Lines of this turn.
    lines: Vec<u8>,
    /// Dropped since it last worked.
    dropped: u64,
    /// The number of the error.
    failing: Option<i32>,
}

#[derive(Debug)]
enum Target {
    Emperor,
    File(LogFile),
    Datagrams(Datagrams),
}

impl Sink {
    pub(super) fn new(logger: &Logger, dress: Dress, logs: &LogsConfig) -> Self {
        let target = match &logger.target {
            LogTarget::Emperor => Target::Emperor,
            LogTarget::File { path, rotation } => {
                let mut rotation = rotation.clone();
                rotation.max_bytes = rotation.max_bytes.or(logs.rotation.max_bytes);
                rotation.backups = rotation.backups.or(logs.rotation.backups);
                let backup = rotation.backup_name.take();
                rotation.backup_name = backup.or_else(|| logs.rotation.backup_name.clone());
                let mode = logs.file_mode.map(|mode| mode.0);
                Target::File(LogFile::new(path, rotation, mode))
            }
            LogTarget::Syslog { ident, facility } => {
                Target::Datagrams(Datagrams::local_syslog(ident, *facility))
            }
            LogTarget::RemoteSyslog { address, ident } => {
                Target::Datagrams(Datagrams::remote_syslog(address, ident))
            }
            LogTarget::Datagram { address, prefix } => {
                Target::Datagrams(Datagrams::plain(address, prefix))
            }
        };
        Self {
            target,
            dress,
            lines: Vec::new(),
            dropped: 0,
            failing: None,
        }
    }

    /// Takes a line in. `now` is since 1970.
    pub(super) fn push(&mut self, line: &[u8], now: Duration) {
        if let Target::Datagrams(datagrams) = &mut self.target {
            self.lines.clear();
            self.dress.push(&mut self.lines, line, now, local_time);
            let time = local_time(SYSLOG_TIME, now.as_secs());
            let outcome = datagrams.send(&self.lines, &time);
            self.lines.clear();
            self.note(outcome, 1);
            return;
        }
        self.dress.push(&mut self.lines, line, now, local_time);
        self.lines.push(b'\n');
    }

    /// Writes the lines of this turn.
    pub(super) fn flush(&mut self, emperor: BorrowedFd<'_>) {
        if self.lines.is_empty() {
            return;
        }
        let outcome = match &mut self.target {
            Target::File(file) => file.write(&self.lines),
            Target::Emperor => say(emperor, &self.lines),
            Target::Datagrams(_) => Ok(()),
        };
        let count = self.lines.split(|byte| *byte == b'\n').count() - 1;
        self.lines.clear();
        self.note(outcome, count);
    }

    pub(super) fn reopen(&mut self) {
        if let Target::File(file) = &mut self.target {
            file.reopen();
        }
    }

    pub(super) fn rotate(&mut self) {
        if let Target::File(file) = &mut self.target {
            let outcome = file.rotate();
            self.note(outcome, 0);
        }
    }

    /// The number of the error, while it fails.
    pub(super) fn failing(&self) -> Option<i32> {
        self.failing
    }

    /// Tells when it begins to fail and when it works again: on standard error, which is the
    /// emperor's log here.
    fn note(&mut self, outcome: io::Result<()>, lines: usize) {
        let place = match &self.target {
            // A reader that does not keep up is no failure of anything here.
            Target::Emperor => return,
            Target::File(file) => file.path().display().to_string(),
            Target::Datagrams(datagrams) => datagrams.address().to_owned(),
        };
        let said = match outcome {
            Err(error) => {
                self.dropped += u64::try_from(lines).unwrap_or(u64::MAX);
                let begins = self.failing.is_none();
                self.failing = Some(error.raw_os_error().unwrap_or(Errno::IO.raw_os_error()));
                begins.then(|| {
                    format!("lictor: could not write to the log `{place}`: {error}; what it misses is counted\n")
                })
            }
            Ok(()) if self.failing.take().is_some() => {
                let dropped = std::mem::take(&mut self.dropped);
                Some(format!(
                    "lictor: the log `{place}` is written again; {dropped} lines are missing\n"
                ))
            }
            Ok(()) => None,
        };
        if let Some(line) = said {
            drop(say(rustix::stdio::stderr(), line.as_bytes()));
        }
    }
}

/// Writes what a pipe takes at once; the rest is dropped.
fn say(fd: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    for piece in bytes.chunks(PIECE_BYTES) {
        let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
        if poll(&mut fds, Some(&now))? == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        rustix::io::write(fd, piece)?;
    }
    Ok(())
}
