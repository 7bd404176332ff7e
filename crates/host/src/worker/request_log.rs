//! The log of requests: who gets a line, and where it goes. How it looks is decided in `access_line`.

use std::os::fd::OwnedFd;
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant, SystemTime};

use lictor_core::config::VassalConfig;

use super::access_line::allowance::Allowance;
use super::access_line::refused::RefusedHead;
use super::access_line::{AccessLine, Came, LineForm, Selection, protocol};
use super::exchange::{Peer, Report, RequestHead};
use super::http::{Arrived, Refused};
use super::sync::lock;
use super::threads;

/// What the log of requests needs to know of the worker.
#[derive(Debug)]
pub(super) struct RequestLog {
    /// None if requests get a line only when their app asks for it.
    selection: Option<Selection>,
    form: LineForm,
    counts_heads: bool,
    worker: u32,
    pid: u32,
    /// For lines that cost those nothing who cause them.
    allowance: Mutex<Allowance>,
}

/// What was measured of a request and its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured<'a> {
    pub(super) took: Duration,
    /// Of the head of the answer, where lines tell it.
    pub(super) head_bytes: Option<u64>,
    /// What the app has set for the line.
    pub(super) variables: &'a [(String, Vec<u8>)],
}

impl RequestLog {
    pub(super) fn new(config: &VassalConfig, worker: u32) -> Self {
        Self {
            selection: Selection::new(config.access_log, &config.request_log),
            form: LineForm::from(config),
            counts_heads: config.request_log.format.counts_heads(),
            worker,
            pid: std::process::id(),
            allowance: Mutex::new(Allowance::new(Instant::now())),
        }
    }

    /// Whether requests get a line that their app has not asked for.
    pub(super) fn selects(&self) -> bool {
        self.selection.is_some()
    }

    /// Whether what came of a request is told.
    pub(super) fn wants(&self, came: &Came) -> bool {
        let selection = self.selection.as_ref();
        selection.is_some_and(|selection| selection.wants(came))
    }

    /// Whether a line tells how long the head of an answer is.
    pub(super) fn counts_heads(&self) -> bool {
        self.counts_heads
    }

    pub(super) fn tell(
        &self,
        head: &RequestHead<'_>,
        request: &Arrived,
        report: &Report,
        measured: Measured<'_>,
    ) {
        self.write(&AccessLine {
            remote: &head.peer.address,
            remote_port: &head.peer.port,
            method: head.method,
            uri: head.uri,
            protocol: protocol(head.is_http_10, head.is_http_2),
            is_secure: head.is_secure,
            host: head.host,
            status: report.status,
            body_bytes: report.body_bytes,
            head_bytes: measured.head_bytes,
            took: measured.took,
            worker: self.worker,
            pid: self.pid,
            thread: Some(threads::number()),
            request_id: head.request_id,
            variables: measured.variables,
            field: &|name| request.field(name),
        });
    }

    /// A request that was refused before there was one. Whoever can connect can send any number of
    /// these, so that only some of them are told.
    pub(super) fn tell_refused(
        &self,
        refused: &Refused,
        peer: &Peer,
        is_secure: bool,
        name: Option<(&str, &str)>,
    ) {
        let came = Came {
            status: refused.status,
            body_bytes: refused.body_bytes,
            ..Came::default()
        };
        let selection = self.selection.as_ref();
        if !selection.is_some_and(|selection| selection.wants(&came)) {
            return;
        }
        let Some(left_out) = lock(&self.allowance).ask(Instant::now()) else {
            return;
        };
        tell_left_out(left_out);
        let head = RefusedHead::read(&refused.beginning);
        self.write(&AccessLine {
            remote: &peer.address,
            remote_port: &peer.port,
            method: &head.method,
            uri: &head.target,
            protocol: &head.protocol,
            is_secure,
            host: None,
            status: refused.status,
            body_bytes: refused.body_bytes,
            head_bytes: Some(refused.head_bytes),
            took: Duration::ZERO,
            worker: self.worker,
            pid: self.pid,
            thread: Some(threads::number()),
            request_id: name.map(|(_, id)| id),
            variables: &[],
            field: &|_| None,
        });
    }

    /// The worker leaves.
    pub(super) fn finish(&self) {
        tell_left_out(lock(&self.allowance).take_left_out());
    }

    fn write(&self, line: &AccessLine<'_>) {
        say(&line.render(&self.form, SystemTime::now()));
    }
}

fn tell_left_out(count: u64) {
    if count > 0 {
        say(&format!(
            "lictor: {count} refused requests were left out of the log of requests, where they have \
             at most one line a second\n"
        ));
    }
}

/// Where lines about requests go if not where everything else goes. Set by the master before it forks.
static OUTLET: OnceLock<OwnedFd> = OnceLock::new();

/// From now on lines about requests go there.
pub(crate) fn tell_requests_to(outlet: OwnedFd) {
    // There is one master in this process, which asks for it once.
    let _already_set = OUTLET.set(outlet);
}

/// Says a line about a request where only such lines go, if there is such a place.
pub(crate) fn say_apart(line: &str) -> bool {
    // One write, so that lines of several workers do not mix; a full pipe loses it.
    let said = OUTLET
        .get()
        .map(|outlet| rustix::io::write(outlet, line.as_bytes()));
    said.is_some()
}

/// One write, as above.
fn say(line: &str) {
    if !say_apart(line) {
        let _lost = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
    }
}
