//! Everything that happens passes here: the ring that `lictor events` starts from, the stream that
//! it follows, and the log line. The same for the output of the vassals.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lictor_core::observe::{Event, EventKind, Timestamp};
use tokio::sync::broadcast;

use crate::control::LogLine;

/// Events kept for those who ask later.
const KEPT_EVENTS: usize = 2000;
/// Lines of output kept for each vassal.
const KEPT_LINES: usize = 200;
/// A follower that is this far behind loses what it has not read.
const FOLLOWER_LAG: usize = 1024;

/// The target of log lines that are an app's own words.
pub(super) const OUTPUT: &str = "output";

/// The journal. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Journal(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    seq: u64,
    events: VecDeque<Event>,
    lines: BTreeMap<String, VecDeque<LogLine>>,
    event_followers: broadcast::Sender<Event>,
    line_followers: broadcast::Sender<LogLine>,
    prefixes_output: bool,
}

impl Journal {
    /// An empty journal. `prefixes_output`: whether lines of output carry the vassal's name in the
    /// log, which for one app in the foreground says nothing.
    pub(super) fn new(prefixes_output: bool) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            seq: 0,
            events: VecDeque::new(),
            lines: BTreeMap::new(),
            event_followers: broadcast::channel(FOLLOWER_LAG).0,
            line_followers: broadcast::channel(FOLLOWER_LAG).0,
            prefixes_output,
        })))
    }

    /// Something happened.
    pub(super) fn tell(&self, vassal: Option<&str>, kind: EventKind) {
        log(vassal, &kind);
        let mut inner = self.lock();
        inner.seq += 1;
        let event = Event {
            seq: inner.seq,
            at: Timestamp::now(),
            vassal: vassal.map(str::to_owned),
            kind,
        };
        if inner.events.len() == KEPT_EVENTS {
            inner.events.pop_front();
        }
        inner.events.push_back(event.clone());
        // Nobody may be following.
        drop(inner.event_followers.send(event));
    }

    /// An app said something.
    pub(super) fn tell_output(&self, vassal: &str, line: String) {
        let mut inner = self.lock();
        if inner.prefixes_output {
            tracing::info!(target: OUTPUT, vassal, "{line}");
        } else {
            tracing::info!(target: OUTPUT, "{line}");
        }
        let line = LogLine {
            at: Timestamp::now(),
            vassal: vassal.to_owned(),
            line,
        };
        let kept = inner.lines.entry(vassal.to_owned()).or_default();
        if kept.len() == KEPT_LINES {
            kept.pop_front();
        }
        kept.push_back(line.clone());
        // Nobody may be following.
        drop(inner.line_followers.send(line));
    }

    /// The vassal is over; its output is forgotten.
    pub(super) fn forget(&self, vassal: &str) {
        self.lock().lines.remove(vassal);
    }

    /// The number of the newest event.
    pub(super) fn seq(&self) -> u64 {
        self.lock().seq
    }

    /// The events kept, and those to come.
    pub(super) fn events(&self) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let inner = self.lock();
        (
            inner.events.iter().cloned().collect(),
            inner.event_followers.subscribe(),
        )
    }

    /// The lines kept, in the order of time, and those to come.
    pub(super) fn lines(&self) -> (Vec<LogLine>, broadcast::Receiver<LogLine>) {
        let inner = self.lock();
        let mut lines: Vec<LogLine> = inner.lines.values().flatten().cloned().collect();
        lines.sort_by_key(|line| line.at);
        (lines, inner.line_followers.subscribe())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn log(vassal: Option<&str>, kind: &EventKind) {
    match kind {
        EventKind::GenerationFailed { failure, .. } => {
            tracing::error!(vassal, "{kind}{}", indented(&failure.detail));
        }
        EventKind::SourceFailed { .. }
        | EventKind::OutputDropped { .. }
        | EventKind::WorkerExited {
            expected: false, ..
        }
        | EventKind::MasterExited {
            expected: false, ..
        } => tracing::warn!(vassal, "{kind}"),
        EventKind::MasterSpawned { .. }
        | EventKind::MasterBooted { .. }
        | EventKind::WorkerSpawned { .. }
        | EventKind::WorkerReady { .. }
        | EventKind::WorkerExited { .. }
        | EventKind::MasterExited { .. }
        | EventKind::StateChanged { .. } => tracing::debug!(vassal, "{kind}"),
        EventKind::EmperorStarted { .. }
        | EventKind::EmperorReady { .. }
        | EventKind::EmperorStopping
        | EventKind::VassalAdded { .. }
        | EventKind::VassalChanged { .. }
        | EventKind::VassalRemoved { .. }
        | EventKind::VassalGone
        | EventKind::SocketsBound { .. }
        | EventKind::GenerationReady { .. }
        | EventKind::GenerationDraining { .. }
        | EventKind::BackoffStarted { .. } => tracing::info!(vassal, "{kind}"),
    }
}

fn indented(detail: &str) -> String {
    detail
        .lines()
        .fold(String::new(), |text, line| text + "\n  " + line)
}
