//! Opening a file below a directory, wherever its links lead.
//!
//! openat2(2) has the kernel see to it that no step leaves the directory. Where a link leads out of
//! it, or the kernel is older than 5.6, the file is opened as it is and asked where it lies: what is
//! looked at is then the very file that would be sent, so nobody can change the path in between.

pub(crate) mod entry;

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, open, openat, openat2, readlinkat};
use rustix::io::Errno;

pub(crate) use self::entry::{Absence, Entry, open_path};
use self::entry::{absence, entry, flags};

/// How often a path that is being renamed is tried.
const ATTEMPTS: usize = 4;

/// A directory, or one file, that was named by whoever wrote the vassal file.
#[derive(Debug)]
pub(crate) struct Root<'r> {
    path: &'r Path,
    fd: OwnedFd,
    safe: &'r [PathBuf],
}

impl<'r> Root<'r> {
    /// Opened anew for each request: a release may have been put in its place.
    pub(crate) fn open(path: &'r Path, safe: &'r [PathBuf]) -> Result<Self, Absence> {
        let fd = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
        let fd = fd.map_err(Absence::Refused)?;
        Ok(Self { path, fd, safe })
    }

    /// What lies at a clean name below it; at an empty one it is itself asked for.
    pub(crate) fn look(&self, name: &[u8]) -> Result<Entry, Absence> {
        if name.is_empty() {
            return open_path(self.path);
        }
        let name = OsStr::from_bytes(name);
        match self.open_below(name) {
            Ok(fd) => entry(fd),
            Err(Errno::XDEV) => self.look_where_it_lies(name, self.safe),
            // An old kernel, or a sandbox that does not know the call.
            Err(Errno::NOSYS | Errno::PERM) => {
                self.look_where_it_lies(name, &[&[self.path.to_owned()], self.safe].concat())
            }
            Err(error) => Err(absence(error)),
        }
    }

    /// What lies beside such a name, with a suffix.
    pub(crate) fn beside(&self, name: &[u8], suffix: &str) -> Result<Entry, Absence> {
        if !name.is_empty() {
            return self.look(&[name, suffix.as_bytes()].concat());
        }
        let path = [self.path.as_os_str().as_bytes(), suffix.as_bytes()].concat();
        open_path(Path::new(OsStr::from_bytes(&path)))
    }

    /// Its own path.
    pub(crate) fn path(&self) -> &[u8] {
        self.path.as_os_str().as_bytes()
    }

    fn open_below(&self, name: &OsStr) -> rustix::io::Result<OwnedFd> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let mut last = Errno::AGAIN;
        for _ in 0..ATTEMPTS {
            match openat2(&self.fd, name, flags(), Mode::empty(), resolve) {
                // Something on the way was renamed, or a signal came.
                Err(error @ (Errno::AGAIN | Errno::INTR)) => last = error,
                other => return other,
            }
        }
        Err(last)
    }

    /// Follows every link, and looks where the file lies.
    fn look_where_it_lies(&self, name: &OsStr, roots: &[PathBuf]) -> Result<Entry, Absence> {
        if roots.is_empty() {
            return Err(Absence::Outside);
        }
        let fd = openat(&self.fd, name, flags(), Mode::empty()).map_err(absence)?;
        let place = place_of(fd.as_fd()).ok_or(Absence::Outside)?;
        let is_allowed = roots
            .iter()
            .filter_map(|root| std::fs::canonicalize(root).ok())
            .any(|root| place.starts_with(root));
        if !is_allowed {
            return Err(Absence::Outside);
        }
        entry(fd)
    }
}

/// The absolute path of an open file, all links resolved.
fn place_of(fd: BorrowedFd<'_>) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let place = readlinkat(CWD, link, Vec::new()).ok()?;
    let place = PathBuf::from(OsString::from_vec(place.into_bytes()));
    place.is_absolute().then_some(place)
}

#[cfg(test)]
mod tests;
