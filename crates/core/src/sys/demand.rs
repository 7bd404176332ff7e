//! Whether there are enough workers, in memory that they share with their master.
//!
//! It is there for `cheaper`. A worker whose last free thread takes up a request looks whether any
//! other worker is free, notes how few there were, and rings for the master if there is none. So the
//! master sleeps as long as there are enough, and hears of it at once when there are not. A tenant
//! can write nonsense here: it gets workers within its own bounds for it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Instant;

use rustix::event::{EventfdFlags, eventfd};

use super::shared::map_shared;

/// What concerns all workers.
#[derive(Debug)]
#[repr(C, align(64))]
struct Common {
    /// The master wants to hear when no worker is free.
    is_armed: AtomicBool,
    /// The fewest free ones at any moment since the master asked last.
    least_free: AtomicU32,
}

/// One worker's. Aligned so that workers do not share a cache line.
#[derive(Debug)]
#[repr(C, align(64))]
struct Place {
    /// It accepts connections.
    is_open: AtomicBool,
    in_flight: AtomicU32,
    /// Microseconds spent in requests, all threads together; less the moments at which those in
    /// flight began. Wraps.
    spent_us: AtomicU64,
}

/// The board of a generation, shared by every fork of the process that made it.
#[derive(Clone, Debug)]
pub struct DemandBoard {
    common: &'static Common,
    places: &'static [Place],
    bell: Arc<OwnedFd>,
    /// Of the clock that all share.
    epoch: Instant,
    /// Requests that a worker can take at a time.
    capacity: u32,
    /// Whether one busy worker is enough to ring.
    rings_early: bool,
}

/// How many workers there are by now, and how many of them are free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Those that accept connections.
    pub open: u32,
    /// Those that could take another request at once.
    pub free: u32,
}

impl DemandBoard {
    /// For so many seats; each worker takes `capacity` requests at a time. With `rings_early` the
    /// master hears of every worker that is full, not only of the last one.
    pub fn new(seats: usize, capacity: u32, rings_early: bool) -> io::Result<Self> {
        let seats = seats.max(1);
        let length = size_of::<Common>() + seats * size_of::<Place>();
        let memory = map_shared::<Common>(length)?;
        #[expect(
            unsafe_code,
            reason = "memory shared across fork has no safe interface"
        )]
        // SAFETY: the mapping is page-aligned, holds a `Common`, is never unmapped, and starts
        // zeroed, which is a valid one. Every field is atomic, so that writers in other processes
        // are no data race.
        let common: &'static Common = unsafe { memory.as_ref() };
        let first = memory.as_ptr().wrapping_add(1).cast::<Place>();
        #[expect(
            unsafe_code,
            reason = "memory shared across fork has no safe interface"
        )]
        // SAFETY: there is room for `seats` places behind the `Common`, whose size is a multiple of
        // their alignment; otherwise as above.
        let places: &'static [Place] = unsafe { std::slice::from_raw_parts(first, seats) };
        common.least_free.store(u32::MAX, Ordering::Relaxed);
        Ok(Self {
            common,
            places,
            bell: Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?),
            epoch: Instant::now(),
            capacity: capacity.max(1),
            rings_early,
        })
    }

    /// What a worker on this seat, counted from 1, writes. The seat starts empty.
    pub fn seat(&self, seat: u32) -> Option<Demand> {
        let place = self.place(seat)?;
        place.is_open.store(false, Ordering::SeqCst);
        place.in_flight.store(0, Ordering::SeqCst);
        place.spent_us.store(0, Ordering::SeqCst);
        Some(Demand {
            board: self.clone(),
            place,
        })
    }

    /// A worker is gone, whatever it was at.
    pub fn vacate(&self, seat: u32) {
        if let Some(place) = self.place(seat) {
            place.is_open.store(false, Ordering::SeqCst);
        }
    }

    fn place(&self, seat: u32) -> Option<&'static Place> {
        self.places.get((seat as usize).checked_sub(1)?)
    }

    /// Readable after a ring.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Takes in that it rang.
    pub fn heard(&self) -> bool {
        rustix::io::read(&*self.bell, &mut [0; 8][..]).is_ok()
    }

    /// Has the next worker ring that finds nobody free.
    pub fn arm(&self, is_armed: bool) {
        self.common.is_armed.store(is_armed, Ordering::SeqCst);
    }

    /// How things stand.
    pub fn load(&self) -> Load {
        let open = self.places.iter().filter(|place| place.is_open());
        let mut load = Load::default();
        for place in open {
            load.open += 1;
            load.free += u32::from(place.in_flight() < self.capacity);
        }
        load
    }

    /// The fewest free workers since this was asked last. Counted anew from now on.
    pub fn take_least_free(&self) -> u32 {
        let noted = self.common.least_free.swap(u32::MAX, Ordering::SeqCst);
        noted.min(self.load().free)
    }

    /// Whether a worker has no request at all.
    pub fn is_idle(&self, seat: u32) -> bool {
        self.place(seat).is_some_and(|place| place.in_flight() == 0)
    }

    /// Microseconds that the worker on this seat has spent in requests, all threads together.
    pub fn spent_us(&self, seat: u32) -> u64 {
        let Some(place) = self.place(seat) else {
            return 0;
        };
        let begun = u64::from(place.in_flight()).wrapping_mul(self.now_us());
        place.spent_us.load(Ordering::SeqCst).wrapping_add(begun)
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// A worker has become full.
    fn notice_full(&self) {
        let free = self.load().free;
        if free < self.common.least_free.load(Ordering::Relaxed) {
            self.common.least_free.fetch_min(free, Ordering::SeqCst);
        }
        // Ordered by SeqCst: of two that become full together, at least one sees that both are.
        if (free == 0 || self.rings_early)
            && self.common.is_armed.load(Ordering::SeqCst)
            && self.common.is_armed.swap(false, Ordering::SeqCst)
        {
            // Full only if the master has not looked for 2^64 times.
            let _already_rung = rustix::io::write(&*self.bell, &1_u64.to_ne_bytes());
        }
    }
}

