//! Taking connections from the listening sockets.
//!
//! All workers of a vassal (and for a moment two generations) wait on the same sockets. The kernel
//! wakes one of them per connection (EPOLLEXCLUSIVE), and a worker takes one connection per wake-up,
//! so that the others get theirs.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags, acceptfrom_with, sockopt};
use rustix::process::{Resource, getrlimit};

use super::Listener;
use super::connection::Connection;
use super::exchange::Peer;
use super::http::Socket;
use super::reactor::{LISTENER_KEY, Reactor};
use super::sync::lock;
use lictor_core::config::Address;

/// Most connections of one worker, however many descriptors it may have.
const CONNECTION_LIMIT: usize = 10_000;
/// Descriptors left for the app.
const DESCRIPTOR_RESERVE: u64 = 64;
/// Connections taken per wake-up where there is no other worker to share with.
const ALONE_ACCEPTS_PER_WAKE: usize = 16;
/// How long accepting pauses when the process or the system is out of descriptors.
const PAUSE_MS: u64 = 500;

/// How many connections this process has descriptors for.
pub(super) fn connection_limit() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // Half, where there are few: the app needs its own.
    let usable = files
        .saturating_sub(DESCRIPTOR_RESERVE)
        .max(files / 2)
        .max(1);
    usize::try_from(usable)
        .unwrap_or(usize::MAX)
        .min(CONNECTION_LIMIT)
}

/// What accepting one connection came to.
enum Accepted {
    One,
    Nothing,
    Exhausted,
}

impl Reactor {
    /// Lets the listeners wake this worker.
    pub(super) fn watch_listeners(&self) -> io::Result<()> {
        for (index, listener) in lock(&self.listeners).iter().enumerate() {
            let flags = EventFlags::IN | EventFlags::EXCLUSIVE;
            epoll::add(
                &self.epoll,
                &listener.fd,
                EventData::new_u64(LISTENER_KEY | index as u64),
                flags,
            )?;
        }
        Ok(())
    }

    fn unwatch_listeners(&self, listeners: &[Listener]) {
        for listener in listeners {
            // Not watched while accepting pauses.
            let _not_watched = epoll::delete(&self.epoll, &listener.fd);
        }
    }

    /// A listener has connections waiting.
    pub(super) fn accept(self: &Arc<Self>, index: usize) {
        let most = if self.is_alone {
            ALONE_ACCEPTS_PER_WAKE
        } else {
            1
        };
        for _ in 0..most {
            match self.accept_one(index) {
                Accepted::One => {}
                Accepted::Nothing => return,
                Accepted::Exhausted => return self.pause_accepting(),
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

    fn accept_one(self: &Arc<Self>, index: usize) -> Accepted {
        if lock(&self.table).len() >= self.connection_limit {
            return Accepted::Exhausted;
        }
        let accepted = {
            let listeners = lock(&self.listeners);
            let Some(listener) = listeners.get(index) else {
                return Accepted::Nothing;
            };
            acceptfrom_with(&listener.fd, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC).map(
                |(fd, from)| {
                    let is_tcp = matches!(listener.address, Address::Tcp(_));
                    (fd, from, is_tcp, listener.tls.clone())
                },
            )
        };
        match accepted {
            Ok((fd, from, is_tcp, tls)) => {
                if is_tcp {
                    // Whole answers are written at once; waiting for more would only delay them.
                    let _slower_only = sockopt::set_tcp_nodelay(&fd, true);
                }
                self.adopt(&Socket::over(fd, tls), peer_of(from), index);
                Accepted::One
            }
            Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => Accepted::Exhausted,
            // accept(2): errors of the connection itself, already gone; the next may be fine.
            Err(Errno::CONNABORTED | Errno::PROTO | Errno::INTR) => Accepted::One,
            Err(_) => Accepted::Nothing,
        }
    }

    /// Takes a connection in.
    pub(super) fn adopt(self: &Arc<Self>, socket: &Arc<Socket>, peer: Peer, listener: usize) {
        let connection = {
            let mut table = lock(&self.table);
            let entry = table.vacant_entry();
            let key = self.next_key(entry.key());
            let made = Connection::new(key, Arc::clone(socket), &self.shared, peer, listener);
            let connection = Arc::clone(entry.insert(Arc::new(made)));
            self.tell_connections(table.len());
            connection
        };
        // Claimed before anything can wake another thread for it.
        let _nobody_else_knows_it = connection.claim();
        self.set_deadline(&connection, Connection::FIRST_LIMIT);
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

    /// Goes on accepting, if it was paused.
    pub(super) fn resume_accepting(&self) {
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
