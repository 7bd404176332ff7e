//! Polls hyper's connection and hands out what it found.
//!
//! hyper needs no runtime, only somebody who polls it when the socket is ready. Every wake-up that
//! hyper gives itself (a body piece handed over, a yield after many pipelined requests) sets a flag,
//! and [`Driver::pump`] polls until it stays clear; then only the socket can bring news.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use bytes::Bytes;
use http::request::Parts;
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;

use super::body::{AnswerBody, GATHER_LIMIT_BYTES, Gathered, Gathering};
use super::head::{self, Arrived, ArrivedBody, Framing, Spare};
use super::socket::{Socket, Stream};
use super::station::{Desk, Station};
use crate::worker::exchange::{ExchangeError, ResponseHead};
use crate::worker::sync::lock;

/// Smallest read and write buffer of a connection that pays for uploads.
const BUFFER_BYTES: usize = 64 * 1024;

/// What all connections of a worker have in common.
#[derive(Debug)]
pub(crate) struct DriverSettings {
    builder: http1::Builder,
    body_limit: Option<u64>,
}

impl DriverSettings {
    pub(crate) fn new(head_limit: u32, body_limit: Option<u64>) -> Self {
        let head_limit = head_limit as usize;
        let mut builder = http1::Builder::new();
        builder
            // The number of fields stays at hyper's own limit of 100, for which it needs no memory.
            // Without this, hyper reads ahead to notice a client that leaves: one more syscall.
            .half_close(true)
            .max_header_size(head_limit)
            .max_buf_size(head_limit.max(BUFFER_BYTES))
            // The reactor's own sweep closes slow connections; hyper would need a timer.
            .header_read_timeout(None);
        Self {
            builder,
            body_limit,
        }
    }
}

/// What a poll brought.
#[expect(
    clippy::large_enum_variant,
    reason = "moved at once; a box would be an allocation a request"
)]
pub(crate) enum Progress {
    /// The app is wanted.
    Request(Arrived),
    /// Nothing until the socket is ready.
    Waiting,
    /// The connection is over.
    Closed,
}

#[derive(Debug, Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One HTTP/1.1 connection.
#[derive(Debug)]
pub(crate) struct Driver {
    hyper: Option<http1::Connection<Stream, Desk>>,
    station: Arc<Mutex<Station>>,
    woken: Arc<Woken>,
    waker: Waker,
    body_limit: Option<u64>,
    gathering: Option<Gathering>,
    /// The body of the request that the app works on, if it was not gathered.
    incoming: Option<Incoming>,
    body_bytes: u64,
    framing: Framing,
    spare: Spare,
    /// Between a request and the end of its answer's production.
    is_in_request: bool,
    /// The head of the answer has been laid down.
    is_begun: bool,
    /// The client may still be sending what nobody will read.
    is_unread: bool,
    /// What went wrong with the request while the app read it.
    body_error: Option<ExchangeError>,
}

impl Driver {
    pub(crate) fn new(socket: Arc<Socket>, settings: &DriverSettings) -> Self {
        let station = Arc::default();
        let woken = Arc::<Woken>::default();
        let hyper = settings
            .builder
            .serve_connection(Stream(socket), Desk(Arc::clone(&station)));
        Self {
            hyper: Some(hyper),
            station,
            waker: Waker::from(Arc::clone(&woken)),
            woken,
            body_limit: settings.body_limit,
            gathering: None,
            incoming: None,
            body_bytes: 0,
            framing: Framing::default(),
            spare: Spare::default(),
            is_in_request: false,
            is_begun: false,
            is_unread: false,
            body_error: None,
        }
    }

    /// Goes as far as the socket allows, up to the next request.
    pub(crate) fn advance(&mut self) -> Progress {
        loop {
            if let Some(mut gathering) = self.gathering.take() {
                match gathering.poll(&mut Context::from_waker(&self.waker)) {
                    Gathered::Complete => {
                        let (parts, body) = gathering.into_request();
                        return Progress::Request(Arrived {
                            parts,
                            body: ArrivedBody::Whole(body),
                        });
                    }
                    Gathered::Waiting => self.gathering = Some(gathering),
                    Gathered::Broken => self.hyper = None,
                }
            }
            let is_open = self.pump();
            if !self.is_in_request {
                let request = lock(&self.station).request.take();
                if let Some(request) = request {
                    let (parts, incoming) = request.into_parts();
                    match self.admit(parts, incoming) {
                        Some(arrived) => return Progress::Request(arrived),
                        None => continue,
                    }
                }
            }
            if !is_open {
                return Progress::Closed;
            }
            // Polling hyper may have handed over a piece of the body.
            if self.gathering.is_none() || !self.woken.0.load(Ordering::Relaxed) {
                return Progress::Waiting;
            }
        }
    }

    /// Polls hyper until it waits for the socket. Whether the connection is still open.
    pub(crate) fn pump(&mut self) -> bool {
        let Some(hyper) = &mut self.hyper else {
            return false;
        };
        let mut cx = Context::from_waker(&self.waker);
        loop {
            self.woken.0.store(false, Ordering::Relaxed);
            match Pin::new(&mut *hyper).poll(&mut cx) {
                Poll::Ready(ended) => {
                    // After an error of the client hyper has answered, and there may be more to come.
                    self.is_unread |= ended.is_err();
                    self.hyper = None;
                    return false;
                }
                // What a body reader is woken for is for the reader to take, not for hyper.
                Poll::Pending if self.gathering.is_some() || self.incoming.is_some() => {
                    return true;
                }
                Poll::Pending if !self.woken.0.load(Ordering::Relaxed) => return true,
                Poll::Pending => {}
            }
        }
    }

