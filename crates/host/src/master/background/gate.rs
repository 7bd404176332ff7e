//! What only one generation may do at a time: held by a lock on a file that the emperor opens anew for
//! each generation (`flock(2)`), so that it ends with the master that holds it, however that ends.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

/// Between two tries, while the generation before has still to end what it holds.
const LOOK: Duration = Duration::from_millis(50);

/// One lock.
#[derive(Debug)]
pub(super) struct Gate {
    file: OwnedFd,
    is_held: bool,
    is_wanted: bool,
    tried: Option<Instant>,
}

impl Gate {
    pub(super) fn new(file: OwnedFd) -> Self {
        Self {
            file,
            is_held: false,
            is_wanted: false,
            tried: None,
        }
    }

    /// Whether it is held now, having been asked for.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.is_wanted = true;
        let is_time = self.tried.is_none_or(|tried| now >= tried + LOOK);
        if !self.is_held && is_time {
            self.tried = Some(now);
            self.is_held = flock(&self.file, FlockOperation::NonBlockingLockExclusive).is_ok();
        }
        self.is_held
    }

    pub(super) fn is_held(&self) -> bool {
        self.is_held
    }

    /// Lets others in.
    pub(super) fn leave(&mut self) {
        if self.is_held {
            // Unlocked by name: what the app forked may hold the same descriptor.
            let _ = flock(&self.file, FlockOperation::Unlock);
        }
        (self.is_held, self.is_wanted) = (false, false);
    }

    /// When to try again.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let waits = self.is_wanted && !self.is_held;
        self.tried.filter(|_| waits).map(|tried| tried + LOOK)
    }
}
