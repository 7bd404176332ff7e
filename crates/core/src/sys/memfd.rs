//! Files without a name, which nobody can change once they are written.

use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, OFlags, SealFlags, fcntl_add_seals, fcntl_setfl, memfd_create};
use rustix::io::Errno;

/// A memfd with these bytes, sealed against every change. `is_executable` asks for one that a
/// library can be loaded from, where the kernel distinguishes (`memfd_create(2)`, `MFD_EXEC`).
pub fn sealed_memfd(name: &str, bytes: &[u8], is_executable: bool) -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = if is_executable {
        match memfd_create(name, flags | MemfdFlags::EXEC) {
            // Kernels before 6.3 do not know the flag, and allow it anyway.
            Err(Errno::INVAL) => memfd_create(name, flags)?,
            other => other?,
        }
    } else {
        memfd_create(name, flags)?
    };
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    file.rewind()?;
    let fd = OwnedFd::from(file);
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    fcntl_add_seals(&fd, seals)?;
    Ok(fd)
}

/// An empty memfd whose writers always write at its end.
pub fn scratch_memfd(name: &str) -> io::Result<OwnedFd> {
    let fd = memfd_create(name, MemfdFlags::CLOEXEC)?;
    fcntl_setfl(&fd, OFlags::APPEND)?;
    Ok(fd)
}

/// The bytes of a file without a name, at most `limit_bytes`, read without moving its position: the file is
/// shared with whoever gave it.
pub fn read_memfd(fd: OwnedFd, limit_bytes: u64) -> io::Result<(Vec<u8>, OwnedFd)> {
    let file = File::from(fd);
    let length = file.metadata()?.len();
    if length > limit_bytes {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok((bytes, file.into()))
}

/// The path under which this process can open a descriptor of its own again.
pub fn open_path_of(fd: &impl AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}
