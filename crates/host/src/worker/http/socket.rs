//! A non-blocking socket that remembers whether it is worth asking.
//!
//! hyper owns a [`Stream`], the connection keeps the [`Socket`] behind it: epoll's answers arrive
//! here as flags. A read that fills less than the buffer, or a write that takes less than all, has
//! drained a stream socket (epoll(7), Q9), so the flag is cleared without asking for EAGAIN. What is
//! read passes the [`Gate`], whose verdict is left with the socket for the driver to see.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::rt::Write;
use rustix::io::Errno;
use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, getpeername, recv, send, sendmsg, shutdown,
};

use super::gate::{Gate, Refusal};
use super::holes::{Holes, is_hole};
use super::stream::Stream;
use crate::worker::exchange::TlsFacts;
use crate::worker::tls::{Session, TlsServer, Wire};

/// Most that one read takes; hyper asks for less.
const SCRATCH_BYTES: usize = 64 * 1024;
/// Parts of a write that are joined before they are sent.
const JOIN_BYTES: usize = 4096;

thread_local! {
    // Read into here and copy: handing out hyper's uninitialised memory needs `unsafe`, and zeroing
    // it first costs more than copying the few hundred bytes of a request.
    pub(super) static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice());
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
        SCRATCH.with_borrow_mut(|scratch| match self.receive(scratch) {
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
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Writes up to the first hole, or fills it.
    fn transmit_with_holes(&self, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let before = parts.iter().take_while(|part| !is_hole(part)).count();
        let (before, rest) = parts.split_at_checked(before).unwrap_or((parts, &[]));
        if before.iter().any(|part| !part.is_empty()) {
            let wanted = before.iter().map(|part| part.len()).sum();
            let mut flags = SendFlags::NOSIGNAL;
            // The head travels with the beginning of the file.
            flags.set(SendFlags::MORE, !rest.is_empty());
            return self.transmit(wanted, |fd| {
                sendmsg(fd, before, &mut SendAncillaryBuffer::default(), flags)
            });
        }
        let wanted = rest.first().map_or(0, |hole| hole.len());
        if self.holes.gives_way() {
            self.is_writable.store(false, Ordering::Relaxed);
        }
        // Less than wanted may also mean that the file is shorter, which the next call tells.
        self.transmit(0, |fd| self.holes.fill(fd, wanted))
    }

    pub(super) fn transmit(
        &self,
        wanted: usize,
        mut once: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if self.is_write_blocked() {
            return Poll::Pending;
        }
        loop {
            match once(self.fd.as_fd()) {
                Ok(sent) => {
                    if sent < wanted {
                        self.is_writable.store(false, Ordering::Relaxed);
                    }
                    self.bytes_written.fetch_add(sent as u64, Ordering::Relaxed);
                    return Poll::Ready(Ok(sent));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.is_writable.store(false, Ordering::Relaxed);
                    return Poll::Pending;
                }
                Err(error) => return Poll::Ready(Err(error.into())),
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

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(tls) = &self.0.tls {
            return tls.write(&*self.0, &[IoSlice::new(bytes)]);
        }
        if self.0.holes.is_any() {
            return self.0.transmit_with_holes(&[IoSlice::new(bytes)]);
        }
        // MSG_NOSIGNAL: an app may have given SIGPIPE back its default.
        self.0
            .transmit(bytes.len(), |fd| send(fd, bytes, SendFlags::NOSIGNAL))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.0.holes.is_any() {
            return self.0.transmit_with_holes(parts);
        }
        if let [only] = parts {
            return self.poll_write(cx, only);
        }
        if let Some(tls) = &self.0.tls {
            return tls.write(&*self.0, parts);
        }
        let wanted = parts.iter().map(|part| part.len()).sum();
        // The kernel takes one small buffer more cheaply than a list of them.
        if wanted <= JOIN_BYTES {
            return SCRATCH.with_borrow_mut(|scratch| {
                let joined = join(scratch, parts);
                self.0
                    .transmit(wanted, |fd| send(fd, joined, SendFlags::NOSIGNAL))
            });
        }
        self.0.transmit(wanted, |fd| send_parts(fd, parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.0.tls {
            Some(tls) => tls.flush(&*self.0),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(tls) = &self.0.tls {
            return tls.close(&*self.0);
        }
        self.0.end();
        Poll::Ready(Ok(()))
    }
}

fn send_parts(fd: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> rustix::io::Result<usize> {
    sendmsg(
        fd,
        parts,
        &mut SendAncillaryBuffer::default(),
        SendFlags::NOSIGNAL,
    )
}

fn join<'a>(room: &'a mut [u8], parts: &[IoSlice<'_>]) -> &'a [u8] {
    let mut end = 0;
    for part in parts {
        if let Some(place) = room.get_mut(end..end + part.len()) {
            place.copy_from_slice(part);
            end += part.len();
        }
    }
    room.get(..end).unwrap_or_default()
}
