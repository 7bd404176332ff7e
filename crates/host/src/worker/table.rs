//! The table of a worker's connections: each has a place, and a key that no other had there.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rustix::event::epoll;

use super::connection::Connection;
use super::deadlines::NEVER;
use super::reactor::Reactor;
use super::sync::lock;

impl Reactor {
    /// Lets go of a claimed connection.
    pub(super) fn forget(&self, connection: &Arc<Connection>) {
        // A child that the app forked may hold the descriptor, which then would stay in the set.
        let _already_removed = epoll::delete(&self.epoll, &**connection);
        connection.abandon();
        let mut table = lock(&self.table);
        let index = index_of(connection.key);
        if table
            .get(index)
            .is_some_and(|held| held.key == connection.key)
        {
            drop(table.remove(index));
        }
        let is_empty = table.is_empty();
        self.tell_connections(table.len());
        if is_empty {
            // Before another thread can add a connection, whose deadline this would take away.
            self.next_look_ms.store(NEVER, Ordering::Relaxed);
        }
        drop(table);
        if is_empty {
            self.finish_if_empty();
        }
        self.resume_accepting();
    }

    /// For the master, which ends a worker that has nothing but lost requests.
    pub(super) fn tell_connections(&self, count: usize) {
        if let Some(board) = self.board {
            board.set_connections(count);
        }
    }

    /// A key that no earlier connection at this place of the table had.
    pub(super) fn next_key(&self, index: usize) -> u64 {
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) & 0x3fff_ffff;
        u64::from(generation) << 32 | index as u64
    }
}

/// The place in the table that a key stands for.
pub(super) fn index_of(key: u64) -> usize {
    usize::try_from(key & u64::from(u32::MAX)).unwrap_or(usize::MAX)
}
