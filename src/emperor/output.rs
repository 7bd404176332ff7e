//! The output of a vassal's processes, line by line, as fast as it comes and never faster than it
//! can be told.

use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use lictor_core::observe::EventKind;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout_at;

use super::journal::Journal;

/// Longer lines are cut into pieces of this size.
const LINE_LIMIT_BYTES: usize = 8 * 1024;
/// Read at once.
const READ_BYTES: usize = 64 * 1024;
/// Lines a second that one vassal may have told for it; further ones are dropped and counted.
const LINES_PER_SECOND: u32 = 1000;

/// Reads until the last process that holds the other end is gone.
pub(super) async fn read(vassal: String, pipe: OwnedFd, journal: Journal) {
    let Ok(pipe) = Receiver::from_owned_fd(pipe) else {
        return;
    };
    let mut lines = Lines::default();
    let mut allowance = Allowance::new(Instant::now());
    let mut buffer = vec![0; READ_BYTES];
    loop {
        if timeout_at(allowance.report_at(), pipe.readable())
            .await
            .is_err()
        {
            tell_dropped(&vassal, &mut allowance, &journal);
            continue;
        }
        let count = match pipe.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => break,
        };
        for line in lines.push(buffer.get(..count).unwrap_or_default()) {
            tell_dropped(&vassal, &mut allowance, &journal);
            if allowance.take() {
                journal.tell_output(&vassal, line);
            }
        }
        // A flood of one vassal must not keep the others waiting.
        tokio::task::yield_now().await;
    }
    if let Some(rest) = lines.rest() {
        journal.tell_output(&vassal, rest);
    }
}

/// Tells what a vassal printed while nobody read it.
pub(super) fn tell(vassal: &str, bytes: &[u8], dropped_lines: u64, journal: &Journal) {
    if dropped_lines > 0 {
        let lines = dropped_lines;
        journal.tell(Some(vassal), EventKind::OutputDropped { lines });
    }
    let mut lines = Lines::default();
    for line in lines.push(bytes).into_iter().chain(lines.rest()) {
        journal.tell_output(vassal, line);
    }
}

fn tell_dropped(vassal: &str, allowance: &mut Allowance, journal: &Journal) {
    if let Some(lines) = allowance.dropped_before(Instant::now()) {
        journal.tell(Some(vassal), EventKind::OutputDropped { lines });
    }
}

/// Cuts a stream of bytes into printable lines.
#[derive(Debug, Default)]
struct Lines {
    pending: Vec<u8>,
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            for part in piece.chunks(LINE_LIMIT_BYTES) {
                self.pending.extend_from_slice(part);
                let is_whole = part.last() == Some(&b'\n');
                if is_whole || self.pending.len() >= LINE_LIMIT_BYTES {
                    lines.push(printable(&self.pending));
                    self.pending.clear();
                }
            }
        }
        lines
    }

    fn rest(&mut self) -> Option<String> {
        (!self.pending.is_empty()).then(|| printable(&std::mem::take(&mut self.pending)))
    }
}

/// A tenant's text may not move the cursor of whoever reads the log.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches(['\n', '\r']);
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

/// So many lines a second, counted by whole seconds.
#[derive(Debug)]
struct Allowance {
    second: Instant,
    left: u32,
    dropped: u64,
}

impl Allowance {
    fn new(now: Instant) -> Self {
        Self {
            second: now,
            left: LINES_PER_SECOND,
            dropped: 0,
        }
    }

    /// Starts a new second if it is time, and gives what was dropped in the one before.
    fn dropped_before(&mut self, now: Instant) -> Option<u64> {
        if now.duration_since(self.second) < Duration::from_secs(1) {
            return None;
        }
        let dropped = self.dropped;
        *self = Self::new(now);
        (dropped > 0).then_some(dropped)
    }

    /// When it is time to say what was dropped, also if nothing more comes.
    fn report_at(&self) -> tokio::time::Instant {
        let second = Duration::from_secs(1);
        let never = Duration::from_hours(24);
        (self.second + if self.dropped > 0 { second } else { never }).into()
    }

    fn take(&mut self) -> bool {
        let has_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        self.dropped += u64::from(!has_left);
        has_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_cut_and_cleaned() {
        let mut lines = Lines::default();
        assert_eq!(lines.push(b"one\ntw"), ["one"]);
        assert_eq!(lines.push(b"o\r\n\x1b[2J\n"), ["two", "\u{fffd}[2J"]);
        assert_eq!(lines.push(b"rest"), Vec::<String>::new());
        assert_eq!(lines.rest().as_deref(), Some("rest"));
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn a_flood_is_dropped_and_counted_once_a_second() {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let told = (0..5000).filter(|_| allowance.take()).count();
        assert_eq!(told, LINES_PER_SECOND as usize);
        assert_eq!(allowance.dropped_before(start), None);
        assert_eq!(
            allowance.dropped_before(start + Duration::from_secs(1)),
            Some(4000)
        );
        assert!(allowance.take());
        assert_eq!(
            allowance.dropped_before(start + Duration::from_secs(2)),
            None
        );
    }

    proptest! {
        #[test]
        fn no_line_is_longer_than_allowed_and_none_is_lost(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), 32u8..127], 0..20_000), cut in 1usize..5000) {
            let mut lines = Lines::default();
            let mut told: Vec<String> = bytes.chunks(cut).flat_map(|chunk| lines.push(chunk)).collect();
            told.extend(lines.rest());
            prop_assert!(told.iter().all(|line| line.len() <= LINE_LIMIT_BYTES));
            let text = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(told.concat(), text.replace('\n', ""));
        }
    }
}
