//! One TLS connection: ciphertext of a [`Wire`] on one side, hyper's bytes on the other.
//!
//! rustls does no I/O of its own. Ciphertext that the kernel did not take stays in it, and as the
//! socket counts as blocked then, everything that waits for a blocked socket waits for this too.

use std::cell::RefCell;
use std::io::{self, BufRead, IoSlice, Write};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;

use rustls::ServerConnection;

use super::choice::take_shown;
use super::client;
use super::complaints::handshake_failed;
use super::server::TlsServer;
use crate::worker::exchange::TlsFacts;
use crate::worker::sync::lock;

/// Least that is asked of the kernel: a record of handshakes and small requests.
const READ_BYTES: usize = 4096;
/// How often in a row a client may send something that holds nothing for HTTP. Nobody needs more than
/// a few, and as long as they come nobody else is served.
const EMPTY_READS: usize = 64;
/// Most that one read takes.
const SCRATCH_BYTES: usize = 64 * 1024;
/// What a client is told that speaks plain HTTP here.
const PLAIN_HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nserver: lictor\r\nconnection: close\r\n\
    content-type: text/plain; charset=utf-8\r\ncontent-length: 67\r\n\r\n\
    400 Bad Request: a plain HTTP request was sent to a port for HTTPS\n";

thread_local! {
    // rustls reads 4 KB at a time, which would be as many system calls.
    static CIPHERTEXT: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice());
}

/// What a session reads and writes ciphertext by.
pub(in crate::worker) trait Wire {
    /// Some of what has arrived; 0 at the end.
    fn receive(&self, buffer: &mut [u8]) -> Poll<io::Result<usize>>;

    /// Hands bytes to the kernel, which may take fewer.
    fn transmit(&self, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Nothing more will be sent.
    fn end(&self);

    /// Who is at the other end, for the log.
    fn peer(&self) -> String;
}

/// One TLS connection.
#[derive(Debug)]
pub(in crate::worker) struct Session {
    server: Arc<TlsServer>,
    state: Mutex<State>,
    facts: OnceLock<TlsFacts>,
}

#[derive(Debug, Default)]
struct State {
    /// None until the client has said something, so that one that never does costs little.
    rustls: Option<ServerConnection>,
    /// Ciphertext that is not looked at yet, because hyper wants no more.
    unfed: Vec<u8>,
    /// The certificate that the client was shown, until the handshake is over.
    shown: Option<Arc<str>>,
    /// The client sends nothing more.
    is_ended: bool,
    /// The end has been told to the client.
    is_closed: bool,
}

/// Where plaintext goes.
struct Sink<'a> {
    buffer: &'a mut [u8],
    filled: usize,
}

impl Sink<'_> {
    fn room(&self) -> usize {
        self.buffer.len() - self.filled
    }

    /// Takes as much as there is room for.
    fn take(&mut self, bytes: &[u8]) -> usize {
        let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let count = bytes.len().min(free.len());
        if let (Some(free), Some(bytes)) = (free.get_mut(..count), bytes.get(..count)) {
            free.copy_from_slice(bytes);
        }
        self.filled += count;
        count
    }
}

impl Session {
    pub(in crate::worker) fn new(server: Arc<TlsServer>) -> Self {
        Self {
            server,
            state: Mutex::default(),
            facts: OnceLock::new(),
        }
    }

    /// What the handshake came to, once it is over.
    pub(in crate::worker) fn facts(&self) -> Option<&TlsFacts> {
        self.facts.get()
    }

    /// Whether the client has agreed to speak this protocol (ALPN).
    pub(in crate::worker) fn has_agreed_on(&self, protocol: &[u8]) -> bool {
        let state = lock(&self.state);
        let agreed = state.rustls.as_ref().and_then(|tls| tls.alpn_protocol());
        agreed == Some(protocol)
    }

