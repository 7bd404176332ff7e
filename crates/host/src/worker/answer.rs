//! One request: the call of the app and what is told about it afterwards.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use lictor_core::config::AccessLog;
use lictor_core::sys::{RequestRecord, Taken};

use super::access_line::AccessLine;
use super::connection::Connection;
use super::exchange::{Exchange, Outcome, Report, Request, RequestBody, RequestHead};
use super::http::{Arrived, ArrivedBody};
use super::reactor::{Phase, Reactor};
use super::{App, threads};

impl Reactor {
    /// Calls the app for a request and lays its answer down; an ASGI app may do that later.
    pub(super) fn answer(self: &Arc<Self>, connection: &Arc<Connection>, mut request: Arrived) {
        let tale = self.begin(connection);
        let body = std::mem::replace(&mut request.body, ArrivedBody::Whole(Bytes::new()));
        let body = match body {
            ArrivedBody::Whole(body) => RequestBody::Whole(body),
            ArrivedBody::Streamed => RequestBody::Streamed,
            ArrivedBody::Refused(status) => {
                return self.conclude(connection, request, refused(status), &tale);
            }
        };
        let app = match &self.app {
            App::Wsgi(app) => app,
            App::Asgi(_) => return self.begin_ongoing(connection, request, body, tale),
        };
        let (mut report, record) = {
            let head = request.head(connection.listener, &connection.peer);
            let record = self.write_down(connection, &head);
            let exchange: Arc<dyn Exchange> = Arc::<Connection>::clone(connection);
            let called = Request {
                head: &head,
                fields: &mut request.fields(),
                body,
            };
            (app.call(called, exchange), record)
        };
        let is_ended = record.is_some_and(RequestRecord::leave);
        if is_ended {
            // The client was told by harakiri, and so was the log; what the app says now is too late.
            (report.outcome, report.is_error) = (Outcome::Cut, true);
        }
        self.conclude(connection, request, report, &Tale { is_ended, ..tale });
    }

    fn begin(&self, connection: &Connection) -> Tale {
        // What is asked before the word to serve is the master's own question, and does not count.
        let is_probe = self.phase() == Phase::Waiting;
        if !is_probe {
            self.slot.enter_request();
        }
        // Never given up while the app works on it.
        connection.set_deadline_ms(u64::MAX);
        Tale {
            started: (self.access_log != AccessLog::Off).then(Instant::now),
            is_probe,
            is_ended: false,
        }
    }

    /// Counts and logs what came of a request, and lays down what is left to be sent.
    pub(super) fn conclude(
        &self,
        connection: &Connection,
        request: Arrived,
        mut report: Report,
        tale: &Tale,
    ) {
        if let Outcome::Failed = report.outcome {
            connection.settle(|driver, is_closing| {
                if let Some(status) = driver.blame() {
                    (report.status, report.is_error) = (status, false);
                }
                report.body_bytes = driver
                    .fail(report.status, is_closing)
                    .unwrap_or(report.body_bytes);
            });
        }
        if !tale.is_probe {
            self.slot.leave_request(report.is_error);
        }
        let is_logged = !tale.is_ended && self.is_logged(&report);
        if let Some(started) = tale.started.filter(|_| is_logged) {
            let head = request.head(connection.listener, &connection.peer);
            Self::log_access(&head, &report, started);
        }
        lay_down(connection, report.outcome, request);
        if let Some(limits) = &self.limits
            && !tale.is_probe
        {
            self.look_at(limits);
        }
    }

    /// Lets the master see, with `harakiri`, what this thread is in from now on.
    fn write_down(
        &self,
        connection: &Connection,
        head: &RequestHead<'_>,
    ) -> Option<&'static RequestRecord> {
        let board = self.board?;
        let record = threads::record()?;
        connection.set_record(record);
        let request = Taken {
            socket: connection.as_fd(),
            remote: &head.peer.address,
            method: head.method,
            uri: head.uri,
            is_http_10: head.is_http_10,
            is_blocked: connection.socket().is_write_blocked(),
        };
        board.enter(record, &request);
        Some(record)
    }

    fn is_logged(&self, report: &Report) -> bool {
        // An answer that was cut short counts by what went wrong, not by its status.
        let is_error = report.status >= 500 || report.is_error;
        self.access_log != AccessLog::Errors || is_error
    }

    fn log_access(head: &RequestHead<'_>, report: &Report, started: Instant) {
        let line = AccessLine {
            remote: &head.peer.address,
            method: head.method,
            uri: head.uri,
            is_http_10: head.is_http_10,
            status: report.status,
            body_bytes: report.body_bytes,
            took: started.elapsed(),
        };
        // One write, so that lines of several workers do not mix; a full pipe loses it.
        let _lost = rustix::io::write(rustix::stdio::stderr(), line.render().as_bytes());
    }
}

/// What is known of a request apart from what was asked.
pub(super) struct Tale {
    /// For the access log, if there is one.
    started: Option<Instant>,
    is_probe: bool,
    /// By `harakiri`, which has told the log.
    pub(super) is_ended: bool,
}

fn refused(status: u16) -> Report {
    Report {
        outcome: Outcome::Failed,
        status,
        body_bytes: 0,
        is_error: false,
    }
}

/// Ends the exchange, as far as a failure has not ended it.
fn lay_down(connection: &Connection, outcome: Outcome, request: Arrived) {
    match outcome {
        Outcome::Answer(head, body) => {
            let spare = request.into_spare();
            connection.settle(|driver, is_closing| {
                driver.end_body();
                driver.recycle(spare);
                driver.begin_whole(head, body, is_closing);
            });
        }
        Outcome::Streamed => connection.settle(|driver, _| driver.finish()),
        Outcome::Cut => connection.settle(|driver, _| driver.cut()),
        Outcome::Failed => {}
    }
}
