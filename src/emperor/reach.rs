//! Reaching a master that runs: knocking, asking, and checking what it hands over.
//!
//! A tenant's code may be inside that master by now, so nothing it sends is believed. Descriptors
//! are looked at only in ways that cannot wait for anybody: what a link in /proc says about them,
//! and questions to sockets.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use lictor_core::config::Address;
use lictor_core::ipc::{Adopted, MasterMessage, MasterOrder, PROTOCOL, Received, receive};
use lictor_core::sys::{Counters, close_elsewhere, open_path_of};
use rustix::fs::{Mode, OFlags};
use tokio::io::Interest;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::bind::is_listening_at;
use super::generation::Place;
use super::line::{Line, Listener};
use super::record::Records;
use super::run::Input;

/// A master that runs has answered by then, however busy the machine is; a mute one is replaced.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between two knocks at a door where too many knock.
const BETWEEN_KNOCKS: Duration = Duration::from_millis(50);

/// What a master hands over, checked.
#[derive(Debug)]
pub(super) struct Reached {
    pub(super) line: Arc<Line>,
    pub(super) adopted: Adopted,
    /// A descriptor of our own of the pipe that its processes print to.
    pub(super) output: Option<OwnedFd>,
    /// Where its workers count.
    pub(super) counters: Option<Counters>,
    pub(super) sockets: Vec<(Address, OwnedFd)>,
}

/// Why a master was not reached.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReachError {
    #[error("nobody answers at its socket")]
    Knock(#[from] io::Error),
    #[error("process {0} answers in its place")]
    Impostor(u32),
    #[error("it does not answer")]
    Mute,
    #[error("it speaks version {0} of the protocol, this emperor at most {PROTOCOL}")]
    Protocol(u32),
    #[error("its answer is not one of a master")]
    Nonsense,
}

impl ReachError {
    /// Whether it was a master that was reached, and not somebody else in its place or nobody.
    pub(super) fn is_of_a_master(&self) -> bool {
        match self {
            Self::Knock(_) | Self::Impostor(_) => false,
            Self::Mute | Self::Protocol(_) | Self::Nonsense => true,
        }
    }
}

/// A running master to be reached.
pub(super) struct Seeker {
    pub(super) place: Place,
    /// Its process id, from the record.
    pub(super) pid: u32,
    pub(super) processes: u32,
    pub(super) records: Records,
    pub(super) inputs: mpsc::Sender<Input>,
}

impl Seeker {
    /// Tells what came of it, then listens to the master to its end.
    pub(super) async fn seek(self, exit: Receiver) {
        let found = tokio::select! {
            found = timeout(PATIENCE, self.reach()) => found.unwrap_or(Err(ReachError::Mute)),
            // Its end is told below.
            _ = exit.readable() => Err(ReachError::Mute),
        };
        let line = found.as_ref().ok().map(|reached| Arc::clone(&reached.line));
        let place = self.place.clone();
        drop(
            self.inputs
                .send(Input::MasterFound(place.clone(), Box::new(found)))
                .await,
        );
        let Some(line) = line else {
            drop(exit.readable().await);
            drop(self.inputs.send(Input::MasterExited(place)).await);
            return;
        };
        let listener = Listener {
            place,
            channel: line,
            inputs: self.inputs,
            processes: self.processes,
        };
        listener.follow(exit).await;
    }

    async fn reach(&self) -> Result<Reached, ReachError> {
        let Place { vassal, generation } = &self.place;
        let (channel, pid) = loop {
            match self.records.knock(vassal, *generation) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(BETWEEN_KNOCKS).await;
                }
                other => break other?,
            }
        };
        if pid != self.pid {
            return Err(ReachError::Impostor(pid));
        }
        let line = Line::new(channel)?;
        if !line.tell(&MasterOrder::Adopt { protocol: PROTOCOL }) {
            return Err(ReachError::Mute);
        }
        let (adopted, descriptors) = answer(&line).await?;
        if adopted.protocol > PROTOCOL {
            close_elsewhere(descriptors);
            return Err(ReachError::Protocol(adopted.protocol));
        }
        Ok(sorted(line, adopted, descriptors))
    }
}

async fn answer(line: &Line) -> Result<(Adopted, Vec<OwnedFd>), ReachError> {
    let stream = line.stream().ok_or(ReachError::Mute)?;
    loop {
        stream.readable().await?;
        let received = stream.try_io(Interest::READABLE, || {
            match receive::<MasterMessage>(stream) {
                Ok(Received::Nothing) => Err(io::ErrorKind::WouldBlock.into()),
                other => Ok(other),
            }
        });
        match received {
            Ok(Ok(Received::Message(MasterMessage::Adopted(adopted), descriptors))) => {
                return Ok((adopted, descriptors));
            }
            Ok(Ok(Received::Message(_, descriptors))) => {
                close_elsewhere(descriptors);
                return Err(ReachError::Nonsense);
            }
            Ok(Ok(Received::Closed)) => return Err(ReachError::Mute),
            Ok(Err(_)) => return Err(ReachError::Nonsense),
            Ok(Ok(Received::Nothing)) | Err(_) => {}
        }
    }
}

/// Keeps the descriptors that are what they should be.
fn sorted(line: Arc<Line>, adopted: Adopted, descriptors: Vec<OwnedFd>) -> Reached {
    let mut descriptors = descriptors.into_iter();
    let mut refused = Vec::new();
    let mut output = None;
    if adopted.has_output
        && let Some(theirs) = descriptors.next()
    {
        output = own_end_of(&theirs);
        refused.push(theirs);
    }
    let counters = adopted.has_counters.then(|| descriptors.next()).flatten();
    // What it refuses holds nothing that could be waited for in a close of memory.
    let counters = counters.and_then(|memory| Counters::adopt(memory, &mut refused));
    let mut sockets = Vec::new();
    for (listener, socket) in adopted.listeners.iter().zip(descriptors.by_ref()) {
        if is_kind(&socket, "socket:") && is_listening_at(&socket, &listener.address) {
            sockets.push((listener.address.clone(), socket));
        } else {
            refused.push(socket);
        }
    }
    refused.extend(descriptors);
    close_elsewhere(refused);
    Reached {
        line,
        adopted,
        output,
        counters,
        sockets,
    }
}

/// The reading end of the same pipe, opened anew: whether reading waits is a property of what was
/// opened, and the master's is shared with its tenant.
fn own_end_of(pipe: &OwnedFd) -> Option<OwnedFd> {
    if !is_kind(pipe, "pipe:") {
        return None;
    }
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    rustix::fs::open(open_path_of(pipe), flags, Mode::empty()).ok()
}

/// What the kernel calls a descriptor that no file system stands behind; a path begins with `/`.
fn is_kind(descriptor: &OwnedFd, kind: &str) -> bool {
    std::fs::read_link(open_path_of(descriptor))
        .is_ok_and(|name| name.to_string_lossy().starts_with(kind))
}
