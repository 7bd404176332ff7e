//! `touch-reload`: files watched by the master, because only it may look where the tenant may.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

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
}

impl Touch {
    /// Watches the directories of these files; none if there is nothing to watch, or no way to.
    pub(super) fn watch(files: &[PathBuf]) -> Option<Self> {
        if files.is_empty() {
            return None;
        }
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok()?;
        // The directory, not the file: editors and deploys replace files.
        let interesting = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_CREATE;
        for directory in files.iter().filter_map(|file| file.parent()) {
            // A directory that is not there cannot be watched; its files are never touched.
            let _ = inotify.add_watch(directory, interesting);
        }
        let files = files
            .iter()
            .map(|file| (file.clone(), identity(file)))
            .collect();
        Some(Self { inotify, files })
    }

    /// The files that were touched since the last look.
    pub(super) fn touched(&mut self) -> Vec<PathBuf> {
        while self
            .inotify
            .read_events()
            .is_ok_and(|events| !events.is_empty())
        {}
        let mut touched = Vec::new();
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
