//! Everything that happens passes here: the ring that `lictor events` starts from, the stream that
//! it follows, and the log line. The same for the output of the vassals.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lictor_core::observe::{Event, EventKind, Timestamp};
use tokio::sync::broadcast;

use super::log;
use super::monitoring::Tally;
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
    tally: Tally,
    events: VecDeque<Event>,
    lines: BTreeMap<String, VecDeque<LogLine>>,
    event_followers: broadcast::Sender<Event>,
    line_followers: broadcast::Sender<LogLine>,
    is_foreground: bool,
}

impl Journal {
    /// An empty journal. With one app in the foreground its name need not be said, and of what the
    /// emperor does only what concerns the app.
    pub(super) fn new(is_foreground: bool) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            seq: 0,
            tally: Tally::default(),
            events: VecDeque::new(),
            lines: BTreeMap::new(),
            event_followers: broadcast::channel(FOLLOWER_LAG).0,
            line_followers: broadcast::channel(FOLLOWER_LAG).0,
            is_foreground,
        })))
    }

    /// Something happened.
    pub(super) fn tell(&self, vassal: Option<&str>, kind: EventKind) {
        let mut inner = self.lock();
        if inner.is_foreground {
            log::in_foreground(&kind);
        } else {
            log::as_emperor(vassal, &kind);
        }
        inner.seq += 1;
        inner.tally.count(&kind);
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
        if inner.is_foreground {
            tracing::info!(target: OUTPUT, "{line}");
        } else {
            tracing::info!(target: OUTPUT, vassal, "{line}");
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

    /// How often what happened.
    pub(super) fn tally(&self) -> Tally {
        self.lock().tally
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

    /// The last lines of one vassal, at most `count`.
    pub(super) fn last_lines(&self, vassal: &str, count: usize) -> Vec<String> {
        let inner = self.lock();
        let kept = inner.lines.get(vassal).into_iter().flatten();
        let mut last: Vec<String> = kept
            .rev()
            .take(count)
            .map(|line| line.line.clone())
            .collect();
        last.reverse();
        last
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
