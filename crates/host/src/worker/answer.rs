//! One request: the call of the app and what is told about it afterwards.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use lictor_core::sys::{RequestRecord, Taken, ThreadSlot};

use super::access_line::Came;
use super::connection::Connection;
use super::deadlines::NEVER;
use super::exchange::{Exchange, Outcome, Report, Request, RequestBody, RequestHead};
use super::http::{Arrived, ArrivedBody, Spare};
use super::introduce::{Introduction, introduced};
use super::notes::{self, Notes};
use super::phase::Phase;
use super::place::{Place, not_mounted};
use super::reactor::Reactor;
use super::request_log::Measured;
use super::routing::Changed;
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
        if let Some(routes) = &self.routes
            && let Some(report) = self.route(routes, connection, &request, &mut tale)
        {
            if let (Some(counters), true) = (tale.counters, report.outcome.is_file()) {
                counters.count_static();
            }
            return self.conclude(connection, request, report, &tale);
        }
        if let Some(files) = &self.files {
            let head = tale.head(connection, &request);
            let head = match &tale.changed {
                Some(changed) => changed.show_to_files(head),
                None => head,
            };
            let report = files.answer(&head, request.fields());
            drop(head);
            if let Some(report) = report {
                if let Some(counters) = tale.counters {
                    counters.count_static();
                }
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
        let counters = threads::counters().filter(|_| !is_probe);
        let mut is_timed = self.shared.request_log.selects();
        if let Some(counters) = counters {
            counters.enter_request();
            is_timed |= self.slot.wants_times();
            if let Some(demand) = &self.demand {
                demand.enter();
            }
        }
        // Never given up while the app works on it.
        connection.set_deadline_ms(NEVER);
        Tale {
            started: is_timed.then(Instant::now),
            introduction: connection.introduce(request),
            changed: None,
            place: None,
            counters,
            notes: None,
            is_ended: false,
        }
    }

    /// Calls a WSGI app.
    fn call(
        &self,
        connection: &Arc<Connection>,
        request: Arrived,
        body: RequestBody,
        mut tale: Tale,
    ) {
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
        tale.notes = notes::take();
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
        let took = tale.started.map(|started| started.elapsed());
        if let Some(counters) = tale.counters {
            counters.leave_request(report.is_error);
            if let Some(demand) = &self.demand {
                demand.leave();
            }
            if let Some(took) = took {
                counters.took_micros(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
            }
        }
        let is_file = report.outcome.is_file();
        let log = &self.shared.request_log;
        if log.counts_heads() {
            // How long its head is shows when it is laid down.
            let outcome = std::mem::replace(&mut report.outcome, Outcome::Streamed);
            lay_down(connection, outcome, Spare::default);
            self.log_access(connection, (&request, tale), (&report, is_file), took);
        } else {
            self.log_access(connection, (&request, tale), (&report, is_file), took);
            lay_down(connection, report.outcome, || request.into_spare());
        }
        if let Some(imports) = &self.imports {
            self.tell_imports(imports);
        }
        if let Some(limits) = &self.limits
            && tale.counters.is_some()
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

    /// `is_file`: whether a file was sent, which the report may not say any more.
    fn log_access(
        &self,
        connection: &Connection,
        (request, tale): (&Arrived, &Tale),
        (report, is_file): (&Report, bool),
        took: Option<Duration>,
    ) {
        let log = &self.shared.request_log;
        let notes = tale.notes.as_deref();
        let is_asked_for = notes.is_some_and(|notes| notes.is_line_wanted);
        // An app that asks before anybody wanted times has its first line without.
        let took = took.or(is_asked_for.then_some(Duration::ZERO));
        let (Some(took), false) = (took, tale.is_ended) else {
            return;
        };
        let came = Came {
            status: report.status,
            is_error: report.is_error,
            took,
            body_bytes: report.body_bytes,
            is_file,
        };
        if is_asked_for || log.wants(&came) {
            let head_bytes = log.counts_heads().then(|| connection.head_bytes());
            let measured = Measured {
                took,
                head_bytes: head_bytes.flatten(),
                variables: notes.map_or(&[], |notes| &notes.variables),
            };
            log.tell(&tale.head(connection, request), request, report, measured);
        }
    }
}

/// What is known of a request apart from what was asked.
pub(super) struct Tale {
    /// For the log of requests and for the counters, if either wants it.
    started: Option<Instant>,
    /// What is said of the client.
    introduction: Option<Introduction>,
    /// What rules have changed.
    pub(super) changed: Option<Box<Changed>>,
    /// Which app answers, where there are several.
    place: Option<Place>,
    /// Where it is counted; what the master asks before the word to serve is not.
    counters: Option<ThreadSlot>,
    /// What the app has said for the log.
    notes: Option<Box<Notes>>,
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
        let head = match &self.changed {
            Some(changed) => changed.show(head),
            None => head,
        };
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
