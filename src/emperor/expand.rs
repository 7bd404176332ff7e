//! Files that name what is outside them, read by a short-lived process that is the vassal's user.
//!
//! Several are read at a time, and nobody waits for any of them: what one comes to arrives as an
//! input of the loop. Until then the vassal is what it was.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lictor_core::config::{
    Machine, Policy, VassalConfig, parse_vassal_under, parse_vassal_with, vassal_user,
};
use lictor_core::ipc::{ExpandAnswer, ExpandOrder};
use lictor_core::observe::{Failure, FailureKind};
use lictor_core::sys::sealed_memfd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::entry::{callers_environment, kept_environment};
use super::kept::FileText;
use super::look::Parsed;
use super::run::{Emperor, Input};

/// How long one file may take: what it names may stand on a file system that hangs.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most bytes of an answer.
const ANSWER_LIMIT_BYTES: usize = 8 * 1024 * 1024;
/// How many are read at a time.
const AT_A_TIME: usize = 4;

/// The files that are being read by others.
#[derive(Debug, Default)]
pub(super) struct Expansions {
    /// The number of the newest.
    newest: u64,
    running: usize,
    waiting: VecDeque<(String, u64, Box<ExpandOrder>)>,
}

impl Emperor {
    /// Has a file read as its user.
    pub(super) fn expand(&mut self, name: &str, order: Box<ExpandOrder>) {
        self.expansions.newest += 1;
        let number = self.expansions.newest;
        if let Some(vassal) = self.vassals.get_mut(name) {
            vassal.expanding = Some((number, Box::new(text_of(&order))));
        }
        let expansions = &mut self.expansions;
        // Of one vassal only the newest file counts.
        expansions.waiting.retain(|(waiting, ..)| waiting != name);
        expansions
            .waiting
            .push_back((name.to_owned(), number, order));
        self.expand_next();
    }

    fn expand_next(&mut self) {
        while self.expansions.running < AT_A_TIME {
            let Some((name, number, order)) = self.expansions.waiting.pop_front() else {
                return;
            };
            self.expansions.running += 1;
            let inputs = self.inputs.clone();
            // A thread that nobody waits for, so that the emperor can end meanwhile.
            let of = name.clone();
            let thread = std::thread::Builder::new().spawn(move || {
                let answer = read_elsewhere(&order);
                // The loop may have ended meanwhile.
                drop(inputs.blocking_send(Input::Expanded(of, number, Box::new(answer))));
            });
            if let Err(error) = thread {
                let message = format!("could not start a thread to have its file read: {error}");
                let failure = Failure::new(FailureKind::Config, message, "");
                self.expanded(&name, number, Err(failure));
            }
        }
    }

    /// A file has been read, or could not be.
    pub(super) fn expanded(&mut self, name: &str, number: u64, answer: ExpandAnswer) {
        self.expansions.running = self.expansions.running.saturating_sub(1);
        self.expand_next();
        let expanding = self.vassals.get_mut(name).and_then(|vassal| {
            // A newer one may be on its way, or somebody went back to an earlier one.
            vassal.expanding.take_if(|(awaited, _)| *awaited == number)
        });
        let Some((_, mut text)) = expanding.filter(|_| !self.is_stopping()) else {
            return;
        };
        let outcome: Result<Parsed, Failure> = answer.map(|config| {
            text.expanded = serde_json::to_string(&config).ok();
            (*config, Some(Arc::from(text)))
        });
        self.settle(name, outcome);
    }
}

/// What a vassal file of an emperor comes to, or what is wrong with it. What it names is looked at by
/// whoever asks; but root, who may look at everything, has that done by the vassal's user.
pub(crate) fn read_vassal(
    path: &Path,
    bytes: &[u8],
    policy: &Policy,
) -> Result<VassalConfig, String> {
    read_as_user(path, bytes, policy, kept_environment)
}

/// The same for the file of `lictor serve`.
pub(crate) fn read_served(
    path: &Path,
    bytes: &[u8],
    policy: &Policy,
) -> Result<VassalConfig, String> {
    read_as_user(path, bytes, policy, callers_environment)
}

