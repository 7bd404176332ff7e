//! Polls hyper's connection and hands out what it found.
//!
//! hyper needs no runtime, only somebody who polls it when the socket is ready. Every wake-up that
//! hyper gives itself (a body piece handed over, a yield after many pipelined requests) sets a flag,
//! and [`Driver::pump`] polls until it stays clear; then only the socket can bring news.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;

use super::body::{GATHER_LIMIT_BYTES, Gathered, Gathering};
use super::encode::Compression;
use super::gate::Gate;
use super::head::{self, Arrived, ArrivedBody, Framing, Spare};
use super::measure::Measure;
use super::multiplex::Multiplex;
use super::own_fields::OwnFields;
use super::relay::{Cut, Relay};
use super::settings::DriverSettings;
use super::socket::Socket;
use super::station::{Desk, Station};
use super::stream::Stream;
use super::streams::Gatherer;
use super::woken::Woken;
use crate::worker::exchange::ExchangeError;
use crate::worker::sync::lock;

/// What a poll brought.
pub(crate) enum Progress {
    /// The app is wanted.
    Request(Arrived),
    /// The app is wanted, for a stream that this drives.
    Stream(Box<Driver>, Arrived),
    /// Nothing until the socket is ready.
    Waiting,
    /// What came cannot be a request, and is to be refused with this status.
    Refused(u16),
    /// The connection is over.
    Closed,
}

/// What is pumped.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "stays where it is; nearly all connections are the large one"
)]
pub(super) enum Machine {
    /// HTTP/1.1, one request at a time.
    One(http1::Connection<Stream, Desk>),
    /// HTTP/2. The connection as a whole hands out streams, and has no request itself.
    Many(Arc<Multiplex>),
    /// One stream of it.
    Stream(Arc<Multiplex>),
    /// What a web server hands on.
    Relay(Box<Relay>),
}

/// One HTTP/1.1 connection, one of HTTP/2, or one of its streams.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(super) machine: Option<Machine>,
    pub(super) station: Arc<Mutex<Station>>,
    pub(super) socket: Arc<Socket>,
    /// Requests that hyper has handed over.
    pub(super) requests: u32,
    /// For the streams of HTTP/2.
    pub(super) settings: Arc<DriverSettings>,
    /// Streams whose small bodies are still arriving.
    pub(super) gatherers: Vec<Gatherer>,
    pub(super) woken: Arc<Woken>,
    pub(super) waker: Waker,
    pub(super) body_limit: Option<u64>,
    pub(super) compression: Compression,
    pub(super) gathering: Option<Gathering>,
    /// The body of the request that the app works on, if it was not gathered.
    pub(super) incoming: Option<Incoming>,
    pub(super) body_bytes: u64,
    pub(super) framing: Framing,
    pub(super) spare: Spare,
    /// Between a request and the end of its answer's production.
    pub(super) is_in_request: bool,
    /// Of the head of the answer, where the log tells it.
    pub(super) measure: Option<Measure>,
    /// A field that the answer is to have.
    pub(super) mark: Option<(HeaderName, HeaderValue)>,
    /// What else is done to its fields.
    pub(super) changes: Option<Box<OwnFields>>,
    /// The head of the answer has been laid down.
    pub(super) is_begun: bool,
    /// The client may still be sending what nobody will read.
    pub(super) is_unread: bool,
    /// What went wrong with the request while the app read it.
    pub(super) body_error: Option<ExchangeError>,
}

impl Driver {
    pub(crate) fn new(socket: Arc<Socket>, settings: &Arc<DriverSettings>) -> Self {
        let station = Arc::default();
        let stream = Stream::new(&socket, Gate::new(settings.head_limit), settings.http2);
        let hyper = settings
            .builder
            .serve_connection(stream, Desk(Arc::clone(&station)));
        Self::over(Machine::One(hyper), station, socket, settings)
    }

    pub(super) fn over(
        machine: Machine,
        station: Arc<Mutex<Station>>,
        socket: Arc<Socket>,
        settings: &Arc<DriverSettings>,
    ) -> Self {
        let woken = Arc::<Woken>::default();
        Self {
            machine: Some(machine),
            settings: Arc::clone(settings),
            gatherers: Vec::new(),
            station,
            socket,
            requests: 0,
            waker: Waker::from(Arc::clone(&woken)),
            woken,
            body_limit: settings.body_limit,
            compression: Compression::new(settings.compress.clone()),
            gathering: None,
            incoming: None,
            body_bytes: 0,
            framing: Framing::default(),
            spare: Spare::default(),
            is_in_request: false,
            measure: None,
            mark: None,
            changes: None,
            is_begun: false,
            is_unread: false,
            body_error: None,
        }
    }

