//! `harakiri` for an event loop: its master sees the oldest of its requests.
//!
//! A loop that goes round ends overdue requests itself, by cancelling their tasks. One that is blocked
//! by code that does not wait cannot. So the record of its thread always holds the request that will
//! be overdue first, and the master, which looks at it a moment later than the loop would, strikes if
//! it is still there. Whoever blocks the loop, the traceback shows where.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use lictor_core::sys::{RequestBoard, RequestRecord, Taken};

use super::answer::write_down;
use super::ongoing::Ongoing;
use super::sync::lock;

/// How late a loop may be in ending a request itself.
const GRACE_MS: u32 = 1000;

/// The requests of an event loop, by age.
pub(super) struct Eldest {
    board: &'static RequestBoard,
    /// The loop's.
    record: &'static RequestRecord,
    /// All but the one that stands in the record.
    younger: Mutex<BTreeMap<u64, Weak<Ongoing>>>,
    count: AtomicU64,
}

/// What one of the requests has to remember for it.
pub(super) struct Place {
    number: u64,
    started_ms: u64,
    is_in_record: AtomicBool,
    /// The status of the answer that has begun; 0 for none.
    begun: AtomicU16,
    body_bytes: AtomicU64,
}

impl Place {
    /// The answer begins.
    pub(super) fn begin(&self, status: u16) {
        self.begun.store(status, Ordering::Relaxed);
    }

    /// So much more of its body is handed over.
    pub(super) fn add_body_bytes(&self, count: usize) {
        self.body_bytes.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl Eldest {
    /// In the thread of the loop.
    pub(super) fn new(board: &'static RequestBoard) -> Option<Self> {
        let record = board.records().first()?;
        record.sit();
        board.set_grace_ms(GRACE_MS);
        Some(Self {
            board,
            record,
            younger: Mutex::default(),
            count: AtomicU64::new(0),
        })
    }

    /// For a request that begins now.
    pub(super) fn place(&self) -> Place {
        Place {
            number: self.count.fetch_add(1, Ordering::Relaxed),
            started_ms: self.board.now_ms(),
            is_in_record: AtomicBool::new(false),
            begun: AtomicU16::new(0),
            body_bytes: AtomicU64::new(0),
        }
    }

    /// Takes in a request, the youngest of all.
    pub(super) fn enter(&self, request: &Arc<Ongoing>) {
        let Some(place) = &request.place else { return };
        if self.record.in_flight().is_none() {
            self.show(request, place);
        } else {
            lock(&self.younger).insert(place.number, Arc::downgrade(request));
        }
    }

    /// A request is over, or has all time from now on. Whether the master has ended it.
    fn leave(&self, place: &Place) -> bool {
        if !place.is_in_record.swap(false, Ordering::Relaxed) {
            lock(&self.younger).remove(&place.number);
            return false;
        }
        let is_ended = self.record.leave();
        loop {
            let next = lock(&self.younger).pop_first();
            let Some((_, next)) = next else { break };
            let Some(next) = next.upgrade() else { continue };
            if let Some(place) = &next.place
                && self.show(&next, place)
            {
                break;
            }
        }
        is_ended
    }

    /// Lets the master see a request; false if it is over.
    fn show(&self, request: &Ongoing, place: &Place) -> bool {
        let live = lock(&request.live);
        let Some(live) = &*live else { return false };
        let connection = &live.connection;
        let head = live.tale.head(connection, &live.request);
        let begun = place.begun.load(Ordering::Relaxed);
        write_down(connection, &head, |request| {
            let request = Taken {
                is_blocked: request.is_blocked || begun != 0,
                ..*request
            };
            self.board
                .enter_since(self.record, &request, place.started_ms);
        });
        if begun != 0 {
            let _not_refused = self.record.begin(begun);
            let body_bytes = place.body_bytes.load(Ordering::Relaxed);
            let body_bytes = usize::try_from(body_bytes).unwrap_or(usize::MAX);
            self.record.add_body_bytes(body_bytes);
        }
        connection.set_record(Some(self.record));
        place.is_in_record.store(true, Ordering::Relaxed);
        true
    }
}

impl Ongoing {
    /// The request is over, or has all time from now on. Whether its master has ended it.
    pub(super) fn leave_place(&self) -> bool {
        let eldest = self.reactor.eldest.as_ref().zip(self.place.as_ref());
        eldest.is_some_and(|(eldest, place)| eldest.leave(place))
    }
}
