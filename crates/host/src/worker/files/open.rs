//! Opening a file below a directory, wherever its links lead.
//!
//! openat2(2) has the kernel see to it that no step leaves the directory. Where a link leads out of
//! it, or the kernel is older than 5.6, the file is opened as it is and asked where it lies: what is
//! looked at is then the very file that would be sent, so nobody can change the path in between.

use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    CWD, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat, openat2, readlinkat,
};
use rustix::io::Errno;

/// How often a path that is being renamed is tried.
const ATTEMPTS: usize = 4;

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

/// What lies at a path that is trusted as it is.
pub(crate) fn open_path(path: &Path) -> Result<Entry, Absence> {
    open(path, flags(), Mode::empty())
        .map_err(absence)
        .and_then(entry)
}

fn absence(error: Errno) -> Absence {
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
fn flags() -> OFlags {
    OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC
}

/// The absolute path of an open file, all links resolved.
fn place_of(fd: BorrowedFd<'_>) -> Option<PathBuf> {
    use std::os::fd::AsRawFd;
    let link = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let place = readlinkat(CWD, link, Vec::new()).ok()?;
    let place = PathBuf::from(OsString::from_vec(place.into_bytes()));
    place.is_absolute().then_some(place)
}

fn entry(fd: OwnedFd) -> Result<Entry, Absence> {
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

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::{Path, PathBuf};
    use std::time::UNIX_EPOCH;

    use rustix::fs::{CWD, Mode, fstat, mkfifoat};
    use rustix::io::Errno;

    use super::{Absence, Entry, Root};

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn look(root: &Path, safe: &[PathBuf], name: &str) -> String {
        match Root::open(root, safe).and_then(|root| root.look(name.as_bytes())) {
            Ok(Entry::File(file)) => format!("{} bytes", file.size),
            Ok(Entry::Directory) => "directory".to_owned(),
            Err(absence) => format!("{absence:?}"),
        }
    }

    #[test]
    fn links_do_not_lead_out() {
        let temporary = tempfile::tempdir().unwrap();
        let base = temporary.path();
        let (root, outside) = (base.join("root"), base.join("outside"));
        write(&root.join("dir/a"), "1");
        write(&outside.join("b"), "22");
        for (target, link) in [
            ("dir/a", "inside"),
            ("../outside/b", "out"),
            ("../outside", "dir/up"),
            ("../root/dir/a", "out-and-in"),
            ("nowhere", "dangling"),
            ("loop", "loop"),
        ] {
            symlink(target, root.join(link)).unwrap();
        }
        symlink(outside.join("b"), root.join("absolute")).unwrap();
        mkfifoat(CWD, root.join("fifo"), Mode::RWXU).unwrap();
        let safe = [outside.clone()];
        for (name, expected, with_safe) in [
            ("dir/a", "1 bytes", "1 bytes"),
            ("inside", "1 bytes", "1 bytes"),
            ("dir", "directory", "directory"),
            ("", "directory", "directory"),
            ("out", "Outside", "2 bytes"),
            ("absolute", "Outside", "2 bytes"),
            ("dir/up/b", "Missing", "Missing"),
            ("out-and-in", "Outside", "Outside"),
            ("missing", "Missing", "Missing"),
            ("dir/a/b", "Missing", "Missing"),
            ("dangling", "Missing", "Missing"),
            (
                "loop",
                "Refused(Os { code: 40, kind: FilesystemLoop, message: \"Too many levels of symbolic links\" })",
                "",
            ),
            ("fifo", "Missing", "Missing"),
        ] {
            assert_eq!(look(&root, &[], name), expected, "{name}");
            if !with_safe.is_empty() {
                assert_eq!(look(&root, &safe, name), with_safe, "{name} with safe");
            }
        }
        assert_eq!(look(&root.join("dir/a"), &[], ""), "1 bytes");
        assert_eq!(look(&root.join("dir/a"), &[], "x"), "Missing");
    }

    #[test]
    fn a_file_is_known_and_so_is_what_lies_beside_it() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("a.css");
        write(&path, "123");
        write(&temporary.path().join("a.css.gz"), "12");
        for (root, name) in [(temporary.path(), "a.css"), (&path, "")] {
            let root = Root::open(root, &[]).unwrap();
            assert!(root.path().ends_with(root.path.as_os_str().as_bytes()));
            let Ok(Entry::File(file)) = root.look(name.as_bytes()) else {
                panic!("{name:?}");
            };
            let expected = std::fs::metadata(&path).unwrap();
            let modified = expected.modified().unwrap().duration_since(UNIX_EPOCH);
            let modified = i128::try_from(modified.unwrap().as_nanos()).unwrap();
            assert_eq!(file.modified_ns, modified);
            assert!(file.changed_ns >= modified);
            assert_eq!(fstat(&file.fd).unwrap().st_ino, expected.ino());
            let beside = root.beside(name.as_bytes(), ".gz");
            assert!(matches!(beside, Ok(Entry::File(file)) if file.size == 2));
            assert!(root.beside(name.as_bytes(), ".br").is_err());
        }
        assert!(Absence::Refused(Errno::MFILE).is_passing());
        assert!(!Absence::Refused(Errno::ACCESS).is_passing() && !Absence::Missing.is_passing());
    }

    #[test]
    fn an_old_kernel_is_asked_where_the_file_lies() {
        let temporary = tempfile::tempdir().unwrap();
        let base = temporary.path();
        let root = base.join("root");
        write(&root.join("a"), "1");
        write(&base.join("rooted"), "22");
        symlink("a", root.join("inside")).unwrap();
        symlink("../rooted", root.join("out")).unwrap();
        let opened = Root::open(&root, &[]).unwrap();
        let roots = [root.clone()];
        let look = |name: &str| opened.look_where_it_lies(name.as_ref(), &roots).map(|_| ());
        assert_eq!(look("inside"), Ok(()));
        assert_eq!(look("out"), Err(Absence::Outside));
        assert_eq!(look("missing"), Err(Absence::Missing));
    }
}