fn read_as_user(
    path: &Path,
    bytes: &[u8],
    policy: &Policy,
    environment: impl FnOnce() -> Vec<(String, String)>,
) -> Result<VassalConfig, String> {
    if !rustix::process::geteuid().is_root() {
        let parsed = parse_vassal_with(path, bytes, policy, &Machine::here());
        return parsed.map_err(|error| error.to_string());
    }
    match parse_vassal_under(path, bytes, policy) {
        Ok(config) => return Ok(config),
        Err(error) if error.asks_outside() => {}
        Err(error) => return Err(error.to_string()),
    }
    let user = vassal_user(path, bytes, policy).map_err(|error| error.to_string())?;
    let order = ExpandOrder {
        path: std::path::absolute(path).map_err(|error| error.to_string())?,
        text: String::from_utf8_lossy(bytes).into_owned(),
        policy: policy.clone(),
        user,
        environment: environment(),
        open_files: None,
    };
    let read = read_elsewhere(&order).map(|config| *config);
    read.map_err(|failure| {
        if failure.detail.is_empty() {
            format!("error: {}", failure.message)
        } else {
            failure.detail
        }
    })
}

fn text_of(order: &ExpandOrder) -> FileText {
    FileText {
        path: order.path.clone(),
        text: order.text.clone(),
        expanded: None,
    }
}

/// Has a file read by a process of its own, and waits for it: not on the emperor's own thread.
fn read_elsewhere(order: &ExpandOrder) -> ExpandAnswer {
    let failure = |reason: String| {
        let message = format!(
            "`{}` could not be read as its user: {reason}",
            order.path.display()
        );
        Failure::new(FailureKind::Config, message, "")
    };
    let answer = ask(order).map_err(|error| failure(error.to_string()))?;
    let answer: ExpandAnswer = serde_json::from_slice(&answer)
        .map_err(|_no_answer| failure("the process that did so ended without a word".to_owned()))?;
    let config: Box<VassalConfig> = answer.map_err(Failure::tamed)?;
    if (&config.uid, &config.gid) != (&order.user.uid, &order.user.gid) {
        let reason = "`uid` and `gid` must stand in the file itself, outside of conditions";
        return Err(failure(reason.to_owned()));
    }
    Ok(config)
}

fn ask(order: &ExpandOrder) -> io::Result<Vec<u8>> {
    let document = sealed_memfd("lictor-expand", &serde_json::to_vec(order)?, false)?;
    let mut child = Command::new("/proc/self/exe")
        .arg("__expand")
        // A relative path of a vassal file means what it means here.
        .env_clear()
        .stdin(Stdio::from(document))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let answer = answer_of(&mut child);
    // It has answered or never will. One that is stuck in a dead file system ends when that comes
    // back, and must not keep the next file waiting.
    drop(child.kill());
    drop(std::thread::Builder::new().spawn(move || child.wait()));
    answer
}

fn answer_of(child: &mut Child) -> io::Result<Vec<u8>> {
    let until = Instant::now() + PATIENCE;
    let output = child.stdout.take().map(OwnedFd::from);
    let output = output.ok_or(io::ErrorKind::BrokenPipe)?;
    rustix::io::ioctl_fionbio(&output, true)?;
    let mut answer = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match rustix::io::read(&output, &mut buffer) {
            Ok(0) => return Ok(answer),
            Ok(count) => answer.extend(buffer.iter().take(count)),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => wait(&output, until)?,
            Err(error) => return Err(error.into()),
        }
        if answer.len() > ANSWER_LIMIT_BYTES {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    }
}

fn wait(output: &OwnedFd, until: Instant) -> io::Result<()> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        let reason = format!("it took more than {} s", PATIENCE.as_secs());
        return Err(io::Error::new(io::ErrorKind::TimedOut, reason));
    }
    let timeout = Timespec::try_from(left).ok();
    match poll(
        &mut [PollFd::from_borrowed_fd(output.as_fd(), PollFlags::IN)],
        timeout.as_ref(),
    ) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
