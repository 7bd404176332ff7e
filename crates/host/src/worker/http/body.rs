//! Bodies: what hyper sends as an answer, and small requests gathered before the app is called.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::file::{Pieces, Sequence};
use super::station::{Station, leave};
use crate::worker::sync::lock;

/// Bodies up to this size are read before the app is called, so that a slow upload of a form
/// occupies no thread.
pub(crate) const GATHER_LIMIT_BYTES: u64 = 64 * 1024;

const PART_BYTES: usize = 64 * 1024;

/// The body of an answer.
#[derive(Debug)]
pub(super) enum AnswerBody {
    Whole(Option<Bytes>),
    /// All there too, and taken in parts: what h2 has taken it keeps, and nobody sees whether the
    /// client moves.
    Parts(Bytes),
    /// Comes piece by piece over the station.
    Streamed(Line),
    /// Part of a file, piece by piece as the socket takes it.
    File(Pieces),
    /// Several parts, and what stands between them.
    FileParts(Sequence),
}

/// The reading end of a station.
#[derive(Debug)]
pub(super) struct Line(pub(super) Arc<Mutex<Station>>);

impl Drop for Line {
    fn drop(&mut self) {
        let _had_to = leave(&self.0);
    }
}

/// What h2 takes at a time.
pub(super) fn next_part(left: &mut Bytes) -> Bytes {
    left.split_to(left.len().min(PART_BYTES))
}

impl Body for AnswerBody {
    type Data = Bytes;
    /// The rest of a file cannot be had; hyper then ends the connection.
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Line(station) = match &mut *self {
            Self::Whole(body) => return Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Parts(left) => {
                let part = next_part(left);
                return Poll::Ready((!part.is_empty()).then_some(Ok(Frame::data(part))));
            }
            Self::Streamed(station) => station,
            Self::File(pieces) => {
                return Poll::Ready(pieces.next().map(|piece| piece.map(Frame::data)));
            }
            Self::FileParts(sequence) => {
                return Poll::Ready(sequence.next().map(|piece| piece.map(Frame::data)));
            }
        };
        let mut station = lock(station);
        match station.next_piece() {
            Some(chunk) => {
                station.taken = station.taken.wrapping_add(1);
                station.tell_owner();
                Poll::Ready(Some(Ok(Frame::data(chunk))))
            }
            None if station.is_complete => Poll::Ready(
                station
                    .trailers
                    .take()
                    .map(|fields| Ok(Frame::trailers(fields))),
            ),
            None => {
                station.wait(cx);
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.as_ref().is_none_or(Bytes::is_empty),
            Self::Parts(left) => left.is_empty(),
            Self::Streamed(_) => false,
            Self::File(pieces) => pieces.left() == 0,
            Self::FileParts(sequence) => sequence.left() == 0,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => SizeHint::with_exact(body.as_ref().map_or(0, Bytes::len) as u64),
            Self::Parts(left) => SizeHint::with_exact(left.len() as u64),
            Self::Streamed(_) => SizeHint::default(),
            Self::File(pieces) => SizeHint::with_exact(pieces.left()),
            Self::FileParts(sequence) => SizeHint::with_exact(sequence.left()),
        }
    }
}

/// A request whose small body is still arriving.
#[derive(Debug)]
pub(super) struct Gathering {
    parts: Parts,
    incoming: Incoming,
    first: Bytes,
    rest: BytesMut,
}

/// How far a [`Gathering`] has come.
pub(super) enum Gathered {
    Waiting,
    Complete,
    /// The client sent less than it declared.
    Broken,
}

impl Gathering {
    pub(super) fn new(parts: Parts, incoming: Incoming) -> Self {
        Self {
            parts,
            incoming,
            first: Bytes::new(),
            rest: BytesMut::new(),
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Gathered {
        loop {
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Pending => return Gathered::Waiting,
                Poll::Ready(None) => return Gathered::Complete,
                Poll::Ready(Some(Err(_))) => return Gathered::Broken,
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.push(data);
                    }
                    if self.incoming.is_end_stream() {
                        return Gathered::Complete;
                    }
                }
            }
        }
    }

    // Most small bodies come in one piece, which is then not copied.
    fn push(&mut self, data: Bytes) {
        if self.first.is_empty() {
            self.first = data;
        } else {
            self.rest.extend_from_slice(&data);
        }
    }

    /// How much has come.
    pub(super) fn bytes(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    pub(super) fn into_request(self) -> (Parts, Bytes) {
        if self.rest.is_empty() {
            return (self.parts, self.first);
        }
        let mut whole = BytesMut::from(self.first);
        whole.extend_from_slice(&self.rest);
        (self.parts, whole.freeze())
    }
}
