//! Where a worker waits for new connections, so that the kernel wakes one worker for each.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};

use super::Listener;
use super::reactor::{LISTENER_KEY, Reactor};
use super::sync::lock;

/// Where the listeners of a worker wake the event loop of its app: the epoll set in which that waits.
/// In the worker's own set, which is one of the descriptors in it, a connection would wake every idle
/// worker: the kernel counts somebody as woken by an exclusive watch only if he waits at that very set
/// (`epoll_ctl(2)`, `EPOLLEXCLUSIVE`).
pub(super) struct Door {
    epoll: OwnedFd,
    /// Never ready; the loop takes what is ready at a listener for it.
    bell: OwnedFd,
}

impl Door {
    pub(super) fn new(epoll: OwnedFd) -> io::Result<Self> {
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { epoll, bell })
    }

    /// The descriptor for which the loop will call.
    pub(super) fn number(&self) -> i32 {
        self.bell.as_raw_fd()
    }
}

impl Reactor {
    /// Lets the listeners wake this worker.
    pub(super) fn watch_listeners(&self) -> io::Result<()> {
        for (index, listener) in lock(&self.listeners).iter().enumerate() {
            let (epoll, key) = match self.door.get() {
                // Loops keep the number of the descriptor there.
                Some(door) => (&door.epoll, u64::from(door.number().unsigned_abs())),
                None => (&self.epoll, LISTENER_KEY | index as u64),
            };
            let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
            epoll::add(epoll, &listener.fd, EventData::new_u64(key), flags)?;
        }
        Ok(())
    }

    pub(super) fn unwatch_listeners(&self, listeners: &[Listener]) {
        let epoll = self.door.get().map_or(&self.epoll, |door| &door.epoll);
        for listener in listeners {
            // Not watched while accepting pauses.
            let _not_watched = epoll::delete(epoll, &listener.fd);
        }
    }

    /// Some listener has connections waiting.
    pub(super) fn accept_any(self: &Arc<Self>) {
        self.take_late_orders();
        let count = lock(&self.listeners).len();
        for index in 0..count {
            self.accept(index);
        }
    }
}
