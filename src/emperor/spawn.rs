//! Starting a master: this executable again, with its orders on its stdin.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use lictor_core::ipc::{Channel, ChannelError, Handover, MasterOrder};
use lictor_core::sys::{open_path_of, sealed_memfd};
use rustix::fs::{Mode, OFlags};
use rustix::pipe::{PipeFlags, pipe_with};

/// Room in the command line for the title of a master until it has an interpreter.
const TITLE_ROOM: &str = "                                                                ";

/// A started master, seen from the emperor.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) child: Child,
    pub(super) channel: Channel,
    /// What its processes print.
    pub(super) output: OwnedFd,
}

/// Why no master was started.
#[derive(Debug, thiserror::Error)]
pub(super) enum SpawnError {
    #[error("could not {action}")]
    Io {
        action: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("could not write the orders")]
    Document(#[from] serde_json::Error),
    #[error("could not send the orders")]
    Orders(#[from] ChannelError),
}

/// How `ps` shows a master.
pub(super) fn title(vassal: &str, generation: u64) -> String {
    format!("lictor: {vassal} #{generation}")
}

/// Starts a master and sends it its orders, with the descriptors that the handover names behind those of
/// the meeting. Nothing but exec happens in the child.
pub(super) fn spawn(
    handover: &Handover,
    host: BorrowedFd<'_>,
    meeting: Option<&OwnedFd>,
    gates: &[OwnedFd],
    others: &[BorrowedFd<'_>],
) -> Result<Spawned, SpawnError> {
    let failed = |action| move |source: io::Error| SpawnError::Io { action, source };
    let document = sealed_memfd("lictor-handover", &serde_json::to_vec(handover)?, false)
        .map_err(failed("make the handover document"))?;
    let (channel, theirs) = Channel::pair().map_err(failed("make a channel"))?;
    let (output, writer) =
        pipe_with(PipeFlags::CLOEXEC).map_err(|error| failed("make a pipe")(error.into()))?;
    rustix::io::ioctl_fionbio(&output, true)
        .map_err(|error| failed("set up a pipe")(error.into()))?;
    let second = writer.try_clone().map_err(failed("set up a pipe"))?;
    let mut child = Command::new("/proc/self/exe")
        .arg0(title(&handover.vassal, handover.generation))
        .args(["__master", TITLE_ROOM])
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(theirs.into_fd()))
        .stdout(Stdio::from(writer))
        .stderr(Stdio::from(second))
        .spawn()
        .map_err(failed("start a master"))?;
    let mut fds = vec![document.as_fd(), host];
    let theirs = match &meeting {
        Some(_) => Some(opened_anew(&output).map_err(failed("open the pipe of the output"))?),
        None => None,
    };
    fds.extend(meeting.into_iter().chain(&theirs).map(AsFd::as_fd));
    fds.extend(gates.iter().map(AsFd::as_fd));
    fds.extend_from_slice(others);
    if let Err(error) = channel.send(&MasterOrder::Start, &fds) {
        drop(child.kill());
        drop(child.wait());
        return Err(error.into());
    }
    Ok(Spawned {
        child,
        channel,
        output,
    })
}

/// The reading end of the same pipe for the master: ours must never wait, and whether it does is a
/// property that all share who hold it.
fn opened_anew(pipe: &OwnedFd) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    Ok(rustix::fs::open(open_path_of(pipe), flags, Mode::empty())?)
}