impl Place {
    fn is_open(&self) -> bool {
        self.is_open.load(Ordering::SeqCst)
    }

    fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::SeqCst)
    }
}

/// What one worker writes.
#[derive(Clone, Debug)]
pub struct Demand {
    board: DemandBoard,
    place: &'static Place,
}

impl Demand {
    /// It accepts connections from now on, or none any more.
    pub fn set_open(&self, is_open: bool) {
        self.place.is_open.store(is_open, Ordering::SeqCst);
    }

    /// One of its threads takes up a request.
    pub fn enter(&self) {
        if self.board.rings_early {
            let now = self.board.now_us();
            self.place.spent_us.fetch_sub(now, Ordering::SeqCst);
        }
        let before = self.place.in_flight.fetch_add(1, Ordering::SeqCst);
        if before.wrapping_add(1) == self.board.capacity {
            self.board.notice_full();
        }
    }

    /// A request is over.
    pub fn leave(&self) {
        self.place.in_flight.fetch_sub(1, Ordering::SeqCst);
        if self.board.rings_early {
            let now = self.board.now_us();
            self.place.spent_us.fetch_add(now, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_workers(rings_early: bool) -> (DemandBoard, Demand, Demand) {
        let board = DemandBoard::new(3, 2, rings_early).unwrap();
        let (a, b) = (board.seat(1).unwrap(), board.seat(3).unwrap());
        a.set_open(true);
        b.set_open(true);
        (board, a, b)
    }

    #[test]
    fn the_last_free_thread_of_all_rings_once() {
        let (board, a, b) = two_workers(false);
        board.arm(true);
        for demand in [&a, &a, &b] {
            demand.enter();
            assert!(!board.heard());
        }
        assert_eq!(board.load(), Load { open: 2, free: 1 });
        b.enter();
        assert!(board.heard());
        b.leave();
        b.enter();
        assert!(!board.heard(), "nobody asked again");
        assert_eq!(board.load(), Load { open: 2, free: 0 });
        assert!(board.seat(0).is_none() && board.seat(4).is_none());
    }

    #[test]
    fn the_fewest_free_ones_are_remembered_until_asked() {
        let (board, a, b) = two_workers(false);
        assert_eq!(board.take_least_free(), 2);
        for _ in 0..2 {
            a.enter();
        }
        for _ in 0..2 {
            a.leave();
        }
        assert_eq!((board.take_least_free(), board.take_least_free()), (1, 2));
        b.set_open(false);
        assert_eq!(board.take_least_free(), 1);
        b.enter();
        b.enter();
        board.vacate(1);
        assert_eq!(board.load(), Load::default());
    }

    #[test]
    fn with_an_early_bell_every_full_worker_rings_and_time_is_counted() {
        let (board, a, _b) = two_workers(true);
        board.arm(true);
        a.enter();
        assert!(!board.heard());
        a.enter();
        assert!(board.heard());
        let begin = Instant::now();
        while begin.elapsed().as_millis() < 3 {
            std::hint::spin_loop();
        }
        assert!(board.spent_us(1) >= 6000, "two threads");
        a.leave();
        a.leave();
        let spent = board.spent_us(1);
        assert!((6000..1_000_000).contains(&spent), "{spent}");
        assert_eq!(spent, board.spent_us(1));
        assert_eq!((board.spent_us(2), board.is_idle(1)), (0, true));
    }
}
