//! A request whose app gives the thread back while it waits: the HTTP side of an ASGI call.
//!
//! One for each request, so that a connection may one day have several at once. It reads from and
//! writes to its connection without waiting, and ends the request when the answer is complete or the
//! app has failed; the connection then goes on with what the client sent next.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::Poll;

use bytes::Bytes;

use super::App;
use super::answer::Tale;
use super::connection::{Connection, Next, State};
use super::deadlines::NEVER;
use super::eldest::{Eldest, Place};
use super::exchange::{
    Asked, ExchangeError, LiveExchange, Outcome, Report, RequestBody, RequestFields, ResponseHead,
};
use super::http::Arrived;
use super::reactor::Reactor;
use super::sync::lock;
use super::talk::Talk;
use super::talking::refused;
use super::websocket::Upgrade;

/// One request in progress.
pub(super) struct Ongoing {
    pub(super) reactor: Arc<Reactor>,
    /// It asks for a websocket.
    pub(super) upgrade: Option<Upgrade>,
    /// The websocket that it has become.
    pub(super) talk: OnceLock<Arc<Mutex<Talk>>>,
    /// None once the request is over: the app may hold this for long, but not the client's socket.
    pub(super) live: Mutex<Option<Live>>,
    /// Where its master looks for it, with `harakiri`.
    pub(super) place: Option<Place>,
    /// What it was, once a websocket is over: its app may still say something about it.
    was: OnceLock<String>,
    /// Bytes that had gone either way when the client was last waited for.
    bytes_seen: AtomicU64,
}

/// What there is as long as the request is not over.
pub(super) struct Live {
    pub(super) connection: Arc<Connection>,
    pub(super) request: Arrived,
    pub(super) tale: Tale,
}

impl Reactor {
    /// Begins the call of an ASGI app, which may end it before this returns.
    pub(super) fn begin_ongoing(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        request: Arrived,
        body: RequestBody,
        tale: Tale,
    ) {
        let App::Asgi(app) = &self.app else {
            return;
        };
        let head = tale.head(connection, &request);
        let upgrade = match self.upgrade(&request, head.is_http_10, head.method) {
            Ok(upgrade) => upgrade,
            Err(refusal) => {
                drop(head);
                return self.conclude(connection, request, refused(refusal), &tale);
            }
        };
        let scope = {
            let fields: &mut RequestFields<'_> = &mut request.fields();
            let offered = upgrade.as_ref().map(Upgrade::subprotocols);
            app.scope(&head, fields, offered)
        };
        drop(head);
        let Some(scope) = scope else {
            return self.conclude(connection, request, Report::failure(), &tale);
        };
        let is_socket = upgrade.is_some();
        let exchange = Arc::new(Ongoing {
            reactor: Arc::clone(self),
            upgrade,
            talk: OnceLock::new(),
            was: OnceLock::new(),
            live: Mutex::new(Some(Live {
                connection: Arc::clone(connection),
                request,
                tale,
            })),
            place: self.eldest.as_ref().map(Eldest::place),
            bytes_seen: AtomicU64::new(0),
        });
        // Before the app can keep the thread.
        if let Some(eldest) = &self.eldest {
            eldest.enter(&exchange);
        }
        let asked = if is_socket {
            Asked::Websocket(exchange)
        } else {
            Asked::Answer(exchange)
        };
        app.begin(scope, body, asked, |call| {
            connection.set_watcher(call);
        });
    }

    /// The request of a connection is over: goes on with it, unless that is what is being done.
    pub(super) fn go_on_with(self: &Arc<Self>, connection: &Arc<Connection>) {
        let connection = connection.parent.as_ref().unwrap_or(connection);
        if !connection.claim() {
            return;
        }
        match connection.advance() {
            Next::Answer(request) => self.answer_later(connection, request),
            Next::Stream(stream, request) => self.answer_later(&stream, request),
            Next::Close => self.forget(connection),
            Next::Wait(patience) => {
                if let Some(patience) = patience {
                    self.set_deadline(connection, patience);
                    self.arm();
                }
                let has_given_way = connection.socket().has_given_way();
                connection.release();
                if has_given_way {
                    self.ask_again(connection);
                }
            }
        }
    }
}

impl Reactor {
    // Not at once: this is called by the app, which would be called by itself.
    fn answer_later(&self, connection: &Arc<Connection>, request: Arrived) {
        match &self.app {
            App::Asgi(app) => app.answer_later(connection, request),
            App::Wsgi(_) => connection.release(),
        }
    }
}

impl Ongoing {
    pub(super) fn connection(&self) -> Option<Arc<Connection>> {
        let live = lock(&self.live);
        live.as_ref().map(|live| Arc::clone(&live.connection))
    }

