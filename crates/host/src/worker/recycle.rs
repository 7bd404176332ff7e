//! What makes a worker ask to be replaced: `max-requests`, its memory, an exception of the app.
//!
//! It asks once and serves on; the master decides when its turn is.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use lictor_core::config::VassalConfig;
use lictor_core::ipc::WorkerMessage;
use lictor_core::sys::{Memory, memory_of};

use super::fatal;
use super::reactor::Reactor;
use crate::chance;

/// Memory is looked at this often at most.
const LOOK_EVERY_MS: u64 = 100;

/// What a worker watches of itself, if anything.
#[derive(Debug)]
pub(super) struct Limits {
    requests: Option<u64>,
    resident_bytes: Option<u64>,
    addressed_bytes: Option<u64>,
    /// When memory is looked at again, on the reactor's clock.
    next_look_ms: AtomicU64,
    has_asked: AtomicBool,
}

impl Limits {
    /// The limits of this process; none if there are none.
    pub(super) fn new(config: &VassalConfig) -> Option<Self> {
        let chance = chance::permille(std::process::id().into());
        let limits = Self {
            requests: config
                .max_requests
                .map(|limit| chance::varied(limit, chance)),
            resident_bytes: config.reload_on_rss,
            addressed_bytes: config.recycle.addressed,
            next_look_ms: AtomicU64::new(0),
            has_asked: AtomicBool::new(false),
        };
        let is_any = limits.requests.is_some() || limits.watches_memory();
        // What the exceptions are, the whole process knows.
        (fatal::watch_for(&config.recycle.exceptions) || is_any).then_some(limits)
    }

    fn watches_memory(&self) -> bool {
        self.resident_bytes.or(self.addressed_bytes).is_some()
    }

    /// The option whose limit is reached.
    fn reached(&self, requests: u64, now_ms: u64) -> Option<&'static str> {
        if self.requests.is_some_and(|limit| requests >= limit) {
            return Some("max-requests");
        }
        if fatal::has_come() {
            return Some("reload-on-exception");
        }
        if !self.watches_memory() || now_ms < self.next_look_ms.load(Ordering::Relaxed) {
            return None;
        }
        self.next_look_ms
            .store(now_ms + LOOK_EVERY_MS, Ordering::Relaxed);
        let Memory {
            resident,
            addressed,
        } = memory_of(std::process::id());
        if self.resident_bytes.is_some_and(|limit| resident > limit) {
            return Some("reload-on-rss");
        }
        let is_wide = self.addressed_bytes.is_some_and(|limit| addressed > limit);
        is_wide.then_some("reload-on-as")
    }
}

impl Reactor {
    /// After a request: asks to be replaced, once, if a limit is reached.
    pub(super) fn look_at(&self, limits: &Limits) {
        if limits.has_asked.load(Ordering::Relaxed) {
            return;
        }
        let Some(limit) = limits.reached(self.slot.requests(), self.now_ms()) else {
            return;
        };
        // Several threads may have come this far.
        if limits.has_asked.swap(true, Ordering::Relaxed) {
            return;
        }
        let limit = limit.to_owned();
        if self
            .channel
            .send(&WorkerMessage::Retire { limit }, &[])
            .is_err()
        {
            // A master that does not read now is asked again after the next request.
            limits.has_asked.store(false, Ordering::Relaxed);
        }
    }
}
