//! What lies at a path, once it has been opened: a file, a directory, or nothing that is sent.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::Errno;

/// What lies at a name.
#[derive(Debug)]
pub(crate) enum Entry {
    /// A regular file.
    File(Opened),
    Directory,
}

/// An open regular file.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) fd: OwnedFd,
    pub(crate) size: u64,
    /// Nanoseconds since 1970.
    pub(crate) modified_ns: i128,
    pub(crate) changed_ns: i128,
}

/// Why there is nothing to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Absence {
    /// Nothing is there, or something that is neither a file nor a directory.
    Missing,
    /// A link leads to where nothing may be sent from.
    Outside,
    /// The kernel refused.
    Refused(Errno),
}

/// What lies at a path that is trusted as it is.
pub(crate) fn open_path(path: &Path) -> Result<Entry, Absence> {
    open(path, flags(), Mode::empty())
        .map_err(absence)
        .and_then(entry)
}

pub(super) fn absence(error: Errno) -> Absence {
    if matches!(
        error,
        Errno::NOENT | Errno::NOTDIR | Errno::NXIO | Errno::NAMETOOLONG
    ) {
        Absence::Missing
    } else {
        Absence::Refused(error)
    }
}

impl Absence {
    /// Whether it may be there, and only now cannot be had.
    pub(crate) fn is_passing(self) -> bool {
        matches!(
            self,
            Self::Refused(Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::IO)
        )
    }
}

// O_NONBLOCK: a FIFO that nobody writes must not hang the worker. O_NOCTTY: nor may a terminal become
// ours. Both mean nothing for regular files.
pub(super) fn flags() -> OFlags {
    OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC
}

pub(super) fn entry(fd: OwnedFd) -> Result<Entry, Absence> {
    match Opened::new(fd) {
        Ok(Some(file)) => Ok(Entry::File(file)),
        Ok(None) => Err(Absence::Missing),
        Err(Errno::ISDIR) => Ok(Entry::Directory),
        Err(error) => Err(Absence::Refused(error)),
    }
}

impl Opened {
    /// What is known of an open file; `None` for what is not regular, `EISDIR` for a directory.
    pub(crate) fn new(fd: OwnedFd) -> rustix::io::Result<Option<Self>> {
        let stat = fstat(&fd)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(Errno::ISDIR),
            FileType::Symlink
            | FileType::Fifo
            | FileType::Socket
            | FileType::CharacterDevice
            | FileType::BlockDevice
            | FileType::Unknown => return Ok(None),
        }
        let nanoseconds = |seconds: i128, rest: i128| seconds * 1_000_000_000 + rest;
        Ok(Some(Self {
            fd,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified_ns: nanoseconds(stat.st_mtime.into(), stat.st_mtime_nsec.into()),
            changed_ns: nanoseconds(stat.st_ctime.into(), stat.st_ctime_nsec.into()),
        }))
    }
}
