//! Which request each thread of a worker is in, in memory that the worker shares with its master.
//!
//! It is there for `harakiri`: a worker inside an app cannot answer a question, so its threads write
//! as they go and the master reads. Each worker has a board of its own, with a record for each
//! thread. A tenant can write nonsense here: the master signals nobody but that worker for it, and
//! cleans the texts before it shows them.

use std::io;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Instant;

use rustix::mm::munmap;

use super::record::{RequestRecord, Taken};
use super::shared::map_shared;

/// What all threads of a worker write.
#[derive(Debug)]
#[repr(C, align(64))]
struct Common {
    /// The master sleeps until somebody rings.
    is_parked: AtomicBool,
    /// The worker accepts no connection any more.
    has_withdrawn: AtomicBool,
    connections: AtomicU32,
    grace_ms: AtomicU32,
}

/// The records of one worker. The master makes it, the worker inherits it by the fork.
#[derive(Debug)]
pub struct RequestBoard {
    common: NonNull<Common>,
    length: usize,
    records: usize,
    /// The clock that both sides share: `Instant` is `CLOCK_MONOTONIC`, which a fork does not change.
    epoch: Instant,
    /// Wakes the master.
    bell: Arc<OwnedFd>,
}

#[expect(
    unsafe_code,
    reason = "memory shared across fork has no safe interface"
)]
// SAFETY: what the pointer leads to is mapped until the board is dropped, and consists of atomics.
unsafe impl Send for RequestBoard {}
#[expect(
    unsafe_code,
    reason = "memory shared across fork has no safe interface"
)]
// SAFETY: as above.
unsafe impl Sync for RequestBoard {}

impl RequestBoard {
    /// Memory for a worker of this many threads. Its master is asleep until `bell`, an eventfd, rings.
    pub fn new(threads: u32, epoch: Instant, bell: Arc<OwnedFd>) -> io::Result<Self> {
        let records = threads.max(1) as usize;
        let length = size_of::<Common>() + records * size_of::<RequestRecord>();
        let common = map_shared(length)?;
        let board = Self {
            common,
            length,
            records,
            epoch,
            bell,
        };
        board.common().is_parked.store(true, Ordering::Relaxed);
        Ok(board)
    }

    fn common(&self) -> &Common {
        #[expect(
            unsafe_code,
            reason = "memory shared across fork has no safe interface"
        )]
        // SAFETY: the mapping is page-aligned, begins with a `Common`, stays mapped as long as
        // `self`, and started zeroed, which is a valid one. Every field is atomic, so that
        // writers in other processes are no data race.
        unsafe {
            self.common.as_ref()
        }
    }

    /// A record for each thread.
    pub fn records(&self) -> &[RequestRecord] {
        let first = self.common.as_ptr().wrapping_add(1).cast();
        #[expect(
            unsafe_code,
            reason = "memory shared across fork has no safe interface"
        )]
        // SAFETY: `new` mapped room for so many records behind the `Common`, whose size is a
        // multiple of their alignment; otherwise as in `common`.
        unsafe {
            std::slice::from_raw_parts(first, self.records)
        }
    }

    /// Milliseconds on the clock of the records.
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// This thread, whose record it is, takes up a request.
    pub fn enter(&self, record: &RequestRecord, request: &Taken<'_>) {
        self.enter_since(record, request, self.now_ms());
    }

    /// The same for a request that began at that moment, on the clock of the records.
    pub fn enter_since(&self, record: &RequestRecord, request: &Taken<'_>, started_ms: u64) {
        record.enter(request, started_ms);
        // Ordered by both sides' SeqCst: either this sees the flag, or the master sees the request.
        if self.common().is_parked.load(Ordering::SeqCst)
            && self.common().is_parked.swap(false, Ordering::SeqCst)
        {
            self.ring();
        }
    }

    /// How many connections the worker has.
    pub fn set_connections(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.common().connections.store(count, Ordering::Relaxed);
    }

    /// How many connections the worker has.
    pub fn connections(&self) -> u32 {
        self.common().connections.load(Ordering::Relaxed)
    }

    /// The worker accepts no connection any more.
    pub fn set_withdrawn(&self) {
        self.common().has_withdrawn.store(true, Ordering::Release);
    }

    /// Whether the number of connections can only fall.
    pub fn has_withdrawn(&self) -> bool {
        self.common().has_withdrawn.load(Ordering::Acquire)
    }

    /// An event loop runs here, which ends overdue requests itself unless it is blocked: it is to have
    /// so much longer than its requests.
    pub fn set_grace_ms(&self, grace_ms: u32) {
        self.common().grace_ms.store(grace_ms, Ordering::Relaxed);
    }

    /// How much longer than its requests may take the worker is left alone; 0 without an event loop.
    pub fn grace_ms(&self) -> u32 {
        self.common().grace_ms.load(Ordering::Relaxed)
    }

    /// Whether the next request will ring.
    pub fn is_parked(&self) -> bool {
        self.common().is_parked.load(Ordering::SeqCst)
    }

    /// Asks for the bell to ring at the next request. False if a request is in flight already.
    pub fn park(&self) -> bool {
        self.common().is_parked.store(true, Ordering::SeqCst);
        let is_idle = self
            .records()
            .iter()
            .all(|record| record.in_flight().is_none());
        if !is_idle {
            self.common().is_parked.store(false, Ordering::SeqCst);
        }
        is_idle
    }

    /// Wakes the master. Safe in a signal handler.
    pub(super) fn ring(&self) {
        // Full only if the master has not looked for 2^64 times.
        let _already_rung = rustix::io::write(&*self.bell, &1_u64.to_ne_bytes());
    }
}