    fn admit(&mut self, parts: Parts, incoming: Incoming) -> Option<Arrived> {
        self.is_in_request = true;
        self.is_begun = false;
        self.body_error = None;
        self.body_bytes = 0;
        self.framing = Framing::of(&parts);
        let refused = |parts, status| {
            Some(Arrived {
                parts,
                body: ArrivedBody::Refused(status),
            })
        };
        if !head::is_host_valid(&parts) {
            return refused(parts, 400);
        }
        if incoming.is_end_stream() {
            return Some(Arrived {
                parts,
                body: ArrivedBody::Whole(Bytes::new()),
            });
        }
        let length = head::declared_length(&parts);
        if length
            .zip(self.body_limit)
            .is_some_and(|(length, limit)| length > limit)
        {
            self.is_unread = true;
            return refused(parts, 413);
        }
        if length.is_some_and(|length| length <= GATHER_LIMIT_BYTES)
            && !head::waits_for_leave(&parts)
        {
            self.gathering = Some(Gathering::new(parts, incoming));
            return None;
        }
        self.incoming = Some(incoming);
        Some(Arrived {
            parts,
            body: ArrivedBody::Streamed,
        })
    }

    /// The next piece of the request body. `Pending`: pump, then wait for the socket.
    pub(crate) fn poll_body(&mut self) -> Poll<Result<Option<Bytes>, ExchangeError>> {
        loop {
            if let Some(error) = self.body_error {
                return Poll::Ready(Err(error));
            }
            let Some(incoming) = &mut self.incoming else {
                return Poll::Ready(Ok(None));
            };
            match Pin::new(incoming).poll_frame(&mut Context::from_waker(&self.waker)) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(None) => {
                    self.incoming = None;
                    return Poll::Ready(Ok(None));
                }
                Poll::Ready(Some(Err(_))) => self.body_error = Some(ExchangeError::Gone),
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers are of no use to a WSGI app.
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    self.body_bytes += data.len() as u64;
                    if self.body_limit.is_some_and(|limit| self.body_bytes > limit) {
                        self.body_error = Some(ExchangeError::TooLarge);
                    } else if !data.is_empty() {
                        return Poll::Ready(Ok(Some(data)));
                    }
                }
            }
        }
    }

    /// Whether hyper handed something over while it was polled.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.0.load(Ordering::Relaxed)
    }

    /// Lays down an answer whose body is all there.
    pub(crate) fn begin_whole(&mut self, head: ResponseHead, body: Bytes, is_closing: bool) {
        self.begin(head, AnswerBody::Whole(Some(body)), is_closing);
    }

    /// Lays down the head of an answer whose body comes by [`Driver::put`].
    pub(crate) fn begin_stream(&mut self, head: ResponseHead, is_closing: bool) {
        let station = Arc::clone(&self.station);
        let mut laid = lock(&station);
        laid.chunks.clear();
        laid.is_complete = false;
        drop(laid);
        self.begin(head, AnswerBody::Streamed(station), is_closing);
    }

    fn begin(&mut self, head: ResponseHead, body: AnswerBody, is_closing: bool) {
        self.is_begun = true;
        let spare = std::mem::take(&mut self.spare);
        let response = head::assemble(head, body, spare, self.framing, is_closing);
        lock(&self.station).response = Some(response);
    }

    /// Lays down a piece of the body.
    pub(crate) fn put(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            lock(&self.station).chunks.push_back(chunk);
        }
    }

    /// Whether hyper has everything that was laid down.
    pub(crate) fn is_taken(&self) -> bool {
        let station = lock(&self.station);
        station.response.is_none() && station.chunks.is_empty()
    }

    /// No more pieces will come.
    pub(crate) fn finish(&mut self) {
        lock(&self.station).is_complete = true;
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
        self.begin_whole(head, body, is_closing || status < 500);
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

    /// The client stopped sending in the middle of the body.
    pub(crate) fn stall(&mut self) {
        self.body_error = Some(ExchangeError::Stalled);
    }

    /// Ends the connection so that the answer cannot be taken for complete.
    pub(crate) fn cut(&mut self) {
        self.hyper = None;
    }

    /// The app will not read any more. Before the answer is laid down, so that hyper can say in it
    /// whether the connection is kept: it takes a small rest that has arrived, else it closes.
    pub(crate) fn end_body(&mut self) {
        if let Some(incoming) = self.incoming.take() {
            self.is_unread |= !incoming.is_end_stream();
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

    /// Whether the body of a request is being gathered.
    pub(crate) fn is_gathering(&self) -> bool {
        self.gathering.is_some()
    }

    /// Whether closing at once could destroy the answer on its way: what arrives at a closed socket
    /// is answered with a reset (RFC 9112 §9.6).
    pub(crate) fn needs_lingering(&self) -> bool {
        self.is_unread
    }
}
