//! A non-blocking socket that remembers whether it is worth asking.
//!
//! hyper owns a [`Stream`](super::stream::Stream), the connection keeps the [`Socket`] behind it: epoll's answers arrive
//! here as flags. A read that fills less than the buffer, or a write that takes less than all, has
//! drained a stream socket (epoll(7), Q9), so the flag is cleared without asking for EAGAIN. What is
//! read passes the [`Gate`], whose verdict is left with the socket for the driver to see.

mod sending;

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, getpeername, recv, shutdown};

use self::sending::send_parts;

use super::gate::{Gate, Refusal};
use super::holes::Holes;
use crate::worker::exchange::TlsFacts;
use crate::worker::threads::counters;
use crate::worker::tls::{Session, TlsServer, Wire};

/// Most that one read takes; hyper asks for less.
const SCRATCH_BYTES: usize = 64 * 1024;

thread_local! {
    // Read into here and copy: handing out hyper's uninitialised memory needs `unsafe`, and zeroing
    // it first costs more than copying the few hundred bytes of a request.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice());
}

/// Lends room to read into.
pub(super) fn with_scratch<T>(work: impl FnOnce(&mut [u8]) -> T) -> T {
    SCRATCH.with_borrow_mut(|scratch| work(scratch))
}

/// The socket of a connection and what is known about it.
///
/// One thread at a time works on a connection, so the flags need no order among themselves.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
    is_readable: AtomicBool,
    is_writable: AtomicBool,
    /// The peer has sent its end, or the connection broke: a short read is not the last one.
    is_ending: AtomicBool,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    /// A head has come in part.
    pub(super) is_head_in_part: AtomicBool,
    /// What the gate refused: status, whether it is a body, heads before; 0 for nothing.
    refusal: AtomicU64,
    /// The client speaks HTTP/2.
    is_http2: AtomicBool,
    /// Between these bytes and HTTP's.
    pub(super) tls: Option<Box<Session>>,
    holes: Holes,
}

impl Socket {
    /// A socket fresh from accept4(2): what it holds is unknown, so it counts as ready.
    pub(crate) fn new(fd: OwnedFd) -> Arc<Self> {
        Self::over(fd, None)
    }

    /// The same; TLS is spoken on it if there is something to speak it with.
    pub(crate) fn over(fd: OwnedFd, tls: Option<Arc<TlsServer>>) -> Arc<Self> {
        Arc::new(Self {
            tls: tls.map(|server| Box::new(Session::new(server))),
            fd,
            is_readable: AtomicBool::new(true),
            is_writable: AtomicBool::new(true),
            is_ending: AtomicBool::new(false),
            bytes_read: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
            is_head_in_part: AtomicBool::new(false),
            refusal: AtomicU64::new(0),
            is_http2: AtomicBool::new(false),
            holes: Holes::default(),
        })
    }

