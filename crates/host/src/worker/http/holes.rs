//! Holes: places in what hyper writes that the kernel fills from a file, by sendfile(2).
//!
//! hyper owns the order of what goes out, and knows bodies as bytes only. So a file's body is given
//! to it as bytes of a memory that nobody ever writes or reads: it counts and orders them, and where
//! the socket meets their address it sends as much of the file instead. The files of a connection
//! stand in the order of their answers.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};

use bytes::Bytes;
use rustix::fs::sendfile;
use rustix::io::Errno;
use rustix::net::{SendFlags, send};

use super::file::read_at;
use crate::worker::exchange::FilePart;
use crate::worker::sync::lock;

/// The longest hole. Address space alone: the kernel gives no page that is not touched.
pub(super) const HOLE_BYTES: usize = 1024 * 1024;
/// What a client may take in one turn: one that reads as fast as we write must not keep all others
/// waiting.
const TURN_BYTES: u64 = 1024 * 1024;

/// What is read at once where sendfile(2) cannot.
const COPY_BYTES: usize = 64 * 1024;

static HOLE: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(vec![0; HOLE_BYTES]));

/// Bytes that stand for so many of a file.
pub(super) fn hole(length: usize) -> Bytes {
    HOLE.slice(..length.min(HOLE_BYTES))
}

/// Whether these bytes stand for those of a file.
pub(super) fn is_hole(bytes: &[u8]) -> bool {
    !bytes.is_empty() && HOLE.as_ptr_range().contains(&bytes.as_ptr())
}

/// The files that the holes of a connection stand for.
#[derive(Debug, Default)]
pub(super) struct Holes {
    files: Mutex<VecDeque<FilePart>>,
    /// So that nothing is locked for other answers.
    is_any: AtomicBool,
    turn_bytes: AtomicU64,
    has_given_way: AtomicBool,
}

impl Holes {
    pub(super) fn push(&self, part: FilePart) {
        lock(&self.files).push_back(part);
        self.is_any.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Relaxed)
    }

    /// The connection has waited, and others have had their turn.
    pub(super) fn begin_turn(&self) {
        self.turn_bytes.store(0, Ordering::Relaxed);
    }

    /// Whether the turn is over although the socket could take more.
    pub(super) fn gives_way(&self) -> bool {
        let is_over = self.turn_bytes.load(Ordering::Relaxed) >= TURN_BYTES;
        if is_over {
            self.has_given_way.store(true, Ordering::Relaxed);
        }
        is_over
    }

    /// The turn is over for another reason.
    pub(super) fn give_way(&self) {
        self.has_given_way.store(true, Ordering::Relaxed);
    }

    /// Whether it was so; asked once.
    pub(super) fn has_given_way(&self) -> bool {
        self.has_given_way.load(Ordering::Relaxed)
            && self.has_given_way.swap(false, Ordering::Relaxed)
    }

    /// Sends at most so much of the first file.
    pub(super) fn fill(&self, socket: BorrowedFd<'_>, most: usize) -> rustix::io::Result<usize> {
        let mut files = lock(&self.files);
        let Some(part) = files.front_mut() else {
            // More holes than files: nothing that could be sent is right.
            return Err(Errno::IO);
        };
        let most = usize::try_from(part.length).unwrap_or(most).min(most);
        let mut offset = part.offset;
        let sent = match sendfile(socket, &part.file, Some(&mut offset), most) {
            // It has become shorter, but its length has been promised.
            Ok(0) => return Err(Errno::IO),
            // A file system that cannot.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                let piece = read_at(&part.file, part.offset, most.min(COPY_BYTES));
                let piece = piece.map_err(|_shorter_or_broken| Errno::IO)?;
                send(socket, &piece, SendFlags::NOSIGNAL)?
            }
            sent => sent?,
        };
        part.offset += sent as u64;
        part.length -= sent as u64;
        if part.length == 0 {
            drop(files.pop_front());
            self.is_any.store(!files.is_empty(), Ordering::Relaxed);
        }
        self.turn_bytes.fetch_add(sent as u64, Ordering::Relaxed);
        Ok(sent)
    }
}
