//! A command that runs: `/bin/sh -c` in a process group of its own, whose output this master reads and
//! passes on with the command's name before each line.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use lictor_core::sys::{ExitStatus, Pidfd, ProcessGroup, begin_anew};
use rustix::event::{PollFd, PollFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::master::overdue::say;

/// A longer line is passed on in pieces.
const LINE_LIMIT_BYTES: usize = 4096;
/// What is read at once: the master has others to look after.
const READ_BYTES: usize = 16 * 1024;
const LAST_READS: usize = 64;

/// A command that runs.
#[derive(Debug)]
pub(super) struct Process {
    /// Before each line of what it prints.
    label: String,
    pidfd: Pidfd,
    /// None once nobody holds the other end.
    output: Option<OwnedFd>,
    line: Vec<u8>,
    /// The last lines, if somebody is to see them.
    kept: VecDeque<String>,
    keeps: usize,
}

impl Process {
    /// Starts a command.
    pub(super) fn start(label: &str, command: &str, chdir: Option<&Path>) -> io::Result<Self> {
        let (output, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&output, true)?;
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", command])
            .stdin(Stdio::null())
            .stderr(Stdio::from(writer.try_clone()?))
            .stdout(Stdio::from(writer))
            .process_group(0);
        if let Some(directory) = chdir {
            shell.current_dir(directory);
        }
        let child = begin_anew(&mut shell).spawn()?;
        Ok(Self {
            label: label.to_owned(),
            pidfd: Pidfd::open(child.id())?,
            output: Some(output),
            line: Vec::new(),
            kept: VecDeque::new(),
            keeps: 0,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pidfd.pid()
    }

    pub(super) fn poll_fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        [
            Some(self.pidfd.as_fd()),
            self.output.as_ref().map(AsFd::as_fd),
        ]
        .into_iter()
        .flatten()
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
    }

    /// Passes on some of what it has printed; says whether there was anything.
    pub(super) fn read(&mut self) -> bool {
        let mut buffer = [0; READ_BYTES];
        let Some(output) = &self.output else {
            return false;
        };
        match rustix::io::read(output, &mut buffer[..]) {
            Ok(0) => self.output = None,
            Ok(count) => {
                self.pass_on(buffer.get(..count).unwrap_or_default());
                return true;
            }
            Err(_nothing_there) => {}
        }
        false
    }

    fn pass_on(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' || self.line.len() == LINE_LIMIT_BYTES {
                self.end_line();
            }
            if *byte != b'\n' {
                self.line.push(*byte);
            }
        }
    }

    fn end_line(&mut self) {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        say(&format!("[{}] {line}\n", self.label));
        if self.keeps > 0 {
            if self.kept.len() == self.keeps {
                self.kept.pop_front();
            }
            self.kept.push_back(line);
        }
    }

    /// So many of its last lines are kept.
    pub(super) fn keep_lines(&mut self, count: usize) {
        self.keeps = count;
    }

    pub(super) fn kept_lines(&mut self) -> String {
        self.kept.make_contiguous().join("\n")
    }

    /// Tells the log how it ended.
    pub(super) fn say_end(&self, status: ExitStatus) {
        say(&format!("lictor: {} ended: {status}\n", self.label));
    }

    /// How it ended, if it has; everything that it printed is passed on then.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.pidfd.try_reap().ok().flatten()?;
        // As much as a pipe holds: whom it has left behind may print on and on.
        let _all = (0..LAST_READS).take_while(|_| self.read()).count();
        if !self.line.is_empty() {
            self.end_line();
        }
        Some(status)
    }

    /// A signal to all of its process group, before it is reaped.
    pub(super) fn signal(&self, signal: i32) {
        let group = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        if let (Some(group), Some(signal)) = (group, Signal::from_named_raw(signal)) {
            // It may have ended.
            let _ = kill_process_group(group, signal);
        }
    }

    /// SIGKILL to those of its process group that it has left behind, once it is reaped.
    pub(super) fn kill_rest(&self) {
        ProcessGroup::led_by(self.pid()).kill();
    }

    /// SIGKILL to all of its process group.
    pub(super) fn kill(&self) {
        self.signal(Signal::KILL.as_raw());
    }
}
