//! A request whose app gives the thread back while it waits: the HTTP side of an ASGI call.
//!
//! One for each request, so that a connection may one day have several at once. It reads from and
//! writes to its connection without waiting, and ends the request when the answer is complete or the
//! app has failed; the connection then goes on with what the client sent next.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::Bytes;

use super::answer::Tale;
use super::connection::{Connection, Next};
use super::deadlines::NEVER;
use super::exchange::{
    ExchangeError, LiveExchange, Report, RequestBody, RequestFields, ResponseHead, STALL_LIMIT,
};
use super::http::Arrived;
use super::reactor::Reactor;
use super::sync::lock;
use super::{App, asgi};

/// One request in progress.
struct Ongoing {
    reactor: Arc<Reactor>,
    connection: Arc<Connection>,
    /// None once the request is over.
    request: Mutex<Option<(Arrived, Tale)>>,
    /// Bytes that had gone either way when the client was last waited for.
    bytes_seen: AtomicU64,
}

impl Reactor {
    /// Begins the call of an ASGI app, which may end it before this returns.
    pub(super) fn begin_ongoing(
        self: &Arc<Self>,
        app: &Arc<asgi::Application>,
        connection: &Arc<Connection>,
        request: Arrived,
        body: RequestBody,
        tale: Tale,
    ) {
        let scope = {
            let head = request.head(connection.listener, &connection.peer);
            let fields: &mut RequestFields<'_> = &mut request.fields();
            app.scope(&head, fields)
        };
        let Some(scope) = scope else {
            return self.conclude(connection, request, Report::failure(), &tale);
        };
        let exchange = Arc::new(Ongoing {
            reactor: Arc::clone(self),
            connection: Arc::clone(connection),
            request: Mutex::new(Some((request, tale))),
            bytes_seen: AtomicU64::new(0),
        });
        app.begin(scope, body, exchange, |call| connection.set_watcher(call));
    }

    /// The request of a connection is over: goes on with it, unless that is what is being done.
    fn go_on_with(self: &Arc<Self>, connection: &Arc<Connection>) {
        if !connection.claim() {
            return;
        }
        match connection.advance() {
            // Not from here: this is called by the app, which would be called by itself.
            Next::Answer(request) => match &self.app {
                App::Asgi(app) => app.answer_later(connection, request),
                App::Wsgi(_) => connection.release(),
            },
            Next::Close => self.forget(connection),
            Next::Wait(patience) => {
                if let Some(patience) = patience {
                    self.set_deadline(connection, patience);
                    self.arm();
                }
                connection.release();
            }
        }
    }
}

impl Ongoing {
    fn is_over(&self) -> bool {
        lock(&self.request).is_none()
    }

    /// The client has a while to move; what it has moved since the last time gives it a new one.
    fn wait_for_client(&self) {
        let socket = self.connection.socket();
        let moved = socket.bytes_read().wrapping_add(socket.bytes_written());
        let is_first = self.connection.deadline_ms() == NEVER;
        if self.bytes_seen.swap(moved, Ordering::Relaxed) != moved || is_first {
            self.reactor.set_deadline(&self.connection, STALL_LIMIT);
            self.reactor.arm();
        }
    }

    /// The app may take its time.
    fn wait_for_app(&self) {
        self.connection.set_deadline_ms(NEVER);
    }
}

impl LiveExchange for Ongoing {
    fn poll_read(&self) -> Poll<Result<Option<Bytes>, ExchangeError>> {
        if self.is_over() {
            return Poll::Ready(Err(ExchangeError::Gone));
        }
        let mut state = lock(&self.connection.state);
        loop {
            if let Poll::Ready(piece) = state.driver.poll_body() {
                self.wait_for_app();
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
                self.wait_for_client();
                return Poll::Pending;
            }
        }
    }

    fn has_client_left(&self) -> bool {
        self.is_over()
            || self.connection.socket().is_ending()
            || !lock(&self.connection.state).driver.is_open()
    }

    fn begin_stream(&self, head: ResponseHead) {
        if !self.is_over() {
            let is_closing = self.connection.is_draining();
            lock(&self.connection.state)
                .driver
                .begin_stream(head, is_closing);
        }
    }

    fn put(&self, chunk: Bytes) {
        if !self.is_over() {
            lock(&self.connection.state).put(chunk);
        }
    }

    fn put_trailers(&self, fields: Vec<(Bytes, Bytes)>) {
        if !self.is_over() {
            lock(&self.connection.state).driver.put_trailers(fields);
        }
    }

    fn poll_flush(&self) -> Poll<Result<(), ExchangeError>> {
        if self.is_over() {
            return Poll::Ready(Err(ExchangeError::Gone));
        }
        let mut state = lock(&self.connection.state);
        loop {
            let is_open = state.driver.pump();
            let is_flushed = !self.connection.socket().is_write_blocked();
            if state.driver.is_taken() && is_flushed {
                self.wait_for_app();
                return Poll::Ready(Ok(()));
            }
            if !is_open {
                return Poll::Ready(Err(ExchangeError::Gone));
            }
            if !is_flushed {
                self.wait_for_client();
                return Poll::Pending;
            }
            // hyper gave way to others after many pipelined requests.
        }
    }

    fn end(&self, report: Report) {
        let Some((request, tale)) = lock(&self.request).take() else {
            return;
        };
        self.reactor
            .conclude(&self.connection, request, report, &tale);
        self.reactor.go_on_with(&self.connection);
    }

    fn leave(&self) {
        self.reactor.finish_if_empty();
    }

    fn title(&self) -> String {
        let request = lock(&self.request);
        let Some((request, _)) = &*request else {
            return "a request".to_owned();
        };
        let head = request.head(self.connection.listener, &self.connection.peer);
        format!("{} {}", head.method, head.uri.escape_debug())
    }
}
