//! The logs of a vassal, where more is asked for than a file to append to.
//!
//! All processes print into a pipe, and one more of the vassal's processes reads it: a disk that is
//! slow, full or gone, and whoever does not read what is sent to him, hold up that process and nobody
//! else. The master holds the pipe too. It starts the writer anew should it end, and nothing that was
//! printed meanwhile is lost. The writer leaves when the last process has that can print.
//!
//! `writer` is its loop, `sink` one logger, `file` and `datagram` what a logger writes to; `lines`,
//! `rules`, `dress` and `backups` decide and are pure.

mod backups;
mod datagram;
mod dress;
mod file;
mod lines;
mod rules;
mod sink;
mod writer;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use lictor_core::config::{LogsConfig, VassalConfig};
use lictor_core::sys::{Pidfd, close_all_but, fork_apart, set_title};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use self::writer::{Tools, pipe};
use super::orders::LogOrder;
use super::run::Master;
use crate::worker;

/// Between two starts of a writer.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a master that leaves waits for what was printed to be written.
const LAST_WAIT: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// The master's record of the writer.
pub(super) struct LogWriter {
    logs: LogsConfig,
    logto: Option<PathBuf>,
    title: String,
    app: OwnedFd,
    requests: Option<OwnedFd>,
    emperor: OwnedFd,
    trouble: OwnedFd,
    /// What it is told, and where it is told that.
    orders: (OwnedFd, OwnedFd),
    process: Option<Pidfd>,
    /// When the last one was started.
    started_at: Instant,
}

impl LogWriter {
    /// Starts the writer and lets this process, and all that it forks, print to it; none if the logs
    /// need none. To be called before anything of the app has run.
    pub(super) fn start(
        config: &VassalConfig,
        title: &str,
        trouble: &OwnedFd,
    ) -> io::Result<Option<Self>> {
        if !config.logs.needs_writer() {
            return Ok(None);
        }
        let (app, printed) = pipe()?;
        let (requests, told) = if config.logs.parts_requests() {
            let (requests, told) = pipe()?;
            // Whoever writes a line there has no time to wait.
            rustix::io::ioctl_fionbio(&told, true)?;
            (Some(requests), Some(told))
        } else {
            (None, None)
        };
        let mut writer = Self {
            logs: config.logs.clone(),
            logto: config.logto.clone(),
            title: config.process.names.of_master(&format!("{title} log")),
            app,
            requests,
            emperor: rustix::stdio::stderr().try_clone_to_owned()?,
            trouble: trouble.try_clone()?,
            orders: pipe()?,
            process: None,
            started_at: Instant::now(),
        };
        writer.fork()?;
        rustix::stdio::dup2_stdout(&printed)?;
        rustix::stdio::dup2_stderr(&printed)?;
        if let Some(told) = told {
            worker::tell_requests_to(told);
        }
        Ok(Some(writer))
    }

    fn fork(&mut self) -> io::Result<()> {
        self.started_at = Instant::now();
        let pid = fork_apart(|| self.write().unwrap_or(1))?;
        self.process = Some(Pidfd::open(pid)?);
        Ok(())
    }

    /// The whole life of the writer.
    fn write(&self) -> io::Result<i32> {
        // What it says itself goes to the emperor's log, and it must not wait for its own end.
        rustix::stdio::dup2_stdout(&self.emperor)?;
        rustix::stdio::dup2_stderr(&self.emperor)?;
        let tools = Tools {
            logs: &self.logs,
            logto: self.logto.as_deref(),
            app: self.app.as_fd(),
            requests: self.requests.as_ref().map(AsFd::as_fd),
            emperor: self.emperor.as_fd(),
            trouble: self.trouble.as_fd(),
            orders: self.orders.0.as_fd(),
        };
        let kept = [tools.app, tools.emperor, tools.trouble, tools.orders];
        let kept: Vec<_> = kept.into_iter().chain(tools.requests).collect();
        close_all_but(&kept)?;
        set_title(&self.title);
        Ok(writer::run(&tools))
    }

    /// Has the files opened anew or put aside, behind what was printed before as well as may be.
    pub(super) fn order(&self, order: LogOrder) {
        let byte = match order {
            LogOrder::Reopen => writer::REOPEN,
            LogOrder::Rotate => writer::ROTATE,
        };
        // The pipe holds thousands of orders.
        let _ = rustix::io::write(&self.orders.1, &[byte]);
    }

    /// Readable once the writer has ended.
    pub(super) fn awaited(&self) -> Option<PollFd<'_>> {
        let process = self.process.as_ref()?;
        Some(PollFd::new(process, PollFlags::IN))
    }

    /// When a writer that has ended is to be started again.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.process.is_none().then(|| self.started_at + PAUSE)
    }

    /// Starts the writer again if it has ended.
    fn tend(&mut self) {
        let has_ended = |process: &Pidfd| process.try_reap().is_ok_and(|end| end.is_some());
        if self.process.as_ref().is_some_and(has_ended) {
            self.process = None;
        }
        if self.wake_at().is_some_and(|at| at <= Instant::now()) {
            // Should it fail, it is tried again in a moment.
            drop(self.fork());
        }
    }

    /// This process prints to the emperor's log again. Waits, not for long, until what it has printed
    /// before is written.
    pub(super) fn finish(self) {
        let _ = rustix::stdio::dup2_stdout(&self.emperor);
        let _ = rustix::stdio::dup2_stderr(&self.emperor);
        if let Some(process) = &self.process {
            // It has the reading ends by itself.
            let _ = poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&LAST_WAIT));
            drop(process.try_reap());
        }
    }
}

impl Master {
    /// What was printed is written before this process ends.
    pub(super) fn finish_logs(&mut self) {
        if let Some(writer) = self.parts.log_writer.take() {
            writer.finish();
        }
    }

    /// Looks after the writer of the logs, if there is one.
    pub(super) fn tend_logs(&mut self) {
        if let Some(writer) = &mut self.parts.log_writer {
            writer.tend();
        }
    }
}
