//! Asking a binary whether it could be the next emperor, before anything depends on it.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use lictor_core::ipc::PROTOCOL;
use lictor_core::sys::Pidfd;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use super::inheritance::Inheritance;
use crate::emperor::host;
use crate::emperor::record::Record;

/// What the emperor runs a binary with to ask it; the emperor's own arguments follow.
const CHECK: &str = "__upgrade-check";
/// A binary that can start has answered by then.
const PATIENCE: Duration = Duration::from_secs(8);
/// The answer is one short line.
const ANSWER_LIMIT_BYTES: u64 = 4096;

/// What a binary says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::emperor) struct Checked {
    pub(in crate::emperor) version: String,
    /// It understands masters up to this version.
    protocol: u32,
    /// It reads records of this format.
    records: u32,
    /// It takes over what is handed down in this format.
    inheritance: u32,
}

/// Why a binary cannot be the next emperor.
#[derive(Debug, thiserror::Error)]
pub(in crate::emperor) enum CheckError {
    #[error("it could not be executed: {0}")]
    Execute(#[from] io::Error),
    #[error("it did not answer within {} s", PATIENCE.as_secs())]
    Silent,
    #[error("it ended with {status}: {said}")]
    Failed { status: String, said: String },
    #[error("it is not a lictor that can take over from this one")]
    Nonsense,
    #[error(
        "version {0} cannot take over from this one; stop the emperor with `--leave-vassals` set \
         or let it stop its vassals, then start the new one"
    )]
    Incompatible(String),
    #[error(
        "it would not find vassal `{0}`, whose record could not be written; make room in the run \
         directory"
    )]
    Unrecorded(String),
}

/// The new binary's side: everything that its start needs is tried, and told on stdout.
pub(crate) fn answer_check() -> io::Result<String> {
    drop(host::library(None)?);
    drop(
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?,
    );
    Ok(serde_json::to_string(&Checked::own())? + "\n")
}

impl Checked {
    fn own() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            records: Record::FORMAT,
            inheritance: Inheritance::FORMAT,
        }
    }

    /// Nothing that this emperor leaves behind is beyond it.
    fn can_follow(&self) -> bool {
        let own = Self::own();
        self.protocol >= own.protocol
            && self.records == own.records
            && self.inheritance == own.inheritance
    }
}

/// Asks `program`, started as this emperor was. Waits for it: not on the emperor's own thread.
pub(super) fn check(program: &Path, arguments: &[OsString]) -> Result<Checked, CheckError> {
    let mut child = Command::new(program)
        .arg(CHECK)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let has_ended = ends_in_time(child.id());
    if !has_ended {
        drop(child.kill());
    }
    let status = child.wait()?;
    if !has_ended {
        return Err(CheckError::Silent);
    }
    let said = read(child.stdout.take());
    if !status.success() {
        let said = read(child.stderr.take());
        let said = said.lines().next().unwrap_or("it said nothing").to_owned();
        let status = status.to_string();
        return Err(CheckError::Failed { status, said });
    }
    let checked: Checked = serde_json::from_str(&said).map_err(|_not_json| CheckError::Nonsense)?;
    if checked.can_follow() {
        Ok(checked)
    } else {
        Err(CheckError::Incompatible(checked.version))
    }
}

fn ends_in_time(pid: u32) -> bool {
    let Ok(child) = Pidfd::open(pid) else {
        return true;
    };
    let patience = Timespec::try_from(PATIENCE).ok();
    poll(&mut [PollFd::new(&child, PollFlags::IN)], patience.as_ref()).is_ok_and(|ready| ready > 0)
}

/// What a pipe of a process that has ended holds, as far as it can be of interest. A descendant may
/// hold the other end, so that there may be no end to it.
fn read(pipe: Option<impl Read + std::os::fd::AsFd>) -> String {
    let mut text = Vec::new();
    if let Some(pipe) = pipe
        && rustix::io::ioctl_fionbio(&pipe, true).is_ok()
    {
        drop(pipe.take(ANSWER_LIMIT_BYTES).read_to_end(&mut text));
    }
    String::from_utf8_lossy(&text)
        .chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .collect()
}
