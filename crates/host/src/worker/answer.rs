//! One request: the call of the app and what is told about it afterwards.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use lictor_core::config::{LogFormat, VassalConfig};
use lictor_core::sys::{RequestRecord, Taken};

use super::access_line::{AccessLine, Selection};
use super::connection::Connection;
use super::exchange::{Exchange, Outcome, Report, Request, RequestBody, RequestHead};
use super::http::{Arrived, ArrivedBody};
use super::introduce::introduced;
use super::reactor::{Phase, Reactor};
use super::threads;

/// What the log of requests needs to know of the worker.
pub(super) struct RequestLog {
    selection: Selection,
    format: LogFormat,
    worker: u32,
    pid: u32,
}

impl RequestLog {
    /// None if no request will ever get a line.
    pub(super) fn new(config: &VassalConfig, worker: u32) -> Option<Self> {
        Some(Self {
            selection: Selection::new(config.access_log, &config.request_log)?,
            format: config.request_log.format.clone(),
            worker,
            pid: std::process::id(),
        })
    }
}

impl Reactor {
    /// Calls the app for a request and lays its answer down.
    pub(super) fn answer(&self, connection: &Arc<Connection>, mut request: Arrived) {
        let started = self.request_log.is_some().then(Instant::now);
        // What is asked before the word to serve is the master's own question, and does not count.
        let is_probe = self.phase() == Phase::Waiting;
        if !is_probe {
            self.slot.enter_request();
        }
        // Never given up while the app works on it.
        connection.set_deadline_ms(u64::MAX);
        let body = std::mem::replace(&mut request.body, ArrivedBody::Whole(Bytes::new()));
        let introduction = connection.introduce(&mut request);
        let mut head = request.head(connection.listener, connection.visitor.peer());
        head.tls = connection.socket().tls_facts();
        let head = introduced(introduction.as_ref(), head);
        let record = self.write_down(connection, &head);
        let call = |body| {
            let exchange: Arc<dyn Exchange> = Arc::<Connection>::clone(connection);
            let fields = &mut request.fields();
            self.app.call(
                Request {
                    head: &head,
                    fields,
                    body,
                },
                exchange,
            )
        };
        let mut report = match body {
            ArrivedBody::Whole(body) => {
                self.file_or(call, RequestBody::Whole(body), &head, &request)
            }
            ArrivedBody::Streamed => self.file_or(call, RequestBody::Streamed, &head, &request),
            ArrivedBody::Refused(status) => Report {
                outcome: Outcome::Failed,
                status,
                body_bytes: 0,
                is_error: false,
            },
        };
        let is_ended = record.is_some_and(RequestRecord::leave);
        if is_ended {
            // The client was told by harakiri, and so was the log; what the app says now is too late.
            (report.outcome, report.is_error) = (Outcome::Cut, true);
        }
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
        if !is_probe {
            self.slot.leave_request(report.is_error);
        }
        if let Some(started) = started.filter(|_| !is_ended) {
            self.log_access(&head, &request, &report, started);
        }
        lay_down(connection, report.outcome, request);
        if let Some(limits) = &self.limits
            && !is_probe
        {
            self.look_at(limits);
        }
    }

    /// A file answers, or the app does, or the app by naming a file.
    fn file_or(
        &self,
        call: impl FnOnce(RequestBody) -> Report,
        body: RequestBody,
        head: &RequestHead<'_>,
        request: &Arrived,
    ) -> Report {
        let Some(files) = &self.files else {
            return call(body);
        };
        match files.answer(head, request.fields()) {
            Some(report) => report,
            None => files.take_over(call(body), head, request.fields()),
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
            // A signal handler cannot encrypt: what is overdue is cut, as if behind another answer.
            is_blocked: connection.socket().is_write_blocked() || connection.socket().is_tls(),
        };
        board.enter(record, &request);
        Some(record)
    }

    fn log_access(
        &self,
        head: &RequestHead<'_>,
        request: &Arrived,
        report: &Report,
        started: Instant,
    ) {
        let Some(log) = &self.request_log else {
            return;
        };
        let took = started.elapsed();
        if !log.selection.wants(report.status, report.is_error, took) {
            return;
        }
        let line = AccessLine {
            remote: &head.peer.address,
            remote_port: &head.peer.port,
            method: head.method,
            uri: head.uri,
            is_http_10: head.is_http_10,
            is_secure: head.is_secure,
            host: head.host,
            status: report.status,
            body_bytes: report.body_bytes,
            took,
            worker: log.worker,
            pid: log.pid,
            thread: Some(threads::number()),
            request_id: head.request_id,
            field: &|name| request.field(name),
        };
        let line = line.render(&log.format, SystemTime::now());
        // One write, so that lines of several workers do not mix; a full pipe loses it.
        let _lost = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
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
        Outcome::File(head, part) => connection.settle(|driver, is_closing| {
            driver.end_body();
            driver.begin_file(head, part, is_closing);
        }),
        Outcome::Streamed => connection.settle(|driver, _| driver.finish()),
        Outcome::Cut => connection.settle(|driver, _| driver.cut()),
        Outcome::Failed => {}
    }
}
