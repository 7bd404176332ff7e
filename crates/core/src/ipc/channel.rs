//! Framing and descriptor passing over a `SOCK_SEQPACKET` socket pair.
//!
//! One packet is one message in JSON, with its descriptors beside it. Packets keep their bounds, so
//! a reader never sees half a message. Sending never blocks: a peer that does not read loses
//! messages, and the sender is told so.

use std::io;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};
use serde::{Serialize, de::DeserializeOwned};

use crate::sys::close_elsewhere;

/// Largest packet: a failure with its whole traceback, escaped.
const PACKET_LIMIT_BYTES: usize = 128 * 1024;
/// Most descriptors in one packet that is sent.
const DESCRIPTOR_LIMIT: usize = 64;
/// Most descriptors that the kernel lets a peer send (`unix(7)`, `SCM_MAX_FD`). There is room for
/// all of them, because the kernel itself closes what finds none, and that may take long.
const DESCRIPTOR_ROOM: usize = 253;

/// What can go wrong on a channel.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The kernel refused.
    #[error("could not {action} a message")]
    Io {
        /// `send` or `receive`.
        action: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The peer does not read.
    #[error("the peer does not read its messages")]
    Full,
    /// The packet is not a message.
    #[error("not a message of the protocol")]
    Malformed(#[source] serde_json::Error),
    /// The packet is larger than any message.
    #[error("message of more than {PACKET_LIMIT_BYTES} bytes or {DESCRIPTOR_LIMIT} descriptors")]
    TooLarge,
    /// Descriptors where none are expected.
    #[error("a message with descriptors")]
    Descriptors,
}

/// What came in.
#[derive(Debug)]
pub enum Received<M> {
    /// A message and the descriptors beside it.
    Message(M, Vec<OwnedFd>),
    /// Nothing at the moment.
    Nothing,
    /// The peer is gone.
    Closed,
}

/// One end of a channel. Non-blocking, close-on-exec.
#[derive(Debug)]
pub struct Channel(OwnedFd);

impl Channel {
    /// Both ends of a new channel.
    pub fn pair() -> io::Result<(Self, Self)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (a, b) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok((Self(a), Self(b)))
    }

    /// The end that came as a descriptor.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// The descriptor itself.
    pub fn into_fd(self) -> OwnedFd {
        self.0
    }

    /// Sends one message; see [`send`].
    pub fn send<M: Serialize>(
        &self,
        message: &M,
        fds: &[BorrowedFd<'_>],
    ) -> Result<(), ChannelError> {
        send(&self.0, message, fds)
    }

    /// Receives one message; see [`receive`].
    pub fn receive<M: DeserializeOwned>(&self) -> Result<Received<M>, ChannelError> {
        receive(&self.0)
    }
}

/// Sends one message with descriptors beside it, or says that the peer does not read.
pub fn send<M: Serialize>(
    channel: impl AsFd,
    message: &M,
    fds: &[BorrowedFd<'_>],
) -> Result<(), ChannelError> {
    let packet = serde_json::to_vec(message).map_err(ChannelError::Malformed)?;
    if packet.len() > PACKET_LIMIT_BYTES || fds.len() > DESCRIPTOR_LIMIT {
        return Err(ChannelError::TooLarge);
    }
    let mut space = vec![MaybeUninit::uninit(); SendAncillaryMessage::ScmRights(fds).size()];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(fds));
    }
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    loop {
        match sendmsg(&channel, &[IoSlice::new(&packet)], &mut ancillary, flags) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Err(ChannelError::Full),
            Err(error) => {
                return Err(ChannelError::Io {
                    action: "send",
                    source: error.into(),
                });
            }
        }
    }
}

/// Receives one message, without waiting.
pub fn receive<M: DeserializeOwned>(channel: impl AsFd) -> Result<Received<M>, ChannelError> {
    let mut packet = vec![0; PACKET_LIMIT_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTOR_ROOM))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
    let got = loop {
        let mut parts = [IoSliceMut::new(&mut packet)];
        match recvmsg(&channel, &mut parts, &mut ancillary, flags) {
            Ok(got) => break got,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(Received::Nothing),
            Err(Errno::CONNRESET) => return Ok(Received::Closed),
            Err(error) => {
                return Err(ChannelError::Io {
                    action: "receive",
                    source: error.into(),
                });
            }
        }
    };
    let mut fds = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(received) = message {
            fds.extend(received);
        }
    }
    let is_cut = got
        .flags
        .intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC);
    let packet = packet.get(..got.bytes).unwrap_or_default();
    match serde_json::from_slice(packet) {
        Ok(message) if !is_cut => Ok(Received::Message(message, fds)),
        outcome => {
            close_elsewhere(fds);
            match outcome {
                _ if is_cut => Err(ChannelError::TooLarge),
                Err(_) if packet.is_empty() => Ok(Received::Closed),
                Err(error) => Err(ChannelError::Malformed(error)),
                Ok(_) => Err(ChannelError::TooLarge),
            }
        }
    }
}

/// Receives one message from a peer that is not trusted and has no descriptors to give.
pub fn receive_bare<M: DeserializeOwned>(channel: impl AsFd) -> Result<Received<M>, ChannelError> {
    match receive(channel)? {
        Received::Message(_, fds) if !fds.is_empty() => {
            close_elsewhere(fds);
            Err(ChannelError::Descriptors)
        }
        received @ (Received::Message(..) | Received::Nothing | Received::Closed) => Ok(received),
    }
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::{MasterOrder, WorkerOrder};

    #[test]
    fn a_message_and_its_descriptors_arrive_together() {
        let (a, b) = Channel::pair().unwrap();
        a.send(&MasterOrder::Start, &[a.as_fd(), b.as_fd()])
            .unwrap();
        match b.receive().unwrap() {
            Received::Message(MasterOrder::Start, fds) => assert_eq!(fds.len(), 2),
            Received::Message(..) | Received::Nothing | Received::Closed => {
                panic!("not the message")
            }
        }
        assert!(matches!(
            b.receive::<MasterOrder>().unwrap(),
            Received::Nothing
        ));
        drop(a);
        assert!(matches!(
            b.receive::<MasterOrder>().unwrap(),
            Received::Closed
        ));
    }

    #[test]
    fn what_is_not_a_message_is_an_error_and_the_next_one_still_arrives() {
        let (a, b) = Channel::pair().unwrap();
        a.send(&"hello", &[]).unwrap();
        a.send(&WorkerOrder::Serve, &[]).unwrap();
        assert!(matches!(
            b.receive::<WorkerOrder>(),
            Err(ChannelError::Malformed(_))
        ));
        assert!(matches!(
            b.receive().unwrap(),
            Received::Message(WorkerOrder::Serve, _)
        ));
    }

    #[test]
    fn a_peer_that_does_not_read_never_blocks_the_sender() {
        let (a, _b) = Channel::pair().unwrap();
        let stuck = (0..100_000).find_map(|_| a.send(&WorkerOrder::Serve, &[]).err());
        assert!(matches!(stuck, Some(ChannelError::Full)));
    }
}
