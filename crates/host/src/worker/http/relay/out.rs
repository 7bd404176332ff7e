//! The way out: answers are laid out in the web server's protocol, and sent as the socket takes them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Response;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http_body::Body;
use hyper::ext::ReasonPhrase;

use super::super::body::AnswerBody;
use super::super::socket::Socket;
use super::super::station::Station;
use super::{Cut, Relay, Stage};
use crate::worker::gateway::Framing;
use crate::worker::sync::lock;

/// What is laid out for the socket before the app, or a file, is asked for more.
const LAID_OUT_BYTES: usize = 64 * 1024;
/// Pieces of one write.
const PIECES: usize = 16;

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Answer {
    body: AnswerBody,
    framing: Framing,
    /// What is still missing of the length that was declared.
    left: Option<u64>,
}

impl Relay {
    pub(super) fn lay_out(
        &mut self,
        station: &Mutex<Station>,
        cx: &mut Context<'_>,
    ) -> Result<bool, Cut> {
        let mut has_more = false;
        if self.answer.is_none()
            && let Some(response) = lock(station).response.take()
        {
            self.begin(response);
            has_more = true;
        }
        while self.out.iter().map(Bytes::len).sum::<usize>() < LAID_OUT_BYTES
            && let Some(answer) = &mut self.answer
        {
            match Pin::new(&mut answer.body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let framing = answer.framing;
                    if let Ok(piece) = frame.into_data() {
                        let piece = answer.within(piece);
                        self.put(framing, piece);
                    }
                }
                Poll::Ready(Some(Err(_))) => return Err(Cut),
                Poll::Ready(None) if answer.left.is_some_and(|left| left > 0) => return Err(Cut),
                Poll::Ready(None) => self.end(),
                Poll::Pending => break,
            }
            has_more = true;
        }
        Ok(has_more)
    }

    fn begin(&mut self, response: Response<AnswerBody>) {
        let framing = self.reader.framing();
        let (parts, body) = response.into_parts();
        let status = parts.status;
        let reason = parts.extensions.get::<ReasonPhrase>();
        let reason = reason.map(ReasonPhrase::as_bytes);
        let usual = status.canonical_reason().unwrap_or_default();
        let declared = parts.headers.get(CONTENT_LENGTH);
        let declared = declared.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        // A web server that knows the length can keep its client's connection.
        let has_body = !body.is_end_stream();
        let exact = body
            .size_hint()
            .exact()
            .filter(|_| declared.is_none() && has_body);
        let length = exact.map(|length| length.to_string());
        let fields = parts.headers.iter();
        let fields = fields
            .filter(|(name, _)| *name != CONNECTION && *name != TRANSFER_ENCODING)
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
            .chain(
                length
                    .iter()
                    .map(|length| (&b"content-length"[..], length.as_bytes())),
            );
        let reason = reason.unwrap_or(usual.as_bytes());
        let head = framing.head("HTTP/1.1", status.as_u16(), reason, fields);
        self.out.push_back(head.into());
        self.answer = Some(Answer {
            left: declared.filter(|_| has_body),
            body,
            framing,
        });
    }

    pub(super) fn put(&mut self, framing: Framing, mut piece: Bytes) {
        for (prefix, count) in framing.cut(piece.len()) {
            if !prefix.is_empty() {
                self.out.push_back(prefix.into());
            }
            self.out.push_back(piece.split_to(count));
        }
    }

    pub(super) fn put_end(&mut self, framing: Framing) {
        let end = framing.end();
        if !end.is_empty() {
            self.out.push_back(end.into());
        }
    }

    /// The answer is all laid out.
    fn end(&mut self) {
        if let Some(answer) = self.answer.take() {
            self.put_end(answer.framing);
        }
        if !self.reader.framing().is_kept() {
            self.is_ending = true;
        } else if self.stage == Stage::Whole {
            self.await_next();
        } else {
            self.stage = Stage::Over(0);
        }
    }

    pub(super) fn await_next(&mut self) {
        self.reader.end_request();
        self.stage = Stage::Variables;
    }

    /// Sends what the socket takes.
    pub(super) fn send(&mut self, socket: &Socket) -> io::Result<()> {
        while !self.out.is_empty() {
            let pieces: Vec<IoSlice<'_>> = (self.out.iter().take(PIECES))
                .map(|piece| IoSlice::new(piece))
                .collect();
            let Poll::Ready(sent) = socket.write_pieces(&pieces) else {
                return Ok(());
            };
            drop(pieces);
            self.forget(sent?);
        }
        Ok(())
    }

    fn forget(&mut self, mut sent: usize) {
        while let Some(first) = self.out.front_mut() {
            if sent < first.len() {
                drop(first.split_to(sent));
                return;
            }
            sent -= first.len();
            drop(self.out.pop_front());
        }
    }
}

impl Answer {
    /// As much of the piece as was declared.
    fn within(&mut self, mut piece: Bytes) -> Bytes {
        if let Some(left) = &mut self.left {
            let count = usize::try_from(*left)
                .unwrap_or(usize::MAX)
                .min(piece.len());
            piece.truncate(count);
            *left -= count as u64;
        }
        piece
    }
}
