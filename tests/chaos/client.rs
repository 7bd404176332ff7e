//! A client that can also be a bad one: bytes over a socket of either kind, with deadlines.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, SockAddr, Socket, Type};

/// Whoever waits longer has been failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// The server closes the connection.
    pub(crate) is_last: bool,
}

/// One connection.
#[derive(Debug)]
pub(crate) struct Client(Socket);

impl Client {
    /// Connects to an address as `http` of a vassal file names it.
    pub(crate) fn connect(address: &str) -> io::Result<Self> {
        let (domain, address) = if address.starts_with('/') {
            (Domain::UNIX, SockAddr::unix(address)?)
        } else {
            let tcp: SocketAddr = address.parse().map_err(io::Error::other)?;
            (Domain::for_address(tcp), tcp.into())
        };
        let socket = Socket::new(domain, Type::STREAM, None)?;
        socket.connect(&address)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        Ok(Self(socket))
    }

    /// Whether the server has not closed it, as whoever keeps connections asks before using one.
    pub(crate) fn is_open(&self) -> bool {
        let peek = || {
            self.0.set_nonblocking(true)?;
            let peeked = self.0.peek(&mut [std::mem::MaybeUninit::uninit()]);
            self.0.set_nonblocking(false)?;
            peeked
        };
        peek().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    pub(crate) fn ask(&mut self, path: &str) -> io::Result<()> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: chaos\r\n\r\n").as_bytes())
    }

    /// Reads one answer.
    pub(crate) fn answer(&mut self) -> io::Result<Answer> {
        let mut bytes = Vec::new();
        let end = loop {
            let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
            if let Some(end) = end {
                break end;
            }
            self.more(&mut bytes)?;
        };
        let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
        let mut body = bytes.split_off(end + 4);
        let field = |name: &str| {
            let mut lines = head.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim))
        };
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        let length = field("content-length").and_then(|length| length.parse().ok());
        let (Some(status), Some(length)) = (status, length) else {
            return Err(io::Error::other(format!("not an answer: {head:?}")));
        };
        while body.len() < length {
            self.more(&mut body)?;
        }
        Ok(Answer {
            status,
            body,
            is_last: field("connection") == Some("close"),
        })
    }

    fn more(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        match self.0.read(&mut buffer)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                bytes.extend(&buffer[..count]);
                Ok(())
            }
        }
    }

    /// Breaks off with a reset.
    pub(crate) fn reset(self) {
        // Where there are no resets, on unix sockets, it is closed.
        let _only_of_tcp = self.0.set_linger(Some(Duration::ZERO));
    }
}