    /// Goes as far as the socket allows, up to the next request.
    pub(crate) fn advance(&mut self) -> Progress {
        if let Some(Machine::Many(all)) = &self.machine {
            let all = Arc::clone(all);
            return self.advance_streams(&all);
        }
        if let Some(Machine::Relay(_)) = &self.machine {
            return self.advance_relay();
        }
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
                    Gathered::Broken => self.machine = None,
                }
            }
            let is_open = self.pump();
            if self.socket.speaks_http2() && self.change_protocol() {
                return self.advance();
            }
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
            if let Some(status) = self.refused_head() {
                return Progress::Refused(status);
            }
            // Polling hyper may have handed over a piece of the body.
            if self.gathering.is_none() || !self.woken.is_set() {
                return Progress::Waiting;
            }
        }
    }

    /// Polls hyper until it waits for the socket. Whether the connection is still open.
    pub(crate) fn pump(&mut self) -> bool {
        let hyper = match &mut self.machine {
            Some(Machine::One(hyper)) => hyper,
            Some(Machine::Many(all)) => return all.pump(),
            Some(Machine::Stream(all)) => {
                self.woken.clear();
                return all.pump() && !lock(&self.station).is_left;
            }
            Some(Machine::Relay(relay)) => {
                self.woken.clear();
                let mut cx = Context::from_waker(&self.waker);
                let pumped = relay.pump(&self.socket, &self.station, &mut cx);
                if matches!(pumped, Err(Cut)) {
                    self.cut();
                }
                return pumped.unwrap_or(false);
            }
            None => return false,
        };
        let mut cx = Context::from_waker(&self.waker);
        loop {
            self.woken.clear();
            match Pin::new(&mut *hyper).poll(&mut cx) {
                Poll::Ready(ended) => {
                    // After an error of the client hyper has answered, and there may be more to come.
                    self.is_unread |= ended.is_err();
                    self.machine = None;
                    return false;
                }
                // What a body reader is woken for is for the reader to take, not for hyper.
                Poll::Pending if self.gathering.is_some() || self.incoming.is_some() => {
                    return true;
                }
                Poll::Pending if !self.woken.is_set() => return true,
                Poll::Pending => {}
            }
        }
    }

    /// The status for a head that did not pass the gate, once it is its turn.
    fn refused_head(&self) -> Option<u16> {
        let refusal = self.socket.refusal()?;
        let is_its_turn = !self.is_in_request
            && self.gathering.is_none()
            && !refusal.is_body
            && refusal.heads == self.requests
            && !self.socket.is_write_blocked();
        is_its_turn.then_some(refusal.status)
    }

    /// Whether the body of the request that came last is known to be broken.
    fn is_body_refused(&self) -> bool {
        self.socket
            .refusal()
            .is_some_and(|refusal| refusal.is_body && refusal.heads == self.requests)
    }

    pub(super) fn admit(&mut self, parts: Parts, incoming: Incoming) -> Option<Arrived> {
        self.begin_request(&parts);
        let refused = |parts, status| {
            Some(Arrived {
                parts,
                body: ArrivedBody::Refused(status),
            })
        };
        if self.is_body_refused() {
            self.is_unread = true;
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

    pub(super) fn begin_request(&mut self, parts: &Parts) {
        self.requests = self.requests.wrapping_add(1);
        self.is_in_request = true;
        self.is_begun = false;
        self.body_error = None;
        self.body_bytes = 0;
        self.framing = Framing::of(parts);
        self.compression.begin_request(&parts.headers);
        if self.settings.measures_heads {
            self.measure = Some(Measure::of(parts, self.settings.keeps_alive));
        }
    }

    /// The next piece of the request body. `Pending`: pump, then wait for the socket.
    pub(crate) fn poll_body(&mut self) -> Poll<Result<Option<Bytes>, ExchangeError>> {
        loop {
            if let Some(error) = self.body_error {
                return Poll::Ready(Err(error));
            }
            if let Some(Machine::Relay(relay)) = &mut self.machine {
                let piece = relay.poll_body();
                return self.hear_piece(piece);
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

    /// How much of the request and its answer has gone either way.
    pub(crate) fn moved(&self) -> u64 {
        self.body_bytes.wrapping_add(lock(&self.station).taken)
    }

    /// Whoever waits is to be asked as soon as the connection has moved at all.
    pub(crate) fn wait_for_connection(&self) {
        self.waker.wake_by_ref();
    }

    /// Whether hyper handed something over while it was polled.
    pub(crate) fn is_woken(&self) -> bool {
        self.woken.is_set()
    }
}