    pub(crate) fn set_readable(&self) {
        self.is_readable.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_writable(&self) {
        self.is_writable.store(true, Ordering::Relaxed);
        self.holes.begin_turn();
    }

    /// The files that stand between what is written.
    pub(super) fn holes(&self) -> &Holes {
        &self.holes
    }

    /// Whether a long answer was interrupted for the sake of others, though the socket could take
    /// more: epoll has to be asked again. True once.
    pub(crate) fn has_given_way(&self) -> bool {
        self.holes.has_given_way()
    }

    pub(crate) fn set_ending(&self) {
        self.is_ending.store(true, Ordering::Relaxed);
        self.set_readable();
        self.set_writable();
    }

    /// Whether the peer has sent its end, or the connection broke.
    pub(crate) fn is_ending(&self) -> bool {
        self.is_ending.load(Ordering::Relaxed)
    }

    /// Ends the connection both ways while its descriptor is still held.
    pub(crate) fn hang_up(&self) {
        let _already_gone = shutdown(&self.fd, Shutdown::Both);
    }

    /// Whether a write stopped because the kernel's buffer is full.
    pub(crate) fn is_write_blocked(&self) -> bool {
        !self.is_writable.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_written(&self) -> u64 {
        self.bytes_written.load(Ordering::Relaxed)
    }

    /// Whether a request has begun whose head is not yet whole.
    pub(crate) fn is_head_in_part(&self) -> bool {
        self.is_head_in_part.load(Ordering::Relaxed)
    }

    pub(super) fn set_head_in_part(&self, is_in_part: bool) {
        self.is_head_in_part.store(is_in_part, Ordering::Relaxed);
    }

    /// What was refused, and at which place in the stream of requests.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let packed = self.refusal.load(Ordering::Relaxed);
        (packed != 0).then_some(Refusal {
            status: (packed & 0xffff) as u16,
            heads: (packed >> 32) as u32,
            is_body: packed & 1 << 16 != 0,
        })
    }

    pub(super) fn note(&self, gate: &Gate) {
        self.is_head_in_part
            .store(gate.is_head_in_part(), Ordering::Relaxed);
        if let Some(refusal) = gate.refusal() {
            let packed = u64::from(refusal.status)
                | u64::from(refusal.is_body) << 16
                | u64::from(refusal.heads) << 32;
            self.refusal.store(packed, Ordering::Relaxed);
        }
    }

    /// Whether the bytes of the socket are not those of HTTP: then nobody may write beside hyper.
    pub(crate) fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    pub(super) fn has_agreed_on_http2(&self) -> bool {
        self.tls
            .as_ref()
            .is_some_and(|tls| tls.has_agreed_on(b"h2"))
    }

    pub(super) fn set_http2(&self) {
        self.is_head_in_part.store(false, Ordering::Relaxed);
        self.is_http2.store(true, Ordering::Relaxed);
    }

    /// Whether the client speaks HTTP/2.
    pub(crate) fn speaks_http2(&self) -> bool {
        self.is_http2.load(Ordering::Relaxed)
    }

    /// What the handshake came to, if there was one.
    pub(crate) fn tls_facts(&self) -> Option<&TlsFacts> {
        self.tls.as_ref()?.facts()
    }

    /// Tells the peer of a connection that is given up while nothing is in flight that this is its
    /// end. Plain HTTP has no words for that.
    pub(crate) fn take_leave(&self) {
        if let Some(tls) = &self.tls {
            let _gone = tls.close(self);
        }
    }

    /// Throws away what has arrived. `None`: nothing more at the moment; 0: the end.
    pub(crate) fn discard(&self) -> Option<usize> {
        with_scratch(|scratch| match self.receive(scratch) {
            Poll::Ready(got) => Some(got.unwrap_or(0)),
            Poll::Pending => None,
        })
    }

    /// What HTTP reads: with TLS, what the client has encrypted.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match &self.tls {
            Some(tls) => tls.read(self, buffer),
            None => self.receive(buffer),
        }
    }

    fn receive(&self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.is_readable.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        let wanted = buffer.len();
        loop {
            match recv(&self.fd, &mut *buffer, RecvFlags::empty()) {
                Ok((got, _)) => {
                    if got < wanted && got > 0 && !self.is_ending.load(Ordering::Relaxed) {
                        self.is_readable.store(false, Ordering::Relaxed);
                    }
                    self.bytes_read.fetch_add(got as u64, Ordering::Relaxed);
                    return Poll::Ready(Ok(got));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.is_readable.store(false, Ordering::Relaxed);
                    return Poll::Pending;
                }
                Err(error) => {
                    if let Some(counters) = counters() {
                        counters.count_read_error();
                    }
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
    }
}

/// What a TLS session reads and writes: the bytes of the socket itself.
impl Wire for Socket {
    fn receive(&self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::receive(self, buffer)
    }

    fn transmit(&self, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let wanted = parts.iter().map(|part| part.len()).sum();
        self.transmit(wanted, |fd| send_parts(fd, parts))
    }

    fn end(&self) {
        // A peer that reset the connection makes this fail; it is closed all the same.
        let _already_gone = shutdown(&self.fd, Shutdown::Write);
    }

    fn peer(&self) -> String {
        let peer = getpeername(&self.fd).ok().flatten();
        let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok());
        peer.map_or_else(
            || "a client at a unix socket".to_owned(),
            |peer| peer.ip().to_canonical().to_string(),
        )
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
