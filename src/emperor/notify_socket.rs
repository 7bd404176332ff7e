//! The way to a service manager: datagrams to the socket that `NOTIFY_SOCKET` names, without waiting.
//!
//! The crate sd-notify is not used: it sends through a socket that waits for its reader, and takes the
//! name of an abstract socket for a path.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tokio::io::Interest;
use tokio::net::UnixDatagram;

use super::outbox::Notice;

/// The address that `NOTIFY_SOCKET` names: a path, or with `@` an abstract name (`unix(7)`).
pub(super) fn address(value: &OsStr) -> Option<SocketAddr> {
    match value.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).ok(),
        [b'/', ..] => SocketAddr::from_pathname(value).ok(),
        _ => None,
    }
}

/// The way to the manager.
#[derive(Debug)]
pub(super) struct Line {
    address: SocketAddr,
    socket: Option<UnixDatagram>,
    is_blocked: bool,
    /// It has been logged that nobody is there.
    is_cut: bool,
}

/// What became of a notice.
#[derive(Debug)]
pub(super) enum Sent {
    Yes,
    /// It is to be tried again.
    Later,
    /// It never will be.
    Never(io::Error),
}

impl Line {
    pub(super) fn to(address: SocketAddr) -> Self {
        Self {
            address,
            socket: None,
            is_blocked: false,
            is_cut: false,
        }
    }

    /// The socket that waits for its reader.
    pub(super) fn blocked(&self) -> Option<&UnixDatagram> {
        self.socket.as_ref().filter(|_| self.is_blocked)
    }

    /// Without waiting. A manager that was started again has another socket at the same address.
    pub(super) fn send(&mut self, notice: &Notice) -> Sent {
        let known = self.socket.is_some();
        match self.try_send(notice) {
            Err(error) if known && is_gone(&error) => {
                self.socket = None;
                let outcome = self.try_send(notice);
                self.judge(outcome)
            }
            outcome => self.judge(outcome),
        }
    }

    fn judge(&mut self, outcome: io::Result<()>) -> Sent {
        self.is_blocked = false;
        match outcome {
            Ok(()) => {
                self.is_cut = false;
                Sent::Yes
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.is_blocked = true;
                Sent::Later
            }
            Err(error) if is_gone(&error) => {
                self.socket = None;
                if !self.is_cut {
                    tracing::warn!("nobody reads at `NOTIFY_SOCKET`: {error}");
                }
                self.is_cut = true;
                Sent::Later
            }
            Err(error) => Sent::Never(error),
        }
    }

    fn try_send(&mut self, notice: &Notice) -> io::Result<()> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => connect(&self.address)?,
        };
        let socket = self.socket.insert(socket);
        socket.try_io(Interest::WRITABLE, || {
            let fds: Vec<_> = notice.fd().map(AsFd::as_fd).into_iter().collect();
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            if !fds.is_empty() {
                ancillary.push(SendAncillaryMessage::ScmRights(&fds));
            }
            let text = notice.text();
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            sendmsg(
                &*socket,
                &[IoSlice::new(text.as_bytes())],
                &mut ancillary,
                flags,
            )?;
            Ok(())
        })
    }
}

fn connect(address: &SocketAddr) -> io::Result<UnixDatagram> {
    let socket = std::os::unix::net::UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(address)?;
    UnixDatagram::from_std(socket)
}

/// Whether nobody is there, or nobody for us.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused
            | ErrorKind::ConnectionReset
            | ErrorKind::NotConnected
            | ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::BrokenPipe
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_path_or_an_abstract_name() {
        let of = |text: &str| address(OsStr::new(text));
        let path = of("/run/systemd/notify").unwrap();
        assert_eq!(path.as_pathname(), Some("/run/systemd/notify".as_ref()));
        let name = of("@notify").unwrap();
        assert_eq!(name.as_abstract_name(), Some(&b"notify"[..]));
        for other in ["", "notify", "vsock:2:1234"] {
            assert!(of(other).is_none(), "{other}");
        }
    }
}
