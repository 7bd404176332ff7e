//! The emperor's hold on the counters of a vassal.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;

use rustix::fs::{
    MemfdFlags, SealFlags, fcntl_add_seals, fcntl_get_seals, ftruncate, memfd_create,
};

use super::line::{Line, OfBoard};
use super::numbers::{BoardNumbers, LOOKS};
use super::shape::Shape;

/// Neither grows nor shrinks, and stays so.
const SEALS: SealFlags = SealFlags::SHRINK
    .union(SealFlags::GROW)
    .union(SealFlags::SEAL);
/// Thousands of workers are far below it.
const LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// The memory of a scoreboard, as a file without a name.
///
/// It is read as a file and never mapped here: whatever a tenant does to it, reading gives bytes or an
/// error at once.
#[derive(Debug)]
pub struct Counters {
    file: File,
    shape: Shape,
}

impl Counters {
    /// New memory of this shape.
    pub fn new(shape: Shape) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        let memfd = memfd_create("lictor-counters", flags)?;
        ftruncate(&memfd, shape.bytes() as u64)?;
        fcntl_add_seals(&memfd, SEALS)?;
        let file = File::from(memfd);
        let board = Line::default();
        shape.write_to(&board);
        file.write_all_at(&board.to_bytes(), 0)?;
        Ok(Self { file, shape })
    }

    /// Memory that another emperor made, as a master gives it back. Refuses what could be anything
    /// else: only files that live in memory have seals (`fcntl(2)`), and reading those waits for
    /// nobody. That is asked first, because even the size of other files may be a question to a tenant.
    pub fn adopt(fd: OwnedFd) -> io::Result<Self> {
        if !fcntl_get_seals(&fd)?.contains(SEALS) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let file = File::from(fd);
        let length = file.metadata()?.len();
        let mut first = vec![0; size_of::<Line>()];
        file.read_exact_at(&mut first, 0)?;
        let shape = Shape::read_from(&Line::from_bytes(&first));
        let shape = shape.filter(|shape| shape.bytes() as u64 == length && length <= LIMIT_BYTES);
        let shape = shape.ok_or(io::ErrorKind::InvalidData)?;
        Ok(Self { file, shape })
    }

    /// Somebody wants to know how long requests take, from now on.
    pub fn want_times(&self) -> io::Result<()> {
        let offset = OfBoard::WantsTimes as u64 * 8;
        self.file.write_all_at(&1_u64.to_ne_bytes(), offset)
    }

    /// All numbers as they are now, read again if numbers were moved meanwhile.
    pub fn read(&self) -> io::Result<BoardNumbers> {
        let mut bytes = vec![0; self.shape.bytes()];
        for _ in 0..LOOKS {
            let before = self.moves()?;
            self.file.read_exact_at(&mut bytes, 0)?;
            if before.is_multiple_of(2) && before == self.moves()? {
                break;
            }
        }
        let lines = bytes.chunks_exact(size_of::<Line>());
        let lines: Vec<Line> = lines.map(Line::from_bytes).collect();
        Ok(BoardNumbers::look(&lines, self.shape))
    }

    fn moves(&self) -> io::Result<u64> {
        let mut bytes = [0; 8];
        self.file
            .read_exact_at(&mut bytes, OfBoard::Moves as u64 * 8)?;
        Ok(u64::from_ne_bytes(bytes))
    }
}

impl AsFd for Counters {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
