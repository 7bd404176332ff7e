//! Taking connections from the listening sockets.
//!
//! All workers of a vassal (and for a moment two generations) wait on the same sockets. The kernel
//! wakes one of them per connection (EPOLLEXCLUSIVE), and a worker takes one connection per wake-up,
//! so that the others get theirs.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with, sockopt};
use rustix::process::{Resource, getrlimit};

use super::TlsServer;
use super::connection::{Caller, Connection};
use super::exchange::Peer;
use super::gateway::Language;
use super::http::Socket;
use super::phase::Phase;
use super::reactor::Reactor;
use super::sync::lock;
use lictor_core::config::Address;

/// Most connections of one worker without `max-connections`, however many descriptors it may have.
const CONNECTION_LIMIT: usize = 10_000;
/// When a place is wanted, so many parts of a hundred are freed at once: all connections have to be
/// looked at to find those to give up.
const FREED_PERCENT: usize = 1;
/// Descriptors left for the app.
const DESCRIPTOR_RESERVE: u64 = 64;
/// Connections taken per wake-up where there is no other worker to share with.
const ALONE_ACCEPTS_PER_WAKE: usize = 16;
/// How long accepting pauses when the process or the system is out of descriptors.
const PAUSE_MS: u64 = 500;

/// How many connections this process may have: as many as wanted, if it has descriptors for them.
pub(super) fn connection_limit(wanted: Option<u32>) -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // Half, where there are few: the app needs its own.
    let usable = files
        .saturating_sub(DESCRIPTOR_RESERVE)
        .max(files / 2)
        .max(1);
    usize::try_from(usable)
        .unwrap_or(usize::MAX)
        .min(wanted.map_or(CONNECTION_LIMIT, |wanted| wanted as usize))
}

/// A connection, who is at its other end, and what is spoken on it.
struct Visit {
    fd: OwnedFd,
    from: Option<SocketAddrAny>,
    is_tcp: bool,
    tls: Option<Arc<TlsServer>>,
    language: Option<Language>,
}

/// What accepting one connection came to.
enum Accepted {
    One,
    /// One, and there is no room for another.
    Last,
    Nothing,
    Exhausted,
}

impl Reactor {
    /// A listener has connections waiting.
    pub(super) fn accept(self: &Arc<Self>, index: usize) {
        if self.is_held.load(Ordering::Relaxed) {
            // Seen in the same turn as the order to hold.
            return;
        }
        let most = if self.is_alone {
            ALONE_ACCEPTS_PER_WAKE
        } else {
            1
        };
        for _ in 0..most {
            match self.accept_one(index) {
                Accepted::One => {}
                Accepted::Nothing => return,
                Accepted::Last | Accepted::Exhausted => return self.pause_accepting(),
            }
        }
    }

    /// Takes what the kernel has queued already, then lets go of the listeners for good.
    pub(super) fn close_listeners(self: &Arc<Self>) {
        let count = lock(&self.listeners).len();
        for index in 0..count {
            // Bounded: the next generation listens on the same socket and new ones keep coming.
            for _ in 0..self.backlog {
                if !matches!(self.accept_one(index), Accepted::One) {
                    break;
                }
            }
        }
        let mut listeners = lock(&self.listeners);
        self.unwatch_listeners(&listeners);
        listeners.clear();
    }

    /// Whoever was woken has to take what is there: the kernel wakes no other worker for it
    /// (`epoll_ctl(2)`, `EPOLLEXCLUSIVE`). So there is always room for one more, and accepting
    /// pauses after it.
    fn accept_one(self: &Arc<Self>, index: usize) -> Accepted {
        let is_full = lock(&self.table).len() >= self.connection_limit;
        if is_full {
            // Nobody is given up for nothing.
            if !self.has_waiting(index) {
                return Accepted::Nothing;
            }
            // If all of them have become busy meanwhile, this one is one too many.
            self.make_room();
        }
        let accepted = match self.accept_from(index) {
            Some(Err(Errno::MFILE | Errno::NFILE)) if lock(&self.spare).take().is_some() => {
                self.accept_from(index)
            }
            accepted => accepted,
        };
        match accepted {
            Some(Ok(visit)) => {
                if visit.is_tcp {
                    // Whole answers are written at once; waiting for more would only delay them.
                    let _slower_only = sockopt::set_tcp_nodelay(&visit.fd, true);
                }
                let socket = Socket::over(visit.fd, visit.tls);
                let caller = Caller {
                    peer: peer_of(visit.from),
                    listener: index,
                    language: visit.language,
                };
                self.adopt(&socket, caller);
                if self.has_room() {
                    Accepted::One
                } else {
                    Accepted::Last
                }
            }
            Some(Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
                Accepted::Exhausted
            }
            // accept(2): errors of the connection itself, already gone; the next may be fine.
            Some(Err(Errno::CONNABORTED | Errno::PROTO | Errno::INTR)) => Accepted::One,
            Some(Err(_)) | None => Accepted::Nothing,
        }
    }

