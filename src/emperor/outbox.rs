//! What the service manager is still to be told.
//!
//! A manager that does not read must neither stop the emperor nor fill its memory: of each kind of
//! notice only the newest waits, in the place of the one that nobody will miss.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lictor_core::sys::close_elsewhere;

/// Longest line of status; the manager takes datagrams of 4096 bytes.
const STATUS_LIMIT_CHARS: usize = 500;

/// One thing to tell (`sd_notify(3)`).
#[derive(Debug)]
pub(super) enum Notice {
    Ready,
    /// At this time of the monotonic clock, in microseconds.
    Reloading(u64),
    /// The longest that it may take.
    Stopping(Duration),
    Status(String),
    Watchdog,
    /// Keep this socket under this name.
    Store(String, OwnedFd),
    /// Let go of what is kept under this name.
    Remove(String),
}

impl Notice {
    /// What is sent.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Ready => "READY=1\n".to_owned(),
            Self::Reloading(now) => format!("RELOADING=1\nMONOTONIC_USEC={now}\n"),
            Self::Stopping(longest) => {
                let longest = longest.as_micros();
                format!("STOPPING=1\nEXTEND_TIMEOUT_USEC={longest}\n")
            }
            Self::Status(line) => {
                // A line of its own would be another word of the protocol.
                let shown = line.chars().filter(|c| !c.is_control());
                let shown: String = shown.take(STATUS_LIMIT_CHARS).collect();
                format!("STATUS={shown}\n")
            }
            Self::Watchdog => "WATCHDOG=1\n".to_owned(),
            Self::Store(name, _) => format!("FDSTORE=1\nFDNAME={name}\n"),
            Self::Remove(name) => format!("FDSTOREREMOVE=1\nFDNAME={name}\n"),
        }
    }

    /// The descriptor that travels beside it.
    pub(super) fn fd(&self) -> Option<&OwnedFd> {
        match self {
            Self::Store(_, fd) => Some(fd),
            Self::Ready
            | Self::Reloading(_)
            | Self::Stopping(_)
            | Self::Status(_)
            | Self::Watchdog
            | Self::Remove(_) => None,
        }
    }

    /// Whether this makes the other one superfluous.
    fn replaces(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Store(name, _), Self::Store(known, _))
            | (Self::Remove(name), Self::Remove(known)) => name == known,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// Notices in their order. Cheap to clone: who lets go of a kept socket says so through one.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox(Arc<Mutex<VecDeque<Notice>>>);

impl Outbox {
    /// Something is to be told.
    pub(super) fn push(&self, notice: Notice) {
        let mut waiting = self.lock();
        waiting.retain(|other| !notice.replaces(other));
        waiting.push_back(notice);
    }

    /// The name stands for nothing any more.
    pub(super) fn let_go(&self, name: &str) {
        let mut waiting = self.lock();
        let is_store = |notice: &Notice| matches!(notice, Notice::Store(known, _) if known == name);
        let unsent = waiting
            .iter()
            .position(is_store)
            .and_then(|place| waiting.remove(place));
        drop(waiting);
        if let Some(Notice::Store(_, fd)) = unsent {
            // It may be the last descriptor by now.
            close_elsewhere(vec![fd]);
        } else {
            self.push(Notice::Remove(name.to_owned()));
        }
    }

    /// The next one.
    pub(super) fn take(&self) -> Option<Notice> {
        self.lock().pop_front()
    }

    /// It could not be sent yet.
    pub(super) fn put_back(&self, notice: Notice) {
        self.lock().push_front(notice);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Notice>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn socket() -> OwnedFd {
        File::open("/dev/null").unwrap().into()
    }

    fn texts(outbox: &Outbox) -> Vec<String> {
        let taken = std::iter::from_fn(|| outbox.take());
        taken
            .map(|notice| notice.text().replace('\n', " "))
            .collect()
    }

    #[test]
    fn of_each_kind_the_newest_waits() {
        let outbox = Outbox::default();
        outbox.push(Notice::Status("old".into()));
        outbox.push(Notice::Reloading(1));
        outbox.push(Notice::Ready);
        outbox.push(Notice::Watchdog);
        outbox.push(Notice::Reloading(2));
        outbox.push(Notice::Ready);
        outbox.push(Notice::Status("new".into()));
        outbox.push(Notice::Stopping(Duration::from_secs(2)));
        let expected = [
            "WATCHDOG=1 ",
            "RELOADING=1 MONOTONIC_USEC=2 ",
            "READY=1 ",
            "STATUS=new ",
            "STOPPING=1 EXTEND_TIMEOUT_USEC=2000000 ",
        ];
        assert_eq!(texts(&outbox), expected);
    }

    #[test]
    fn a_socket_that_was_never_handed_over_is_not_taken_back() {
        let outbox = Outbox::default();
        outbox.push(Notice::Store("a".into(), socket()));
        outbox.push(Notice::Store("b".into(), socket()));
        outbox.let_go("a");
        outbox.let_go("c");
        outbox.let_go("c");
        outbox.push(Notice::Store("c".into(), socket()));
        let expected = [
            "FDSTORE=1 FDNAME=b ",
            "FDSTOREREMOVE=1 FDNAME=c ",
            "FDSTORE=1 FDNAME=c ",
        ];
        assert_eq!(texts(&outbox), expected);
    }

    #[test]
    fn what_could_not_be_sent_is_the_next() {
        let outbox = Outbox::default();
        outbox.push(Notice::Ready);
        outbox.push(Notice::Watchdog);
        let first = outbox.take().unwrap();
        outbox.put_back(first);
        assert_eq!(texts(&outbox), ["READY=1 ", "WATCHDOG=1 "]);
    }

    #[test]
    fn a_status_is_one_line() {
        let text = Notice::Status("a\nMAINPID=1".into()).text();
        assert_eq!(text, "STATUS=aMAINPID=1\n");
        let long = Notice::Status("ä".repeat(5000)).text();
        assert!(long.len() < 2048, "{}", long.len());
    }
}