    /// The client has a while to move; what it has moved since the last time gives it a new one.
    fn wait_for_client(&self, connection: &Connection, state: &State) {
        let socket = connection.socket();
        let moved = match connection.parent {
            Some(_) => state.driver.moved(),
            None => socket.bytes_read().wrapping_add(socket.bytes_written()),
        };
        let is_first = connection.deadline_ms() == NEVER;
        if self.bytes_seen.swap(moved, Ordering::Relaxed) != moved || is_first {
            let patience = connection.shared.wire.socket_timeout;
            self.reactor.set_deadline(connection, patience);
            self.reactor.arm();
        }
    }
}

/// The app may take its time.
fn wait_for_app(connection: &Connection) {
    connection.set_deadline_ms(NEVER);
}

impl LiveExchange for Ongoing {
    fn poll_read(&self) -> Poll<Result<Option<Bytes>, ExchangeError>> {
        let Some(connection) = self.connection() else {
            return Poll::Ready(Err(ExchangeError::Gone));
        };
        let mut state = lock(&connection.state);
        loop {
            if let Poll::Ready(piece) = state.driver.poll_body() {
                wait_for_app(&connection);
                return Poll::Ready(piece);
            }
            if !state.driver.pump() {
                // What hyper still handed over comes first.
                return match state.driver.poll_body() {
                    Poll::Ready(piece) => Poll::Ready(piece),
                    Poll::Pending => Poll::Ready(Err(ExchangeError::Gone)),
                };
            }
            if !state.driver.is_woken() {
                self.wait_for_client(&connection, &state);
                return Poll::Pending;
            }
        }
    }

    fn has_client_left(&self) -> bool {
        self.connection().is_none_or(|connection| {
            connection.socket().is_ending() || !lock(&connection.state).driver.is_open()
        })
    }

    fn begin_stream(&self, head: ResponseHead) {
        if let Some(connection) = self.connection() {
            if let Some(place) = &self.place {
                place.begin(head.status);
            }
            let is_closing = connection.is_draining();
            let mut state = lock(&connection.state);
            if state.begin(head.status, 0) {
                state.driver.begin_stream(head, is_closing);
            }
        }
    }

    fn put(&self, chunk: Bytes) {
        if let Some(connection) = self.connection() {
            if let Some(place) = &self.place {
                place.add_body_bytes(chunk.len());
            }
            lock(&connection.state).put(chunk);
        }
    }

    fn put_trailers(&self, fields: Vec<(Bytes, Bytes)>) {
        if let Some(connection) = self.connection() {
            lock(&connection.state).driver.put_trailers(fields);
        }
    }

    fn poll_flush(&self) -> Poll<Result<(), ExchangeError>> {
        let Some(connection) = self.connection() else {
            return Poll::Ready(Err(ExchangeError::Gone));
        };
        let mut state = lock(&connection.state);
        loop {
            let is_open = state.driver.pump();
            let is_flushed = !connection.socket().is_write_blocked();
            if state.driver.is_taken() && is_flushed {
                wait_for_app(&connection);
                return Poll::Ready(Ok(()));
            }
            if !is_open {
                return Poll::Ready(Err(ExchangeError::Gone));
            }
            // A stream may also wait for the client to open its window.
            if !is_flushed || connection.parent.is_some() {
                if connection.parent.is_some() {
                    state.driver.wait_for_connection();
                }
                self.wait_for_client(&connection, &state);
                return Poll::Pending;
            }
            // hyper gave way to others after many pipelined requests.
        }
    }

    fn end(&self, report: Report) {
        if self.upgrade.is_some() {
            self.was.get_or_init(|| self.title());
        }
        let is_ended = self.leave_place();
        let live = lock(&self.live).take();
        if let Some(Live {
            connection,
            request,
            tale,
        }) = live
        {
            let mut report = {
                let head = tale.head(&connection, &request);
                self.reactor.take_over(report, &head, &request)
            };
            if is_ended {
                // The client was told by harakiri, and so was the log.
                (report.outcome, report.is_error) = (Outcome::Cut, true);
            }
            let tale = tale.ended(is_ended);
            self.reactor.conclude(&connection, request, report, &tale);
            self.reactor.go_on_with(&connection);
        }
    }

    fn leave(&self) {
        self.reactor.finish_if_empty();
    }

    fn title(&self) -> String {
        let live = lock(&self.live);
        let Some(live) = &*live else {
            return self.was.get().map_or("a request", |was| was).to_owned();
        };
        let connection = &live.connection;
        let head = live.tale.head(connection, &live.request);
        format!("{} {}", head.method, head.uri.escape_debug())
    }
}
