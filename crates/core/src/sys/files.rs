//! Reading a file that somebody else controls: regular, bounded, never blocking.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub enum FileReadError {
    /// The kernel refused.
    #[error("could not read the file")]
    Io(#[from] io::Error),
    /// A FIFO, a device, a directory.
    #[error("not a regular file")]
    NotRegular,
    /// Too much to be what it should be.
    #[error("larger than {limit_bytes} bytes")]
    TooLarge {
        /// What is allowed.
        limit_bytes: u64,
    },
}

/// Reads a regular file of at most `limit_bytes`.
pub fn read_bounded(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, FileReadError> {
    // O_NONBLOCK: opening a FIFO that nobody writes must not hang.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(FileReadError::NotRegular);
    }
    let mut bytes = Vec::new();
    file.take(limit_bytes + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit_bytes {
        return Err(FileReadError::TooLarge { limit_bytes });
    }
    Ok(bytes)
}
