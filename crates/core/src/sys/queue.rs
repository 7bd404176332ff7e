//! How many connections wait to be accepted.

use std::os::fd::{AsFd, AsRawFd};

/// The connections that wait at a listening socket of TCP, and how many may. None for other sockets,
/// of which the kernel does not say it.
pub fn listen_queue(socket: impl AsFd) -> Option<(u32, u32)> {
    #[expect(unsafe_code, reason = "`tcp(7)` has no safe interface for this")]
    // SAFETY: a `tcp_info` consists of numbers, of which all are valid when zero.
    let mut told: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut length = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).ok()?;
    let fd = socket.as_fd().as_raw_fd();
    #[expect(unsafe_code, reason = "`tcp(7)` has no safe interface for this")]
    // SAFETY: the kernel writes at most `length` bytes, which is the room that there is.
    let answer = unsafe {
        libc::getsockopt(
            fd,
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            (&raw mut told).cast(),
            &raw mut length,
        )
    };
    // Of a socket that listens these two are its queue, `ss(8)` shows them.
    (answer == 0).then_some((told.tcpi_unacked, told.tcpi_sacked))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn who_waits_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _first = TcpStream::connect(address).unwrap();
        let _second = TcpStream::connect(address).unwrap();
        let (waiting, room) = listen_queue(&listener).unwrap();
        assert_eq!((waiting, room > 0), (2, true));
        assert!(listen_queue(UnixDatagram::unbound().unwrap()).is_none());
    }
}
