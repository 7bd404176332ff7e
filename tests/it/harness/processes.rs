//! Processes: waiting for their end, their titles, and who is left behind.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process that can be waited for, and never mistaken for another one.
#[derive(Debug)]
pub(crate) struct Watched {
    pidfd: OwnedFd,
}

impl Watched {
    /// The process with this number, if there is one.
    pub(crate) fn new(pid: u32) -> Option<Self> {
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw)?;
        pidfd_open(pid, PidfdFlags::empty())
            .ok()
            .map(|pidfd| Self { pidfd })
    }

    /// Whether the process ends within this time.
    pub(crate) fn ends_within(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(left).ok();
            match poll(
                &mut [PollFd::new(&self.pidfd, PollFlags::IN)],
                timeout.as_ref(),
            ) {
                Ok(0) => return false,
                Ok(_) => return true,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => panic!("a pidfd cannot be polled: {error}"),
            }
        }
    }

    /// Sends a signal; a process that is gone does not mind.
    pub(crate) fn signal(&self, signal: Signal) {
        let _may_be_gone = pidfd_send_signal(&self.pidfd, signal);
    }
}

/// Sends a signal to a process of this test's own.
#[track_caller]
pub(crate) fn signal(pid: u32, signal: Signal) -> Watched {
    let watched = Watched::new(pid).expect("the process is there");
    watched.signal(signal);
    watched
}

/// The title of a process as `ps` shows it.
pub(crate) fn title_of(pid: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let text: Vec<String> = bytes
        .split(|byte| *byte == 0)
        .map(|p| String::from_utf8_lossy(p).into_owned())
        .collect();
    text.join(" ").trim_end().to_owned()
}

/// Processes that belong to a test: by their title, or because they stand below its directory.
pub(crate) fn of_test(tag: &str, root: &Path) -> Vec<(u32, String)> {
    let own = std::process::id();
    let numbers = std::fs::read_dir("/proc")
        .expect("/proc is mounted")
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    let title_start = format!("lictor: {tag}-");
    numbers
        .filter(|pid| *pid != own)
        .filter_map(|pid| {
            let title = title_of(pid);
            let stands_there = cwd_of(pid).is_some_and(|cwd| cwd.starts_with(root));
            // A process that has ended and waits to be reaped has neither.
            (title.starts_with(&title_start) || stands_there).then_some((pid, title))
        })
        .collect()
}

fn cwd_of(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/cwd")).ok()
}
