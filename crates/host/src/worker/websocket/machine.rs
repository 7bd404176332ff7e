//! One accepted websocket: bytes in, events out; messages in, bytes out (RFC 6455 §5 to §7).

use bytes::{Buf as _, Bytes, BytesMut};

use super::Limits;
use super::close;
use super::deflate::Compression;
use super::frame::{self, Opcode};
use super::handshake::Upgrade;
use super::incoming::{Incoming, Reader};
use super::violation::Violation;

/// Pings are answered one by one until so much waits to be sent; then only the newest is, which
/// RFC 6455 §5.5.3 allows. A client that pings and never reads thus costs no memory.
const PONG_ROOM: usize = 16 * 1024;
/// An output buffer that has grown beyond this is let go of when it is empty.
const KEPT_OUTPUT: usize = 4 * 1024;

/// What has happened on a connection.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Text(String),
    Binary(Bytes),
    /// It has been answered.
    Ping,
    Pong,
    /// The client closes, or has agreed to our closing. The last event.
    Closed {
        code: u16,
        reason: String,
    },
    /// The client broke the protocol, and was told so. The last event.
    Failed(Violation),
}

/// Nothing can be sent any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the websocket is closed")]
pub(crate) struct Closed;

/// Why a close frame cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CloseError {
    #[error("{0} is no close code that may be sent; use 1000, 1001, or one from 3000 to 4999")]
    Code(u16),
    #[error("the websocket is closed")]
    Closed,
}

/// How far the closing has come (RFC 6455 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// Our close frame has been laid down, the client's has not come.
    Closing,
    /// Nothing is read or laid down any more.
    Closed,
}

#[derive(Debug)]
pub(crate) struct WebSocket {
    phase: Phase,
    reader: Reader,
    compression: Option<Box<Compression>>,
    pub(super) output: BytesMut,
    /// The newest ping that found no room for its answer.
    late_pong: Option<Vec<u8>>,
    code: u16,
}

impl WebSocket {
    /// The connection behind a handshake that was accepted.
    pub(crate) fn new(upgrade: &Upgrade, limits: &Limits) -> Self {
        let compression = upgrade.deflate.map(Compression::new);
        Self {
            phase: Phase::Open,
            reader: Reader::new(limits.message_size),
            compression: compression.map(Box::new),
            output: BytesMut::new(),
            late_pong: None,
            code: close::ABNORMAL,
        }
    }

    /// Takes bytes until something has happened, and says how many it took; to be called again with
    /// the rest. They are unmasked where they stand. After the last event all are ignored.
    pub(crate) fn receive(&mut self, input: &mut [u8]) -> (usize, Option<Event>) {
        let length = input.len();
        let mut taken = 0;
        while self.phase != Phase::Closed && taken < length {
            let rest = input.get_mut(taken..).unwrap_or_default();
            match self.reader.read(rest, self.compression.as_deref_mut()) {
                Err(violation) => {
                    return (length, Some(self.fail(violation)));
                }
                Ok((count, None)) => taken += count,
                Ok((count, Some(incoming))) => {
                    taken += count;
                    if let Some(event) = self.take(incoming) {
                        return (taken, Some(event));
                    }
                }
            }
        }
        (length, None)
    }

    fn take(&mut self, incoming: Incoming) -> Option<Event> {
        match incoming {
            Incoming::Close(payload) => Some(self.take_close(&payload)),
            Incoming::Pong(_) => Some(Event::Pong),
            Incoming::Ping(payload) => {
                self.answer_ping(payload);
                Some(Event::Ping)
            }
            // What comes after our close frame is nobody's.
            Incoming::Text(_) | Incoming::Binary(_) if self.phase != Phase::Open => None,
            Incoming::Text(text) => Some(Event::Text(text)),
            Incoming::Binary(bytes) => Some(Event::Binary(bytes.into())),
        }
    }

