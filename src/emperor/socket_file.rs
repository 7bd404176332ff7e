//! The place of a unix socket in the file system, held by its directory.
//!
//! The directory may be a tenant's, who can put a link in its place at any moment. It is opened
//! once, and all that is looked at, made, renamed and removed is so within what was opened: nothing
//! can lie in one directory when it is judged and in another when it is replaced.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use lictor_core::sys::open_path_of;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use super::bind::Owner;

/// What stands under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Nothing,
    Socket,
    Other,
}

/// A name in a directory that is held open.
#[derive(Debug)]
pub(super) struct SocketFile {
    directory: OwnedFd,
    name: OsString,
}

impl SocketFile {
    /// Opens the directory of `path`.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
        let directory = path.parent().unwrap_or(Path::new("/"));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self {
            directory: rustix::fs::open(directory, flags, Mode::empty())?,
            name: name.to_owned(),
        })
    }

    /// A path to it that leads through the held directory, and is short: the address of a socket
    /// has at most 107 bytes (`unix(7)`).
    pub(super) fn short_path(&self) -> PathBuf {
        open_path_of(&self.directory).join(&self.name)
    }

    /// What stands there.
    pub(super) fn standing(&self) -> Standing {
        match self.status() {
            Err(_) => Standing::Nothing,
            Ok(status) if is_socket(&status) => Standing::Socket,
            Ok(_) => Standing::Other,
        }
    }

    /// Device and inode of what stands there.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        let status = self.status().ok()?;
        Some((status.st_dev, status.st_ino))
    }

    /// A name of our own beside it, with nothing there.
    pub(super) fn beside(&self) -> io::Result<Self> {
        let name = self.name.to_string_lossy();
        let own = Self {
            directory: self.directory.try_clone()?,
            name: format!(".{name}.{}", std::process::id()).into(),
        };
        own.remove()?;
        Ok(own)
    }

    /// Removes what stands there.
    pub(super) fn remove(&self) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.directory, &self.name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the place of `other`, in one step.
    pub(super) fn replace(&self, other: &Self) -> io::Result<()> {
        Ok(rustix::fs::renameat(
            &self.directory,
            &self.name,
            &other.directory,
            &other.name,
        )?)
    }

    /// Changes the owner of the socket file, and of nothing that was put in its place.
    pub(super) fn give_to(&self, owner: Owner) -> io::Result<()> {
        if owner.uid.is_none() && owner.gid.is_none() {
            return Ok(());
        }
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.directory, &self.name, flags, Mode::empty())?;
        let status = rustix::fs::fstat(&file)?;
        let is_ours = is_socket(&status)
            && status.st_uid == rustix::process::geteuid().as_raw()
            && status.st_nlink == 1;
        if !is_ours {
            return Err(io::Error::other("somebody exchanged the new socket file"));
        }
        let (uid, gid) = (owner.uid.map(Uid::from_raw), owner.gid.map(Gid::from_raw));
        Ok(rustix::fs::chownat(
            &file,
            "",
            uid,
            gid,
            AtFlags::EMPTY_PATH,
        )?)
    }

    /// Gives the socket that was made here another mode and owner; anything else that stands there
    /// stays as it is.
    pub(super) fn adjust(&self, identity: (u64, u64), mode: u32, owner: Owner) -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(&self.directory, &self.name, flags, Mode::empty())?;
        let status = rustix::fs::fstat(&file)?;
        if (status.st_dev, status.st_ino) != identity {
            return Ok(());
        }
        let own = rustix::process::geteuid();
        let uid = owner.uid.map_or(own, Uid::from_raw);
        let gid = owner.gid.map_or(rustix::process::getegid(), Gid::from_raw);
        rustix::fs::chownat(&file, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?;
        // fchmod(2) does not take such a descriptor, but its path does.
        Ok(rustix::fs::chmod(
            open_path_of(&file),
            Mode::from_raw_mode(mode),
        )?)
    }

    fn status(&self) -> rustix::io::Result<rustix::fs::Stat> {
        rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW)
    }
}

fn is_socket(status: &rustix::fs::Stat) -> bool {
    FileType::from_raw_mode(status.st_mode) == FileType::Socket
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_directory_that_is_exchanged_for_a_link_is_not_left() {
        let dir = tempfile::tempdir().unwrap();
        let (run, elsewhere) = (dir.path().join("run"), dir.path().join("elsewhere"));
        for directory in [&run, &elsewhere] {
            std::fs::create_dir(directory).unwrap();
            std::fs::write(directory.join("passwd"), "").unwrap();
        }
        let file = SocketFile::at(&run.join("passwd")).unwrap();
        assert_eq!(file.standing(), Standing::Other);
        std::fs::rename(&run, dir.path().join("aside")).unwrap();
        symlink(&elsewhere, &run).unwrap();
        file.remove().unwrap();
        assert_eq!(file.standing(), Standing::Nothing);
        assert!(elsewhere.join("passwd").exists());
    }
}
