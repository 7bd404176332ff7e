//! What goes out by a socket: as much as the kernel takes, small parts joined, holes filled from files.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use hyper::rt::Write;
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendFlags, send, sendmsg};

use super::super::holes::is_hole;
use super::super::stream::Stream;
use super::{Socket, with_scratch};
use crate::worker::threads::counters;
use crate::worker::tls::Wire;

/// Parts of a write that are joined before they are sent.
const JOIN_BYTES: usize = 4096;

impl Socket {
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

    pub(in super::super) fn transmit(
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
                    if let Some(counters) = counters() {
                        counters.sent(sent as u64);
                    }
                    return Poll::Ready(Ok(sent));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    self.is_writable.store(false, Ordering::Relaxed);
                    return Poll::Pending;
                }
                Err(error) => {
                    if let Some(counters) = counters() {
                        counters.count_write_error();
                    }
                    return Poll::Ready(Err(error.into()));
                }
            }
        }
    }
}

impl Socket {
    fn write(&self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(tls) = &self.tls {
            return tls.write(self, &[IoSlice::new(bytes)]);
        }
        if self.holes.is_any() {
            return self.transmit_with_holes(&[IoSlice::new(bytes)]);
        }
        // MSG_NOSIGNAL: an app may have given SIGPIPE back its default.
        self.transmit(bytes.len(), |fd| send(fd, bytes, SendFlags::NOSIGNAL))
    }

    /// Sends what the kernel takes of several pieces, some of which may be holes.
    pub(in super::super) fn write_pieces(&self, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.holes.is_any() {
            return self.transmit_with_holes(parts);
        }
        if let [only] = parts {
            return self.write(only);
        }
        if let Some(tls) = &self.tls {
            return tls.write(self, parts);
        }
        let wanted = parts.iter().map(|part| part.len()).sum();
        // The kernel takes one small buffer more cheaply than a list of them.
        if wanted <= JOIN_BYTES {
            return with_scratch(|scratch| {
                let joined = join(scratch, parts);
                self.transmit(wanted, |fd| send(fd, joined, SendFlags::NOSIGNAL))
            });
        }
        self.transmit(wanted, |fd| send_parts(fd, parts))
    }
}

impl Write for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.write(bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.write_pieces(parts)
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

pub(super) fn send_parts(fd: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> rustix::io::Result<usize> {
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