    fn take_close(&mut self, payload: &[u8]) -> Event {
        match close::read(payload) {
            Err(violation) => self.fail(violation),
            Ok((code, reason)) => {
                // Echoed, as §5.5.1 has it, unless it is the echo of ours.
                self.lay_down_close(code, "");
                self.phase = Phase::Closed;
                self.code = code.unwrap_or(close::NO_CODE);
                Event::Closed {
                    code: self.code,
                    reason,
                }
            }
        }
    }

    fn answer_ping(&mut self, payload: Vec<u8>) {
        if self.phase != Phase::Open {
            return;
        }
        if self.output.len() < PONG_ROOM {
            frame::write(&mut self.output, Opcode::Pong, false, &payload);
        } else {
            self.late_pong = Some(payload);
        }
    }

    pub(crate) fn send_text(&mut self, text: &str) -> Result<(), Closed> {
        self.send(Opcode::Text, text.as_bytes())
    }

    pub(crate) fn send_binary(&mut self, bytes: &[u8]) -> Result<(), Closed> {
        self.send(Opcode::Binary, bytes)
    }

    fn send(&mut self, opcode: Opcode, message: &[u8]) -> Result<(), Closed> {
        if self.phase != Phase::Open {
            return Err(Closed);
        }
        let compression = self.compression.as_deref_mut();
        let compressed = compression.and_then(|compression| compression.compress(message));
        let payload = compressed.as_deref().unwrap_or(message);
        frame::write(&mut self.output, opcode, compressed.is_some(), payload);
        Ok(())
    }

    /// Asks the client whether it is there; without effect on a connection that is closing.
    pub(crate) fn ping(&mut self) {
        if self.phase == Phase::Open {
            frame::write(&mut self.output, Opcode::Ping, false, b"");
        }
    }

    /// Begins to close. `None`, and 1005, which stands for it, send no code. A reason is cut to 123
    /// bytes.
    pub(crate) fn close(&mut self, code: Option<u16>, reason: &str) -> Result<(), CloseError> {
        let code = code.filter(|code| *code != close::NO_CODE);
        match code {
            Some(code) if !close::may_be_sent(code) => Err(CloseError::Code(code)),
            _ if self.phase != Phase::Open => Err(CloseError::Closed),
            code => {
                self.lay_down_close(code, reason);
                Ok(())
            }
        }
    }

    /// Gives up a client that does not answer pings. It is told so, in case it can still read; for
    /// the app the connection broke off.
    pub(crate) fn give_up(&mut self) {
        self.lay_down_close(Some(1011), "no answer to a ping");
        self.phase = Phase::Closed;
    }

    /// Closes without waiting for the client, which is told why if it was not told to close already.
    fn fail(&mut self, violation: Violation) -> Event {
        self.code = violation.code();
        self.lay_down_close(Some(self.code), &violation.to_string());
        self.phase = Phase::Closed;
        Event::Failed(violation)
    }

    fn lay_down_close(&mut self, code: Option<u16>, reason: &str) {
        if self.phase != Phase::Open {
            return;
        }
        self.late_pong = None;
        let payload = close::payload(code, reason);
        frame::write(&mut self.output, Opcode::Close, false, &payload);
        self.phase = Phase::Closing;
        self.reader.ignore_messages();
    }

    /// Messages can be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Both sides have closed, or we have failed: when the output is sent, the socket is to be
    /// closed, by us first (RFC 6455 §7.1.1).
    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// How the connection ended, as an app is told: the client's code, 1005 if it gave none, ours if
    /// it was failed, 1006 if it broke off.
    pub(crate) fn close_code(&self) -> u16 {
        self.code
    }

    /// What is to be sent. Senders are to wait while much is left here.
    pub(crate) fn output(&self) -> &[u8] {
        &self.output
    }

    /// Bytes allocated for what is coming.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.reader.held()
    }

    /// So much of the output is the kernel's.
    pub(crate) fn sent(&mut self, count: usize) {
        self.output.advance(count.min(self.output.len()));
        if self.output.is_empty() && self.output.capacity() > KEPT_OUTPUT {
            self.output = BytesMut::new();
        }
        if self.output.len() < PONG_ROOM
            && let Some(payload) = self.late_pong.take()
        {
            self.answer_ping(payload);
        }
    }
}