    /// Some of what the client has sent; 0 at the end.
    pub(in crate::worker) fn read(
        &self,
        wire: &impl Wire,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.state);
        let mut sink = Sink { buffer, filled: 0 };
        state.take_plaintext(&mut sink);
        for _ in 0..EMPTY_READS {
            if sink.filled > 0 || state.is_ended {
                return Poll::Ready(Ok(sink.filled));
            }
            let unfed = std::mem::take(&mut state.unfed);
            if !unfed.is_empty() {
                self.feed(&mut state, wire, &unfed, &mut sink)?;
                continue;
            }
            let received = CIPHERTEXT.with_borrow_mut(|scratch| {
                let room = sink.room().max(READ_BYTES).min(scratch.len());
                let scratch = scratch.get_mut(..room).unwrap_or_default();
                wire.receive(scratch).map(|received| {
                    let bytes = scratch.get(..received?).unwrap_or_default();
                    state.is_ended = bytes.is_empty();
                    self.feed(&mut state, wire, bytes, &mut sink)
                })
            });
            match received {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(fed) => fed?,
            }
        }
        Poll::Ready(Err(io::Error::other("a flood of empty TLS records")))
    }

    /// Takes in ciphertext, gives plaintext to the sink, and answers what TLS itself has to answer.
    fn feed(
        &self,
        state: &mut State,
        wire: &impl Wire,
        mut bytes: &[u8],
        sink: &mut Sink<'_>,
    ) -> io::Result<()> {
        if !bytes.is_empty() {
            self.begin(state, wire, bytes)?;
        }
        while !bytes.is_empty() {
            let Some(rustls) = &mut state.rustls else {
                break;
            };
            if sink.room() == 0 {
                state.unfed = bytes.to_vec();
                break;
            }
            if rustls.read_tls(&mut bytes)? == 0 {
                // Nothing counts after the client's own end.
                break;
            }
            let processed = rustls.process_new_packets();
            state.shown = take_shown().or(state.shown.take());
            if let Err(error) = processed {
                return Err(self.fail(rustls, wire, error));
            }
            if self.facts.get().is_none() && !rustls.is_handshaking() {
                self.facts
                    .get_or_init(|| client::facts(rustls, state.shown.take()));
            }
            // What the kernel does not take is tried again with the next flush.
            let _blocked = flush(rustls, wire)?;
            state.take_plaintext(sink);
        }
        Ok(())
    }

    fn begin(&self, state: &mut State, wire: &impl Wire, bytes: &[u8]) -> io::Result<()> {
        if state.rustls.is_some() {
            return Ok(());
        }
        // The first byte of a method, where TLS begins with a record of type 22 (RFC 8446 §5.1).
        if bytes.first().is_some_and(u8::is_ascii_uppercase) {
            let _gone = wire.transmit(&[IoSlice::new(PLAIN_HTTP)]);
            wire.end();
            return Err(io::ErrorKind::InvalidData.into());
        }
        let rustls = ServerConnection::new(self.server.config()).map_err(io::Error::other)?;
        state.rustls = Some(rustls);
        Ok(())
    }

    /// Tells the client why, as far as TLS has words for it, and the log.
    fn fail(
        &self,
        rustls: &mut ServerConnection,
        wire: &impl Wire,
        error: rustls::Error,
    ) -> io::Error {
        if self.facts.get().is_none() {
            handshake_failed(&wire.peer(), &error);
        }
        let _gone = flush(rustls, wire);
        wire.end();
        io::Error::new(io::ErrorKind::InvalidData, error)
    }

    /// Encrypts some of these bytes and sends what the kernel takes.
    pub(in crate::worker) fn write(
        &self,
        wire: &impl Wire,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.state);
        let Some(rustls) = &mut state.rustls else {
            return Poll::Ready(Err(io::ErrorKind::NotConnected.into()));
        };
        // So that no more than one buffer of ciphertext ever waits.
        if flush(rustls, wire)?.is_pending() {
            return Poll::Pending;
        }
        let taken = rustls.writer().write_vectored(parts)?;
        let _blocked = flush(rustls, wire)?;
        Poll::Ready(Ok(taken))
    }

    /// Whether the kernel has everything.
    pub(in crate::worker) fn flush(&self, wire: &impl Wire) -> Poll<io::Result<()>> {
        match &mut lock(&self.state).rustls {
            Some(rustls) => flush(rustls, wire)?.map(Ok),
            None => Poll::Ready(Ok(())),
        }
    }

    /// Tells the client that this is the end, and not a connection that somebody cut.
    pub(in crate::worker) fn close(&self, wire: &impl Wire) -> Poll<io::Result<()>> {
        let mut state = lock(&self.state);
        let is_closed = std::mem::replace(&mut state.is_closed, true);
        if let Some(rustls) = &mut state.rustls {
            if !is_closed {
                rustls.send_close_notify();
            }
            if flush(rustls, wire)?.is_pending() {
                return Poll::Pending;
            }
        }
        wire.end();
        Poll::Ready(Ok(()))
    }
}

impl State {
    fn take_plaintext(&mut self, sink: &mut Sink<'_>) {
        let Some(rustls) = &mut self.rustls else {
            return;
        };
        let mut reader = rustls.reader();
        while sink.room() > 0 {
            match reader.fill_buf() {
                Ok([]) => {
                    self.is_ended = true;
                    break;
                }
                Ok(chunk) => {
                    let count = sink.take(chunk);
                    reader.consume(count);
                }
                // Nothing more for now; the end without a farewell is the wire's to tell.
                Err(_) => break,
            }
        }
    }
}

fn flush(rustls: &mut ServerConnection, wire: &impl Wire) -> io::Result<Poll<()>> {
    while rustls.wants_write() {
        match rustls.write_tls(&mut Outlet(wire)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Poll::Pending),
            Err(error) => return Err(error),
        }
    }
    Ok(Poll::Ready(()))
}

/// A [`Wire`] as rustls writes to it.
struct Outlet<'a, W>(&'a W);

impl<W: Wire> Write for Outlet<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.0.transmit(parts) {
            Poll::Ready(sent) => sent,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
