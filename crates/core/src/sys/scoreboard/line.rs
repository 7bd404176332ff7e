//! What stands in the lines of a scoreboard, and who writes it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers in a line.
pub(super) const WORDS: usize = 16;

/// Two cache lines, which processors fetch together: no two writers share one.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(super) struct Line([AtomicU64; WORDS]);

/// In the first line. The emperor writes the shape when it makes the memory, whoever wants times says
/// so, the master writes the rest.
#[derive(Clone, Copy)]
pub(super) enum OfBoard {
    Layout,
    Slots,
    Threads,
    /// Odd while the master moves numbers from one line to another.
    Moves,
    WantsTimes,
    /// How long it took to import the app, in milliseconds.
    StartupMs,
}

/// In the line of a slot or of a seat. The worker writes `State`, the master the rest.
#[derive(Clone, Copy)]
pub(super) enum OfWorker {
    /// Of a seat: the slot of who sits there, 0 for nobody.
    Slot,
    Pid,
    /// In seconds since 1970.
    Spawned,
    State,
    /// Of a slot: the seat of the worker that people see there, 0 for none.
    Seat,
    Respawns,
    Harakiris,
}

/// In the line of a thread, which alone writes it; behind a slot, what its workers of the past had
/// counted, added up by the master.
#[derive(Clone, Copy)]
pub(super) enum OfThread {
    Requests,
    Exceptions,
    InRequest,
    StaticRequests,
    WriteErrors,
    ReadErrors,
    SentBytes,
    RunningMicros,
    AverageMicros,
}

impl OfThread {
    /// Those that add up.
    pub(super) const SUMS: [Self; 7] = [
        Self::Requests,
        Self::Exceptions,
        Self::StaticRequests,
        Self::WriteErrors,
        Self::ReadErrors,
        Self::SentBytes,
        Self::RunningMicros,
    ];
}

macro_rules! places {
    ($($fields:ty),*) => {$(
        impl From<$fields> for usize {
            fn from(field: $fields) -> Self {
                field as Self
            }
        }
    )*};
}
places!(OfBoard, OfWorker, OfThread);

impl Line {
    pub(super) const fn zero() -> Self {
        Self([const { AtomicU64::new(0) }; WORDS])
    }

    pub(super) fn at(&self, field: impl Into<usize>) -> &AtomicU64 {
        #[expect(
            clippy::indexing_slicing,
            reason = "every field of the three tables is below WORDS"
        )]
        &self.0[field.into() % WORDS]
    }

    pub(super) fn get(&self, field: impl Into<usize>) -> u64 {
        self.at(field).load(Ordering::Relaxed)
    }

    pub(super) fn set(&self, field: impl Into<usize>, value: u64) {
        self.at(field).store(value, Ordering::Relaxed);
    }

    /// For a field that one thread alone writes: cheaper than an addition that others see as one.
    pub(super) fn add(&self, field: impl Into<usize>, more: u64) {
        let word = self.at(field);
        let sum = word.load(Ordering::Relaxed).wrapping_add(more);
        word.store(sum, Ordering::Relaxed);
    }

    pub(super) fn clear(&self) {
        for word in &self.0 {
            word.store(0, Ordering::Relaxed);
        }
    }

    /// From bytes as they lie in memory.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let line = Self::default();
        let (words, _) = bytes.as_chunks::<8>();
        for (word, bytes) in line.0.iter().zip(words) {
            word.store(u64::from_ne_bytes(*bytes), Ordering::Relaxed);
        }
        line
    }

    /// The bytes as they lie in memory.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let words = self.0.iter();
        words
            .flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes())
            .collect()
    }
}
