//! hyper's end of a socket: which protocol the client speaks, and the gate before HTTP/1.
//!
//! Which it is shows before anything reaches hyper: TLS agrees on it, and in the clear a connection of
//! HTTP/2 begins with its preface. Until then hyper's machine for HTTP/1 waits; if it is HTTP/2 the
//! driver takes the stream from it, with all that was read.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor};
use lictor_core::config::Http2;

use super::frames::PREFACE;
use super::gate::Gate;
use super::socket::{Socket, with_scratch};

/// hyper's end of a [`Socket`].
#[derive(Debug)]
pub(super) struct Stream(pub(super) Arc<Socket>, pub(super) Gate, Lead);

/// How far it is known which protocol the client speaks.
#[derive(Debug)]
enum Lead {
    /// HTTP/2 is spoken here; so much of its preface has come.
    Open(Vec<u8>),
    /// HTTP/1, through the gate.
    Gated,
    /// HTTP/2, beginning with what was read before that was known. Nothing more is read here: the
    /// driver takes it from hyper's machine for HTTP/1, which may ask until then.
    Through(Vec<u8>),
}

impl Stream {
    pub(super) fn new(socket: &Arc<Socket>, gate: Gate, http2: Http2) -> Self {
        let lead = match (http2, socket.is_tls()) {
            (Http2::Off, _) | (Http2::Tls, false) => Lead::Gated,
            (Http2::Tls | Http2::All, _) => Lead::Open(Vec::new()),
        };
        Self(Arc::clone(socket), gate, lead)
    }

    /// Reads what comes before it is known whether this is HTTP/2. Pending too if it is: then the
    /// driver changes the protocol.
    fn read_lead(&mut self, scratch: &mut [u8], limit: usize) -> Poll<io::Result<usize>> {
        let Self(socket, _, lead) = self;
        let Lead::Open(held) = lead else {
            return Poll::Pending;
        };
        loop {
            let wanted = limit.min(scratch.len()).saturating_sub(held.len());
            let room = scratch.get_mut(..wanted).unwrap_or_default();
            let got = match socket.read(room) {
                Poll::Ready(Ok(got)) => got,
                other @ (Poll::Ready(Err(_)) | Poll::Pending) => return other,
            };
            let read = scratch.get(..got).unwrap_or_default();
            held.extend_from_slice(read);
            let is_agreed = socket.has_agreed_on_http2();
            let count = held.len().min(PREFACE.len());
            let is_like = held.get(..count) == PREFACE.get(..count);
            let may_be = is_agreed || !socket.is_tls() && is_like;
            if may_be && (is_agreed || count == PREFACE.len()) && got > 0 {
                *lead = Lead::Through(std::mem::take(held));
                socket.set_http2();
                return Poll::Pending;
            }
            if !may_be || got == 0 {
                let held = std::mem::take(held);
                let room = scratch.get_mut(..held.len()).unwrap_or_default();
                room.copy_from_slice(&held);
                *lead = Lead::Gated;
                return Poll::Ready(Ok(held.len()));
            }
            socket.is_head_in_part.store(true, Ordering::Relaxed);
        }
    }

    /// What was read before it was known that this is HTTP/2.
    pub(super) fn take_lead(&mut self) -> Vec<u8> {
        match &mut self.2 {
            Lead::Open(held) | Lead::Through(held) => std::mem::take(held),
            Lead::Gated => Vec::new(),
        }
    }

    fn read_some(&mut self, scratch: &mut [u8], limit: usize) -> Poll<io::Result<usize>> {
        match self.2 {
            Lead::Gated => {
                let wanted = limit.min(scratch.len());
                self.0.read(scratch.get_mut(..wanted).unwrap_or_default())
            }
            Lead::Open(_) => self.read_lead(scratch, limit),
            Lead::Through(_) => Poll::Pending,
        }
    }

    /// Reads until something may pass: an empty answer would be the end to hyper.
    fn read_through_gate(
        &mut self,
        scratch: &mut [u8],
        buffer: &mut ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let gate = &mut self.1;
            let ready = gate.ready();
            if !ready.is_empty() {
                let count = ready.len().min(buffer.remaining());
                buffer.put_slice(ready.get(..count).unwrap_or_default());
                gate.pass(count);
                return Poll::Ready(Ok(()));
            }
            match gate.refusal() {
                // The driver answers once everything before it is answered.
                Some(refusal) if !refusal.is_body => return Poll::Pending,
                Some(_) => return Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
                None => {}
            }
            let got = match self.read_some(scratch, buffer.remaining()) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(got)) => got,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            };
            let Self(socket, gate, _) = self;
            let through = gate.take(scratch.get_mut(..got).unwrap_or_default());
            socket.note(gate);
            if !through.is_empty() {
                buffer.put_slice(through);
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        with_scratch(|scratch| self.read_through_gate(scratch, &mut buffer))
    }
}
