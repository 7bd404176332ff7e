//! A connection that speaks something else from now on: hyper lets go of it, and its bytes go past the
//! gate. TLS, where it is spoken, goes on underneath.

use std::io::{self, IoSlice};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use rustix::net::{SendFlags, Shutdown, send, shutdown, sockopt};

use super::driver::{Driver, Machine};
use super::socket::{Socket, with_scratch};

/// What is left of HTTP on a connection.
pub(crate) struct Switched {
    /// The head of the 101, to be sent first.
    pub(crate) head: Bytes,
    /// What the client has sent already.
    pub(crate) early: BytesMut,
}

impl Driver {
    /// Answers the request in progress with 101 and these fields, and lets go of the connection.
    /// `None` if it is over, or if the client has not taken an earlier answer, which hyper holds.
    pub(crate) fn switch(&mut self, fields: &[(Bytes, Bytes)]) -> Option<Switched> {
        if !self.pump() || self.socket.is_write_blocked() {
            return None;
        }
        let parts = match self.machine.take()? {
            Machine::One(hyper) => hyper.into_parts(),
            // HTTP/2 has no 101 (RFC 9113 §8.6), nor have the protocols of web servers.
            other @ (Machine::Many(_) | Machine::Stream(_) | Machine::Relay(_)) => {
                self.machine = Some(other);
                return None;
            }
        };
        let gate = parts.io.1;
        let mut early = BytesMut::from(&*parts.read_buf);
        early.extend_from_slice(&gate.into_rest());
        let mut head = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
        let mut add = |name: &[u8], value: &[u8]| {
            head.extend([name, b": ", value, b"\r\n"].concat());
        };
        for (name, value) in fields {
            add(name, value);
        }
        if let Some((name, value)) = self.mark.take() {
            add(name.as_str().as_bytes(), value.as_bytes());
        }
        let is_given = |wanted: &str| {
            let mut names = fields.iter().map(|(name, _)| name);
            names.any(|name| name.eq_ignore_ascii_case(wanted.as_bytes()))
        };
        if !is_given("server") {
            add(b"server", b"lictor");
        }
        if !is_given("date") {
            add(
                b"date",
                httpdate::fmt_http_date(SystemTime::now()).as_bytes(),
            );
        }
        head.extend_from_slice(b"\r\n");
        Some(Switched {
            head: head.into(),
            early,
        })
    }
}

impl Socket {
    /// Shows what has come; nothing is the end.
    pub(crate) fn read_raw<T>(&self, look: impl FnOnce(&mut [u8]) -> T) -> Poll<io::Result<T>> {
        with_scratch(|scratch| {
            let read = self.read(scratch);
            read.map(|count| Ok(look(scratch.get_mut(..count?).unwrap_or_default())))
        })
    }

    /// Sends what the kernel takes of it.
    pub(crate) fn write_raw(&self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &self.tls {
            Some(tls) => tls.write(self, &[IoSlice::new(bytes)]),
            None => self.transmit(bytes.len(), |fd| send(fd, bytes, SendFlags::NOSIGNAL)),
        }
    }

    /// Whether the kernel has all that was written.
    pub(crate) fn flush_raw(&self) -> Poll<io::Result<()>> {
        match &self.tls {
            Some(tls) => tls.flush(self),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Nothing more is written.
    pub(crate) fn end_raw(&self) {
        let _already_gone = match &self.tls {
            Some(tls) => tls.close(self),
            None => Poll::Ready(shutdown(self, Shutdown::Write).map_err(io::Error::from)),
        };
    }

    /// Whoever reads the other end is told that what has come is not all.
    pub(super) fn break_off(&self) {
        let _already_gone = sockopt::set_socket_linger(self, Some(Duration::ZERO));
    }

    /// Others have their turn before more is read, though there may be more.
    pub(crate) fn give_way(&self) {
        self.holes().give_way();
    }
}