impl Drop for RequestBoard {
    fn drop(&mut self) {
        #[expect(
            unsafe_code,
            reason = "memory shared across fork has no safe interface"
        )]
        // SAFETY: mapped by `new` in this length, and every reference into it borrows `self`.
        let _ = unsafe { munmap(self.common.as_ptr().cast(), self.length) };
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use rustix::event::{EventfdFlags, eventfd};

    use super::*;

    fn board() -> (RequestBoard, Arc<OwnedFd>) {
        let bell = Arc::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC).unwrap());
        let board = RequestBoard::new(3, Instant::now(), Arc::clone(&bell)).unwrap();
        (board, bell)
    }

    fn rings(bell: &OwnedFd) -> u64 {
        let mut count = [0; 8];
        rustix::io::read(bell, &mut count).map_or(0, |_| u64::from_ne_bytes(count))
    }

    fn request(fd: &OwnedFd) -> Taken<'_> {
        Taken {
            socket: fd.as_fd(),
            remote: "127.0.0.1",
            method: "GET",
            uri: "/a?b=\u{e9}",
            is_http_10: false,
            is_http_2: false,
            is_blocked: false,
        }
    }

    #[test]
    fn only_the_first_request_after_a_pause_rings() {
        let (board, bell) = board();
        assert_eq!(board.records().len(), 3);
        let record = &board.records()[2];
        for expected in [1, 0, 0] {
            board.enter(record, &request(&bell));
            assert_eq!(rings(&bell), expected);
            assert!(!record.leave());
        }
        assert!(board.park());
        board.enter(record, &request(&bell));
        assert_eq!((rings(&bell), board.is_parked()), (1, false));
        assert!(!board.park(), "a request is in flight");
        assert!(!board.is_parked());
    }

    #[test]
    fn a_request_is_seen_and_described_while_it_is_in_flight() {
        let (board, bell) = board();
        let record = &board.records()[1];
        assert!(record.in_flight().is_none());
        board.enter(record, &request(&bell));
        let seen = record.in_flight().unwrap();
        let described = record.describe(seen.sequence).unwrap();
        assert_eq!(
            (described.remote, described.method, described.uri),
            ("127.0.0.1".into(), "GET".into(), "/a?b=\u{e9}".into())
        );
        record.leave();
        assert!(record.in_flight().is_none());
        board.enter(record, &request(&bell));
        assert!(record.describe(seen.sequence).is_none(), "it is another");
        assert_ne!(record.in_flight().unwrap().sequence, seen.sequence);
    }

    #[test]
    fn long_texts_are_cut() {
        let (board, bell) = board();
        let record = &board.records()[0];
        let uri = format!("/{}", "x".repeat(10_000));
        let taken = Taken {
            uri: &uri,
            ..request(&bell)
        };
        board.enter(record, &taken);
        let described = record.describe(record.in_flight().unwrap().sequence);
        let shown = described.unwrap().uri;
        assert!(uri.starts_with(&shown) && shown.len() > 200, "{shown}");
    }
}
