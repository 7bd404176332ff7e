//! `touch-reload` and `py-autoreload`: files watched by the master, because only it may look where
//! the tenant may.

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// What distinguishes a touched file from an untouched one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    modified: (i64, i64),
}

/// The watched files and how they were when last looked at.
#[derive(Debug)]
pub(super) struct Touch {
    inotify: Inotify,
    files: BTreeMap<PathBuf, Option<Identity>>,
    directories: BTreeSet<PathBuf>,
    /// Changes of added files count from then on.
    since: SystemTime,
    /// Added files that had changed by then.
    changed: Vec<PathBuf>,
}

impl Touch {
    /// Watches the directories of these files; none if there is nothing to watch, or no way to.
    pub(super) fn watch(files: &[PathBuf]) -> Option<Self> {
        if files.is_empty() {
            return None;
        }
        let mut touch = Self::since(SystemTime::now())?;
        for file in files {
            touch.watch_directory(file);
            touch.files.insert(file.clone(), identity(file));
        }
        Some(touch)
    }

    /// Watches nothing yet.
    pub(super) fn since(since: SystemTime) -> Option<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
        Some(Self {
            inotify,
            files: BTreeMap::new(),
            directories: BTreeSet::new(),
            since,
            changed: Vec::new(),
        })
    }

    /// Watches another file. One that was changed meanwhile counts as touched.
    pub(super) fn add(&mut self, file: &Path) {
        if self.files.contains_key(file) {
            return;
        }
        self.watch_directory(file);
        self.files.insert(file.to_owned(), identity(file));
        let modified = std::fs::metadata(file).and_then(|metadata| metadata.modified());
        // A file from the future would be changed for ever.
        if modified.is_ok_and(|at| at > self.since && at <= SystemTime::now()) {
            self.changed.push(file.to_owned());
        }
    }

    fn watch_directory(&mut self, file: &Path) {
        // The directory, not the file: editors and deploys replace files.
        let interesting = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_CREATE;
        if let Some(directory) = file.parent()
            && self.directories.insert(directory.to_owned())
        {
            // A directory that is not there cannot be watched; its files are never touched.
            let _ = self.inotify.add_watch(directory, interesting);
        }
    }

    /// The files that were touched since the last look.
    pub(super) fn touched(&mut self) -> Vec<PathBuf> {
        let mut touched = std::mem::take(&mut self.changed);
        let mut has_heard = false;
        while self
            .inotify
            .read_events()
            .is_ok_and(|events| !events.is_empty())
        {
            has_heard = true;
        }
        if !has_heard {
            return touched;
        }
        for (file, before) in &mut self.files {
            let now = identity(file);
            if now != *before && now.is_some() {
                touched.push(file.clone());
            }
            *before = now;
        }
        touched
    }
}

impl AsFd for Touch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

fn identity(file: &Path) -> Option<Identity> {
    let metadata = std::fs::metadata(file).ok()?;
    Some(Identity {
        device: metadata.dev(),
        inode: metadata.ino(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    })
}
