//! The socket at which a new emperor finds a running master.
//!
//! The emperor binds it in a directory that only its own user can enter, and hands it down unheard;
//! the master listens on it once it is what the kernel shall say about it: `SO_PEERCRED` of whoever
//! connects names the process that called listen(2) last (`unix(7)`).

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect, listen,
    socket_with,
};

use super::Channel;

/// Emperors that may knock at the same time: one more than there can be.
const BACKLOG: i32 = 2;

/// Binds the socket; nobody can connect until somebody listens.
pub fn bind_meeting(path: &Path) -> io::Result<OwnedFd> {
    let socket = new_socket()?;
    bind(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// From now on this process is who answers there.
pub fn listen_at_meeting(socket: impl AsFd) -> io::Result<()> {
    Ok(listen(socket, BACKLOG)?)
}

/// The next emperor at the door, if there is one.
pub fn accept_at_meeting(socket: impl AsFd) -> io::Result<Option<Channel>> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    match accept_with(socket, flags) {
        Ok(fd) => Ok(Some(Channel::from_fd(fd))),
        Err(Errno::AGAIN | Errno::INTR | Errno::CONNABORTED) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Knocks, without waiting. Gives the channel and the process id of who listens.
pub fn knock(path: &Path) -> io::Result<(Channel, u32)> {
    let socket = new_socket()?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    let peer = socket_peercred(&socket)?;
    let pid = u32::try_from(peer.pid.as_raw_nonzero().get()).map_err(io::Error::other)?;
    Ok((Channel::from_fd(socket), pid))
}

fn new_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    Ok(socket_with(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        flags,
        None,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::{MasterOrder, Received};

    #[test]
    fn whoever_listens_is_who_answers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("7.sock");
        let socket = bind_meeting(&path).unwrap();
        assert!(knock(&path).is_err(), "nobody listens yet");
        listen_at_meeting(&socket).unwrap();
        let (mine, pid) = knock(&path).unwrap();
        assert_eq!(pid, std::process::id());
        let theirs = accept_at_meeting(&socket).unwrap().expect("it knocked");
        assert!(accept_at_meeting(&socket).unwrap().is_none());
        mine.send(&MasterOrder::Serve, &[]).unwrap();
        assert!(matches!(
            theirs.receive().unwrap(),
            Received::Message(MasterOrder::Serve, _)
        ));
    }
}
