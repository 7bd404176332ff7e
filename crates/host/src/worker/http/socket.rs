//! A non-blocking socket that remembers whether it is worth asking.
//!
//! hyper owns a [`Stream`], the connection keeps the [`Socket`] behind it: epoll's answers arrive
//! here as flags. A read that fills less than the buffer, or a write that takes less than all, has
//! drained a stream socket (epoll(7), Q9), so the flag is cleared without asking for EAGAIN.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use rustix::io::Errno;
use rustix::net::{
    RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, recv, send, sendmsg, shutdown,
};

/// Most that one read takes; hyper asks for less.
const SCRATCH_BYTES: usize = 64 * 1024;
/// Parts of a write that are joined before they are sent.
const JOIN_BYTES: usize = 4096;

thread_local! {
    // Read into here and copy: handing out hyper's uninitialised memory needs `unsafe`, and zeroing
    // it first costs more than copying the few hundred bytes of a request.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; SCRATCH_BYTES].into_boxed_slice());
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
}

impl Socket {
    /// A socket fresh from accept4(2): what it holds is unknown, so it counts as ready.
    pub(crate) fn new(fd: OwnedFd) -> Arc<Self> {
        Arc::new(Self {
            fd,
            is_readable: AtomicBool::new(true),
            is_writable: AtomicBool::new(true),
            is_ending: AtomicBool::new(false),
            bytes_read: AtomicU64::new(0),
            bytes_written: AtomicU64::new(0),
        })
    }

    pub(crate) fn set_readable(&self) {
        self.is_readable.store(true, Ordering::Relaxed);
    }

    pub(crate) fn set_writable(&self) {
        self.is_writable.store(true, Ordering::Relaxed);
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

    /// Throws away what has arrived. `None`: nothing more at the moment; 0: the end.
    pub(crate) fn discard(&self) -> Option<usize> {
        SCRATCH.with_borrow_mut(|scratch| match self.receive(scratch) {
            Poll::Ready(got) => Some(got.unwrap_or(0)),
            Poll::Pending => None,
        })
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

    fn transmit(
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

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// hyper's end of a [`Socket`].
#[derive(Debug)]
pub(super) struct Stream(pub(super) Arc<Socket>);

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        SCRATCH.with_borrow_mut(|scratch| {
            let wanted = buffer.remaining().min(scratch.len());
            let scratch = scratch.get_mut(..wanted).unwrap_or_default();
            self.0
                .receive(scratch)
                .map_ok(|got| buffer.put_slice(scratch.get(..got).unwrap_or_default()))
        })
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        // MSG_NOSIGNAL: an app may have given SIGPIPE back its default.
        self.0
            .transmit(bytes.len(), |fd| send(fd, bytes, SendFlags::NOSIGNAL))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [only] = parts {
            return self.poll_write(cx, only);
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
        self.0.transmit(wanted, |fd| {
            sendmsg(
                fd,
                parts,
                &mut SendAncillaryBuffer::default(),
                SendFlags::NOSIGNAL,
            )
        })
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A peer that reset the connection makes this fail; it is closed all the same.
        let _already_gone = shutdown(&self.0.fd, Shutdown::Write);
        Poll::Ready(Ok(()))
    }
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