    /// None without such a listener.
    fn accept_from(&self, index: usize) -> Option<Result<Visit, Errno>> {
        let listeners = lock(&self.listeners);
        let listener = listeners.get(index)?;
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let is_tcp = matches!(listener.address, Address::Tcp(_));
        let accepted = acceptfrom_with(&listener.fd, flags);
        Some(accepted.map(|(fd, from)| Visit {
            fd,
            from,
            is_tcp,
            tls: listener.tls.clone(),
            language: Language::of(listener.protocol),
        }))
    }

    /// Whether another connection can be taken, also if its descriptor is the last.
    fn has_room(&self) -> bool {
        let mut spare = lock(&self.spare);
        if spare.is_none() {
            *spare = self.wake.try_clone().ok();
        }
        let table = lock(&self.table);
        let can_make_room = || table.iter().any(|(_, held)| held.spare_rank().is_some());
        spare.is_some() && (table.len() < self.connection_limit || can_make_room())
    }

    /// Whether a connection waits at a listener.
    fn has_waiting(&self, index: usize) -> bool {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        lock(&self.listeners).get(index).is_some_and(|listener| {
            let mut fds = [PollFd::new(&listener.fd, PollFlags::IN)];
            poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0)
        })
    }

    /// Closes connections that wait for a request, those first that lose least, so that idle and slow
    /// clients cannot shut out others.
    fn make_room(self: &Arc<Self>) {
        let mut spare: Vec<_> = lock(&self.table)
            .iter()
            .filter_map(|(_, held)| Some((held.spare_rank()?, Arc::clone(held))))
            .collect();
        let wanted = (self.connection_limit * FREED_PERCENT / 100).max(1);
        if wanted < spare.len() {
            spare.select_nth_unstable_by_key(wanted, |(rank, _)| *rank);
            spare.truncate(wanted);
        }
        for (rank, connection) in spare {
            if !connection.claim() {
                continue;
            }
            if connection.spare_rank().is_some_and(|now| now.0 == rank.0) {
                connection.give_up();
                self.forget(&connection);
            } else {
                // It has moved on; what another thread was told meanwhile is ours to do.
                connection.socket().set_readable();
                self.work_on(&connection);
            }
        }
    }

    /// Takes a connection in.
    pub(super) fn adopt(self: &Arc<Self>, socket: &Arc<Socket>, caller: Caller) {
        let connection = {
            let mut table = lock(&self.table);
            let entry = table.vacant_entry();
            let key = self.next_key(entry.key());
            let socket = Arc::clone(socket);
            let made = Connection::new(key, socket, &self.shared, caller);
            let connection = Arc::clone(entry.insert(Arc::new(made)));
            self.tell_connections(table.len());
            connection
        };
        // Claimed before anything can wake another thread for it.
        let _nobody_else_knows_it = connection.claim();
        if self.phase() == Phase::Waiting {
            // The master's question, for `ready-path`.
            connection.skip_opening();
        }
        self.set_deadline(&connection, connection.first_limit());
        let flags = self.connection_flags(&connection);
        // One-shot registrations start disarmed, and are armed when the first look is over.
        let flags = if self.is_shared {
            EventFlags::ONESHOT
        } else {
            flags
        };
        if epoll::add(
            &self.epoll,
            &*connection,
            EventData::new_u64(connection.key),
            flags,
        )
        .is_err()
        {
            return self.forget(&connection);
        }
        // The request is often there by now.
        self.work_on(&connection);
    }

    // Level-triggered listeners would wake us again and again for what we cannot take.
    fn pause_accepting(&self) {
        if !self.is_accept_paused.swap(true, Ordering::Relaxed) {
            self.unwatch_listeners(&lock(&self.listeners));
        }
        self.look_again_at(self.now_ms() + PAUSE_MS);
    }

    /// Lets new connections wait until [`Reactor::release_held`].
    pub(super) fn hold(&self) {
        self.is_held.store(true, Ordering::Relaxed);
        if !self.is_accept_paused.swap(true, Ordering::Relaxed) {
            self.unwatch_listeners(&lock(&self.listeners));
        }
    }

    /// Accepts them again.
    pub(super) fn release_held(&self) {
        if self.is_held.swap(false, Ordering::Relaxed) {
            self.resume_accepting();
        }
    }

    /// Goes on accepting, if it was paused and there is room again.
    pub(super) fn resume_accepting(&self) {
        let is_held = self.is_held.load(Ordering::Relaxed);
        if is_held || !self.is_accept_paused.load(Ordering::Relaxed) {
            return;
        }
        if !self.has_room() {
            return self.look_again_at(self.now_ms() + PAUSE_MS);
        }
        if self.is_accept_paused.swap(false, Ordering::Relaxed) && self.watch_listeners().is_err() {
            self.pause_accepting();
        }
    }
}

fn peer_of(from: Option<SocketAddrAny>) -> Peer {
    let Some(from) = from.and_then(|from| std::net::SocketAddr::try_from(from).ok()) else {
        return Peer::default();
    };
    Peer {
        address: from.ip().to_canonical().to_string(),
        port: from.port().to_string(),
    }
}
