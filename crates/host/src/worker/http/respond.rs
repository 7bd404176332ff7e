//! The answering half of a driver: what is laid down for hyper to send.

use std::sync::Arc;

use bytes::Bytes;
use http_body::Body;

use super::body::{AnswerBody, Line};
use super::driver::{Driver, Machine};
use super::head::{self, Spare};
use crate::worker::exchange::{ExchangeError, ResponseHead};
use crate::worker::sync::lock;

impl Driver {
    /// Lays down an answer whose body is all there.
    pub(crate) fn begin_whole(&mut self, head: ResponseHead, body: Bytes, is_closing: bool) {
        let (head, body) = self.encode_whole(head, body);
        let body = if self.is_stream() {
            AnswerBody::Parts(body)
        } else {
            AnswerBody::Whole(Some(body))
        };
        self.begin(head, body, is_closing);
    }

    /// Lays down the head of an answer whose body comes by [`Driver::put`].
    pub(crate) fn begin_stream(&mut self, head: ResponseHead, is_closing: bool) {
        let station = Arc::clone(&self.station);
        let mut laid = lock(&station);
        laid.chunks.clear();
        laid.trailers = None;
        laid.is_complete = false;
        laid.is_streamed = true;
        drop(laid);
        let head = self.encode_stream(head);
        self.begin(head, AnswerBody::Streamed(Line(station)), is_closing);
    }

    pub(super) fn begin(&mut self, head: ResponseHead, body: AnswerBody, is_closing: bool) {
        self.is_begun = true;
        let spare = std::mem::take(&mut self.spare);
        let mut response = head::assemble(head, body, spare, self.framing, is_closing);
        if let Some(own) = &self.settings.own_fields {
            own.apply(response.headers_mut());
        }
        if let Some(changes) = self.changes.take() {
            changes.apply(response.headers_mut());
        }
        if let Some((name, value)) = self.mark.take() {
            response.headers_mut().insert(name, value);
        }
        if let Some(measure) = &mut self.measure {
            measure.take(&response);
        }
        let mut station = lock(&self.station);
        station.response = Some(response);
        station.tell_reader();
    }

    /// Lays down a piece of the body.
    pub(crate) fn put(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            let chunk = self.encode(chunk);
            let mut station = lock(&self.station);
            station.chunks.push_back(chunk);
            station.tell_reader();
        }
    }

    /// Lays down the fields that follow the body. hyper sends those that `Trailer` has announced, to
    /// clients that have said `TE: trailers`.
    pub(crate) fn put_trailers(&mut self, fields: Vec<(Bytes, Bytes)>) {
        lock(&self.station).trailers = Some(head::field_map(fields));
    }

    /// How long the head of the last answer is, where that is measured.
    pub(crate) fn head_bytes(&self) -> Option<u64> {
        Some(self.measure?.bytes())
    }

    /// Whether the connection has neither ended nor been cut.
    pub(crate) fn is_open(&self) -> bool {
        match &self.machine {
            None => false,
            Some(Machine::One(_) | Machine::Relay(_)) => true,
            Some(Machine::Many(all)) => all.is_open(),
            Some(Machine::Stream(all)) => !lock(&self.station).is_left && all.is_open(),
        }
    }

    /// Whether hyper has everything that was laid down.
    pub(crate) fn is_taken(&self) -> bool {
        let station = lock(&self.station);
        station.response.is_none() && station.chunks.is_empty()
    }

    /// No more pieces will come.
    pub(crate) fn finish(&mut self) {
        let last = self.end_encoding();
        let mut station = lock(&self.station);
        station.chunks.extend(last);
        station.is_complete = true;
        station.tell_reader();
    }

    /// An answer of our own, if none has begun; else the connection is cut.
    pub(crate) fn fail(&mut self, status: u16, is_closing: bool) -> Option<u64> {
        if self.is_begun {
            self.cut();
            return None;
        }
        self.end_body();
        let (head, body) = head::plain(status);
        let length = body.len() as u64;
        // What the client got wrong may make nonsense of what follows.
        self.begin_whole(head, body, is_closing || status < 500 && !self.is_stream());
        Some(length)
    }

    /// The status to fail with, if the app failed because of what the client sent.
    pub(crate) fn blame(&self) -> Option<u16> {
        match self.body_error? {
            ExchangeError::TooLarge => Some(413),
            ExchangeError::Gone => Some(400),
            ExchangeError::Stalled => Some(408),
            ExchangeError::Interrupted => None,
        }
    }

    /// Whether the app has yet to read of the body, and has begun no answer.
    pub(crate) fn is_awaiting_body(&self) -> bool {
        self.incoming.is_some() && !self.is_begun
    }

    /// The client stopped sending in the middle of the body.
    pub(crate) fn stall(&mut self) {
        self.body_error = Some(ExchangeError::Stalled);
    }

    /// Ends the connection so that the answer cannot be taken for complete.
    pub(crate) fn cut(&mut self) {
        match self.machine.take() {
            None | Some(Machine::One(_)) => {}
            // Where the end of the connection ends an answer, it must not look like that.
            Some(Machine::Relay(_)) => self.socket.break_off(),
            Some(Machine::Many(all)) => all.cut(),
            Some(Machine::Stream(all)) => {
                all.reset(&self.station);
                // Sends the reset.
                let _open = all.pump();
            }
        }
    }

    /// The app will not read any more. Before the answer is laid down, so that hyper can say in it
    /// whether the connection is kept: it takes a small rest that has arrived, else it closes.
    pub(crate) fn end_body(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            self.is_unread |= !incoming.is_end_stream();
        }
        if let Some(Machine::Relay(relay)) = &mut self.machine {
            self.is_unread |= relay.end_body();
        }
    }

    /// The answer is laid down; the next request may be looked at.
    pub(crate) fn end_request(&mut self) {
        self.end_body();
        self.is_in_request = false;
    }

    /// Keeps the emptied map of a request for its answer.
    pub(crate) fn recycle(&mut self, spare: Spare) {
        self.spare = spare;
    }

    /// Whether nothing but the bodies of requests is on its way, which are being gathered.
    pub(crate) fn is_gathering(&self) -> bool {
        let uploads = self.gatherers.len();
        self.gathering.is_some() || uploads > 0 && uploads == self.open_streams()
    }

    /// Whether closing at once could destroy the answer on its way: what arrives at a closed socket
    /// is answered with a reset (RFC 9112 §9.6).
    pub(crate) fn needs_lingering(&self) -> bool {
        self.is_unread
    }
}
