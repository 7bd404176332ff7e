//! `master-fifo`: made and read by the master whose generation serves, as the vassal's user.
//!
//! It stays when the vassal ends, as the fifo of uWSGI does: whoever has it open, and the next
//! generation, use the same one.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, mkfifoat, open};

/// The open one of these fifos.
#[derive(Debug)]
pub(super) struct Fifo {
    paths: Vec<PathBuf>,
    fd: OwnedFd,
}

impl Fifo {
    /// Opens one of these.
    pub(super) fn open(paths: &[PathBuf], slot: usize) -> io::Result<Self> {
        let path = paths.get(slot).ok_or_else(|| {
            let message = format!("there are {} fifos, counted from 0", paths.len());
            io::Error::new(io::ErrorKind::NotFound, message)
        })?;
        Ok(Self {
            fd: open_fifo(path)?,
            paths: paths.to_vec(),
        })
    }

    /// The same list with another one open.
    pub(super) fn at(&self, slot: usize) -> io::Result<Self> {
        Self::open(&self.paths, slot)
    }

    /// The letters that have come.
    pub(super) fn letters(&self) -> Vec<u8> {
        let mut letters = [0; 256];
        let count = rustix::io::read(&self.fd, &mut letters[..]).unwrap_or(0);
        letters.get(..count).unwrap_or_default().to_vec()
    }
}

impl AsFd for Fifo {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn open_fifo(path: &Path) -> io::Result<OwnedFd> {
    match mkfifoat(CWD, path, Mode::RUSR | Mode::WUSR) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => {}
        Err(error) => return Err(error.into()),
    }
    // For writing too: a fifo that nobody writes to would look as if it had ended.
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let fd = open(path, flags, Mode::empty())?;
    if FileType::from_raw_mode(fstat(&fd)?.st_mode) != FileType::Fifo {
        let message = "something is there that is no fifo";
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
    }
    Ok(fd)
}
