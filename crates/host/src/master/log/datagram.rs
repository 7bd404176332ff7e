//! Loggers that send each line as a datagram: syslog, syslog elsewhere, and any reader.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

/// What RFC 3164 §4.1 allows a message, and what a datagram holds.
const SYSLOG_BYTES: usize = 1024;
const DATAGRAM_BYTES: usize = 65_507;
/// `daemon` and `notice`, which is uWSGI's.
const REMOTE_PRIORITY: u8 = 3 * 8 + 5;
const INFO: u8 = 6;
const LOCAL_SOCKET: &str = "/dev/log";
/// How long nothing is tried again at a place that cannot be reached.
const PAUSE: Duration = Duration::from_secs(5);

/// Where datagrams go, and what stands before each line.
#[derive(Debug)]
pub(super) struct Datagrams {
    address: String,
    head: Head,
    limit: usize,
    socket: Option<Socket>,
    paused_until: Option<Instant>,
}

#[derive(Debug)]
enum Head {
    Prefix(String),
    /// Priority and name.
    Syslog(u8, String),
}

#[derive(Debug)]
enum Socket {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl Datagrams {
    fn new(address: &str, head: Head, limit: usize) -> Self {
        Self {
            address: address.to_owned(),
            head,
            limit,
            socket: None,
            paused_until: None,
        }
    }

    pub(super) fn plain(address: &str, prefix: &str) -> Self {
        Self::new(address, Head::Prefix(prefix.to_owned()), DATAGRAM_BYTES)
    }

    pub(super) fn local_syslog(ident: &str, facility: u8) -> Self {
        let head = Head::Syslog(facility * 8 + INFO, ident.to_owned());
        Self::new(LOCAL_SOCKET, head, SYSLOG_BYTES)
    }

    pub(super) fn remote_syslog(address: &str, ident: &str) -> Self {
        let head = Head::Syslog(REMOTE_PRIORITY, ident.to_owned());
        Self::new(address, head, SYSLOG_BYTES)
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Sends one line. `time` is now, as RFC 3164 §4.1.2 writes it.
    pub(super) fn send(&mut self, line: &[u8], time: &str) -> io::Result<()> {
        let now = Instant::now();
        if self.paused_until.is_some_and(|until| now < until) {
            return Err(io::ErrorKind::NotConnected.into());
        }
        let mut message = match &self.head {
            Head::Prefix(prefix) => prefix.clone().into_bytes(),
            Head::Syslog(priority, ident) => format!("<{priority}>{time} {ident}: ").into_bytes(),
        };
        message.extend_from_slice(line);
        if matches!(self.head, Head::Prefix(_)) {
            message.push(b'\n');
        }
        message.truncate(self.limit);
        let outcome = self.connected().and_then(|socket| socket.send(&message));
        if let Err(error) = &outcome
            && error.kind() != io::ErrorKind::WouldBlock
        {
            // The reader may have been started anew at the same address.
            self.socket = None;
            self.paused_until = Some(now + PAUSE);
        }
        outcome
    }

    fn connected(&mut self) -> io::Result<&Socket> {
        if self.socket.is_none() {
            self.socket = Some(Socket::open(&self.address)?);
        }
        self.socket
            .as_ref()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Socket {
    fn open(address: &str) -> io::Result<Self> {
        if address.starts_with('/') {
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            socket.connect(address)?;
            return Ok(Self::Unix(socket));
        }
        let mut addresses = address.to_socket_addrs()?;
        let to: SocketAddr = addresses.next().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };

        let socket = UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        rustix::net::connect(&socket, &to)?;
        Ok(Self::Udp(socket))
    }

    fn send(&self, message: &[u8]) -> io::Result<()> {
        let sent = match self {
            Self::Udp(socket) => match socket.send(message) {
                // Says what became of the one before; whether anybody reads is not ours to know.
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    socket.send(message)
                }
                other => other,
            },
            Self::Unix(socket) => socket.send(message),
        };
        sent.map(drop)
    }
}
