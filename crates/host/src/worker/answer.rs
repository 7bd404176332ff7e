//! One request: the call of the app and what is told about it afterwards.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use lictor_core::sys::{RequestRecord, Taken};

use super::connection::Connection;
use super::deadlines::NEVER;
use super::exchange::{Exchange, Outcome, Report, Request, RequestBody, RequestHead};
use super::http::{Arrived, ArrivedBody, Spare};
use super::introduce::{Introduction, introduced};
use super::phase::Phase;
use super::place::{Place, not_mounted};
use super::reactor::Reactor;
use super::request_log::{Measured, RequestLog};
use super::{App, threads};

impl Reactor {
    /// Calls the app for a request and lays its answer down; an ASGI app may do that later.
    pub(super) fn answer(self: &Arc<Self>, connection: &Arc<Connection>, mut request: Arrived) {
        let mut tale = self.begin(connection, &mut request);
        let body = std::mem::replace(&mut request.body, ArrivedBody::Whole(Bytes::new()));
        let body = match body {
            ArrivedBody::Whole(body) => RequestBody::Whole(body),
            ArrivedBody::Streamed => RequestBody::Streamed,
            ArrivedBody::Refused(status) => {
                return self.conclude(connection, request, refused(status), &tale);
            }
        };
        if let Some(files) = &self.files {
            let report = files.answer(&tale.head(connection, &request), request.fields());
            if let Some(report) = report {
                return self.conclude(connection, request, report, &tale);
            }
        }
        if let Some(mounts) = &self.mounts {
            let Some(place) = Place::of(mounts, &tale.head(connection, &request)) else {
                return self.conclude(connection, request, not_mounted(), &tale);
            };
            tale.place = Some(place);
        }
        match &self.app {
            App::Wsgi(_) => self.call(connection, request, body, tale),
            App::Asgi(_) => self.begin_ongoing(connection, request, body, tale),
        }
    }

    fn begin(&self, connection: &Connection, request: &mut Arrived) -> Tale {
        // What is asked before the word to serve is the master's own question, and does not count.
        let is_probe = self.phase() == Phase::Waiting;
        if !is_probe {
            self.slot.enter_request();
            if let Some(demand) = &self.demand {
                demand.enter();
            }
        }
        // Never given up while the app works on it.
        connection.set_deadline_ms(NEVER);
        Tale {
            started: self.shared.request_log.is_some().then(Instant::now),
            introduction: connection.introduce(request),
            place: None,
            is_probe,
            is_ended: false,
        }
    }

    /// Calls a WSGI app.
    fn call(&self, connection: &Arc<Connection>, request: Arrived, body: RequestBody, tale: Tale) {
        let App::Wsgi(app) = &self.app else { return };
        let (mut report, record) = {
            let head = tale.head(connection, &request);
            let record = self.write_down_call(connection, &head);
            let exchange: Arc<dyn Exchange> = Arc::<Connection>::clone(connection);
            let called = Request {
                head: &head,
                fields: &mut request.fields(),
                body,
            };
            let report = self.take_over(app.call(called, exchange), &head, &request);
            (report, record)
        };
        let is_ended = record.is_some_and(RequestRecord::leave);
        if is_ended {
            // The client was told by harakiri, and so was the log; what the app says now is too late.
            (report.outcome, report.is_error) = (Outcome::Cut, true);
        }
        self.conclude(connection, request, report, &tale.ended(is_ended));
    }

    /// The app may have named a file that is to be sent instead.
    pub(super) fn take_over(
        &self,
        report: Report,
        head: &RequestHead<'_>,
        request: &Arrived,
    ) -> Report {
        match &self.files {
            Some(files) => files.take_over(report, head, request.fields()),
            None => report,
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
            if let Some(demand) = &self.demand {
                demand.leave();
            }
        }
        let log = self.shared.request_log.as_ref().filter(|_| !tale.is_ended);
        if log.is_some_and(RequestLog::counts_heads) {
            // How long its head is shows when it is laid down.
            let outcome = std::mem::replace(&mut report.outcome, Outcome::Streamed);
            lay_down(connection, outcome, Spare::default);
            self.log_access(connection, &request, &report, tale);
        } else {
            if log.is_some() {
                self.log_access(connection, &request, &report, tale);
            }
            lay_down(connection, report.outcome, || request.into_spare());
        }
        if let Some(imports) = &self.imports {
            self.tell_imports(imports);
        }
        if let Some(limits) = &self.limits
            && !tale.is_probe
        {
            self.look_at(limits);
        }
    }

