//! What the sources hold at one moment, and how it differs from the moment before: pure but for the
//! one `stat` of each file.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use lictor_core::config::NameFault;
use serde::{Deserialize, Serialize};

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    modified: (i64, i64),
    /// Also moves when only the content was put back under the old time.
    changed: (i64, i64),
    size: u64,
}

impl Identity {
    /// Of what has no file, and so never changes; of a file that must count as changed.
    pub(super) const FILELESS: Self = Self {
        device: 0,
        inode: 0,
        modified: (0, 0),
        changed: (0, 0),
        size: 0,
    };

    /// Of the file behind the path, links followed.
    pub(super) fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            size: metadata.size(),
        })
    }

    /// The time of the last change, in seconds of the epoch.
    pub(super) fn modified_at(&self) -> u64 {
        u64::try_from(self.modified.0).unwrap_or_default()
    }

    /// Whether the difference alone means a reload: another file, or a touch. A mere change of
    /// mode or owner does not; the content then decides.
    pub(super) fn was_touched_since(&self, before: &Self) -> bool {
        (self.device, self.inode, self.modified) != (before.device, before.inode, before.modified)
    }
}

/// A hash of a file's content, to see whether it changed.
pub(super) fn content_hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// The vassal files there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// By vassal name.
    pub(super) vassals: BTreeMap<String, Found>,
    /// Files that would be vassals if they were called otherwise.
    pub(super) refused: BTreeMap<PathBuf, NameFault>,
}

/// The file or files of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The file that stands for the vassal.
    pub(super) path: PathBuf,
    /// How it is.
    pub(super) identity: Identity,
    /// Which of the sources it comes from.
    pub(super) source: usize,
    /// Another file of the same name: an error until one of them is gone.
    pub(super) rival: Option<PathBuf>,
}

impl Found {
    pub(super) fn new(path: PathBuf, identity: Identity, source: usize) -> Self {
        Self {
            path,
            identity,
            source,
            rival: None,
        }
    }
}

/// The difference of two snapshots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// A new name.
    Added(String),
    /// Touched, replaced, or possibly changed.
    Changed(String),
    /// No longer there.
    Removed(String),
}

/// What changed from `before` to `now`.
pub(super) fn changes(before: &Snapshot, now: &Snapshot) -> Vec<Change> {
    let removed = before
        .vassals
        .keys()
        .filter(|name| !now.vassals.contains_key(*name))
        .map(|name| Change::Removed(name.clone()));
    let rest = now
        .vassals
        .iter()
        .filter_map(|(name, found)| match before.vassals.get(name) {
            None => Some(Change::Added(name.clone())),
            Some(old) if old != found => Some(Change::Changed(name.clone())),
            Some(_) => None,
        });
    removed.chain(rest).collect()
}

impl Snapshot {
    /// Adds an app that the command line alone describes.
    pub(super) fn add_fileless(&mut self, name: String, path: PathBuf, source: usize) {
        let found = Found::new(path, Identity::FILELESS, source);
        self.vassals.insert(name, found);
    }

    /// Adds a file. Of two with one name the one that `running` names stands, else the first.
    pub(super) fn add(
        &mut self,
        name: String,
        path: PathBuf,
        source: usize,
        running: Option<&Path>,
    ) {
        if let Some(identity) = Identity::of(&path) {
            self.insert(name, Found::new(path, identity, source), running);
        }
    }

    /// Adds what a source found.
    pub(super) fn insert(&mut self, name: String, new: Found, running: Option<&Path>) {
        match self.vassals.get_mut(&name) {
            None => {
                self.vassals.insert(name, new);
            }
            Some(found) if found.path == new.path => {}
            Some(found) if running == Some(new.path.as_path()) => {
                let rival = std::mem::replace(found, new).path;
                found.rival = Some(rival);
            }
            Some(found) => found.rival = Some(new.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn identity(inode: u64) -> Identity {
        Identity {
            device: 1,
            inode,
            modified: (2, 3),
            changed: (4, 5),
            size: 6,
        }
    }

    fn snapshot(names: &BTreeMap<String, u64>) -> Snapshot {
        let vassals = names.iter().map(|(name, inode)| {
            let path = PathBuf::from(name);
            (name.clone(), Found::new(path, identity(*inode), 0))
        });
        Snapshot {
            vassals: vassals.collect(),
            ..Snapshot::default()
        }
    }

    proptest! {
        #[test]
        fn changes_applied_to_before_give_now(
            before in proptest::collection::btree_map("[a-e]", 0u64..3, 0..5),
            now in proptest::collection::btree_map("[a-e]", 0u64..3, 0..5),
        ) {
            let (before, now) = (snapshot(&before), snapshot(&now));
            let mut applied = before.clone();
            for change in changes(&before, &now) {
                match change {
                    Change::Removed(name) => { prop_assert!(applied.vassals.remove(&name).is_some()); }
                    Change::Added(name) => {
                        let old = applied.vassals.insert(name.clone(), now.vassals[&name].clone());
                        prop_assert!(old.is_none());
                    }
                    Change::Changed(name) => {
                        let old = applied.vassals.insert(name.clone(), now.vassals[&name].clone());
                        prop_assert!(old.is_some());
                    }
                }
            }
            prop_assert_eq!(applied, now);
        }
    }

    #[test]
    fn of_two_files_with_one_name_the_running_one_stands() {
        let dir = tempfile::tempdir().unwrap();
        let (toml, yaml) = (dir.path().join("blog.toml"), dir.path().join("blog.yaml"));
        std::fs::write(&toml, "").unwrap();
        std::fs::write(&yaml, "").unwrap();
        let mut now = Snapshot::default();
        now.add("blog".into(), toml.clone(), 0, Some(&yaml));
        now.add("blog".into(), yaml.clone(), 0, Some(&yaml));
        let found = &now.vassals["blog"];
        assert_eq!((&found.path, &found.rival), (&yaml, &Some(toml)));
    }

    #[test]
    fn a_change_of_mode_is_no_touch_and_an_older_time_is_one() {
        let now = identity(1);
        assert!(
            !Identity {
                changed: (9, 9),
                ..now
            }
            .was_touched_since(&now)
        );
        assert!(
            Identity {
                modified: (1, 0),
                ..now
            }
            .was_touched_since(&now)
        );
    }
}
