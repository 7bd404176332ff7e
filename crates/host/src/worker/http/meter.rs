//! The socket of a connection of HTTP/2, with a look at the [`Traffic`] on it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Instant;

use hyper::rt::{Read, ReadBufCursor, Write};

use super::frames::Traffic;
use super::socket::with_scratch;
use super::stream::Stream;
use crate::worker::sync::lock;

/// h2's end of a socket.
#[derive(Debug)]
pub(super) struct Meter {
    stream: Stream,
    /// What was read before it was known that this is HTTP/2.
    held: Vec<u8>,
    traffic: Arc<Mutex<Traffic>>,
}

impl Meter {
    pub(super) fn new(mut stream: Stream, traffic: &Arc<Mutex<Traffic>>) -> Self {
        let held = stream.take_lead();
        lock(traffic).came(&held, Instant::now());
        Self {
            stream,
            held,
            traffic: Arc::clone(traffic),
        }
    }

    fn receive(
        &mut self,
        scratch: &mut [u8],
        buffer: &mut ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.held.is_empty() {
            let count = self.held.len().min(buffer.remaining());
            buffer.put_slice(self.held.get(..count).unwrap_or_default());
            self.held.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let wanted = buffer.remaining().min(scratch.len());
        let room = scratch.get_mut(..wanted).unwrap_or_default();
        self.stream.0.read(room).map_ok(|got| {
            let read = room.get(..got).unwrap_or_default();
            lock(&self.traffic).came(read, Instant::now());
            buffer.put_slice(read);
        })
    }

    /// Says why the connection ends, as far as the client takes that.
    fn end(&mut self, cx: &mut Context<'_>) {
        let farewell = lock(&self.traffic).farewell();
        let mut stream = Pin::new(&mut self.stream);
        if let Some(farewell) = farewell {
            let _untaken = stream.as_mut().poll_write(cx, &farewell);
        }
        let _gone = stream.poll_shutdown(cx);
    }
}

impl Read for Meter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let read = with_scratch(|scratch| self.receive(scratch, &mut buffer));
        if lock(&self.traffic).is_condemned() {
            self.end(cx);
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        read
    }
}

impl Write for Meter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.as_mut()
            .poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        if let Poll::Ready(Ok(mut left)) = written {
            let mut traffic = lock(&self.traffic);
            for part in parts {
                let count = part.len().min(left);
                traffic.went(part.get(..count).unwrap_or_default());
                left -= count;
            }
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