    /// Lets the master see, with `harakiri`, what this thread is in from now on.
    fn write_down_call(
        &self,
        connection: &Connection,
        head: &RequestHead<'_>,
    ) -> Option<&'static RequestRecord> {
        let board = self.board?;
        let record = threads::record()?;
        write_down(connection, head, |request| board.enter(record, request));
        connection.set_record(Some(record));
        Some(record)
    }

    fn log_access(&self, connection: &Connection, request: &Arrived, report: &Report, tale: &Tale) {
        let (Some(log), Some(started)) = (&self.shared.request_log, tale.started) else {
            return;
        };
        let took = started.elapsed();
        if log.wants(report, took) {
            let head_bytes = log.counts_heads().then(|| connection.head_bytes());
            let measured = Measured {
                took,
                head_bytes: head_bytes.flatten(),
            };
            log.tell(&tale.head(connection, request), request, report, measured);
        }
    }
}

/// What is known of a request apart from what was asked.
pub(super) struct Tale {
    /// For the log of requests, if there is one.
    started: Option<Instant>,
    /// What is said of the client.
    introduction: Option<Introduction>,
    /// Which app answers, where there are several.
    place: Option<Place>,
    is_probe: bool,
    /// By `harakiri`, which has told the log.
    is_ended: bool,
}

impl Tale {
    /// The same, once it is known whether `harakiri` has ended it.
    pub(super) fn ended(self, is_ended: bool) -> Self {
        Self { is_ended, ..self }
    }

    /// What the app is told of the request before its body.
    pub(super) fn head<'a>(
        &'a self,
        connection: &'a Connection,
        request: &'a Arrived,
    ) -> RequestHead<'a> {
        let mut head = request.head(connection.listener, connection.visitor().peer());
        head.tls = connection.socket().tls_facts();
        head.is_secure = head.tls.is_some();
        let head = introduced(self.introduction.as_ref(), head);
        match &self.place {
            Some(place) => place.show(head),
            None => head,
        }
    }
}

/// What the master is to know of a request, with `harakiri`.
pub(super) fn write_down(
    connection: &Connection,
    head: &RequestHead<'_>,
    enter: impl FnOnce(&Taken<'_>),
) {
    enter(&Taken {
        socket: connection.as_fd(),
        remote: &head.peer.address,
        method: head.method,
        uri: head.uri,
        is_http_10: head.is_http_10,
        is_http_2: head.is_http_2,
        // A signal handler can neither encrypt nor frame: what is overdue is cut, as if behind another answer.
        is_blocked: connection.socket().is_write_blocked()
            || connection.socket().is_tls()
            || connection.parent.is_some()
            || head.variables.is_some(),
    });
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
fn lay_down(connection: &Connection, outcome: Outcome, spare: impl FnOnce() -> Spare) {
    match outcome {
        Outcome::Answer(head, body) => {
            let spare = spare();
            connection.settle(|driver, is_closing| {
                driver.end_body();
                driver.recycle(spare);
                driver.begin_whole(head, body, is_closing);
            });
        }
        Outcome::File(head, part) => connection.settle(|driver, is_closing| {
            driver.end_body();
            driver.begin_file(head, part, is_closing);
        }),
        Outcome::FileParts(head, pieces) => connection.settle(|driver, is_closing| {
            driver.end_body();
            driver.begin_file_parts(head, pieces, is_closing);
        }),
        Outcome::Streamed => connection.settle(|driver, _| driver.finish()),
        Outcome::Cut => connection.settle(|driver, _| driver.cut()),
        Outcome::Switched => connection.leave_talk(),
        Outcome::Failed => {}
    }
}
