//! What the next emperor must know, in the run directory: a record for each vassal, and a socket
//! for each of its masters.
//!
//! Only the emperor's own user can write there, so that a record is the emperor's word: which
//! process is the master of which generation, what its file was like, which sockets are its own.
//! What the masters say is checked against it. A record that cannot be read is as good as none.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lictor_core::config::Address;
use lictor_core::ipc::{Channel, bind_meeting, knock};
use lictor_core::observe::ErrorStatus;
use lictor_core::sys::read_bounded;
use serde::{Deserialize, Serialize};

use super::bind::Owner;
use super::generation::Terms;
use super::kept::{FileText, KeptTexts};
use super::snapshot::Identity;
use super::socket_file::SocketFile;

/// The version of the records; those of another version are not read.
const FORMAT: u32 = 1;
/// Largest record: that of a vassal with hundreds of sockets and with the largest files there can
/// be, three of them kept and every character escaped, is below it.
const RECORD_LIMIT_BYTES: u64 = 24 * 1024 * 1024;
/// Name of the directory in the run directory.
const DIRECTORY: &str = "vassals";
/// Name of the record of a vassal in its directory there.
const RECORD: &str = "record.json";
/// What a file takes up is a multiple of it.
const BLOCK_BYTES: u64 = 4096;

/// One vassal, as it was left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a field of the document"
)]
pub(super) struct Record {
    pub(super) format: u32,
    /// Processes and their numbers are of this boot only.
    pub(super) boot_id: String,
    pub(super) file: PathBuf,
    /// The source that it comes from, as it was typed.
    pub(super) source: String,
    /// How the file was when it was read last.
    pub(super) identity: Identity,
    pub(super) hash: Option<u64>,
    /// How the file is, also while a generation comes up and `identity` has it count as changed.
    #[serde(default)]
    pub(super) seen: Option<Identity>,
    /// The generation number given out last.
    pub(super) newest: u64,
    pub(super) is_stopped: bool,
    /// Nothing was to run until a connection came.
    #[serde(default)]
    pub(super) is_asleep: bool,
    pub(super) restarts: u64,
    pub(super) error: Option<ErrorStatus>,
    /// What a rollback can go back to.
    #[serde(default)]
    pub(super) kept: KeptTexts,
    /// What it has gone back to, until its file changes.
    #[serde(default)]
    pub(super) rolled_back: Option<Arc<FileText>>,
    /// That was by itself, because the newest file had failed and nothing served.
    #[serde(default)]
    pub(super) has_fallen_back: bool,
    /// A generation has served since it was stopped last.
    #[serde(default)]
    pub(super) has_served: bool,
    pub(super) generations: Vec<GenerationRecord>,
    pub(super) sockets: Vec<SocketRecord>,
}

/// Where a generation stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Stage {
    Coming,
    Serving,
    Leaving,
}

/// One generation of a [`Record`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GenerationRecord {
    pub(super) number: u64,
    pub(super) stage: Stage,
    pub(super) pid: u32,
    /// With the number, what no other process has (`proc_pid_stat(5)`, `starttime`).
    pub(super) start_ticks: u64,
    pub(super) terms: Terms,
}

/// One listening socket of a [`Record`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SocketRecord {
    /// What the file asks for, and the how many-th of its kind it is.
    pub(super) wanted: (Address, usize),
    /// The real address.
    pub(super) address: Address,
    pub(super) owner: Owner,
    pub(super) mode: u32,
    /// Device and inode of the socket file.
    pub(super) file: Option<(u64, u64)>,
}

/// The records of a run directory.
#[derive(Clone, Debug)]
pub(super) struct Records {
    directory: PathBuf,
}

impl Records {
    /// In a run directory that is held.
    pub(super) fn at(run_dir: &Path) -> io::Result<Self> {
        let directory = run_dir.join(DIRECTORY);
        make_private(&directory)?;
        Ok(Self { directory })
    }

    /// All that can be read, by vassal name.
    pub(super) fn read_all(&self) -> Vec<(String, Record)> {
        let Ok(entries) = std::fs::read_dir(&self.directory) else {
            return Vec::new();
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names
            .filter_map(|name| {
                let record = self.read(&name);
                if record.is_none() {
                    self.forget(&name);
                }
                Some((name, record?))
            })
            .collect()
    }

    fn read(&self, name: &str) -> Option<Record> {
        let bytes = read_bounded(&self.directory.join(name).join(RECORD), RECORD_LIMIT_BYTES);
        let record: Record = serde_json::from_slice(&bytes.ok()?).ok()?;
        (record.format == FORMAT).then_some(record)
    }

    /// Replaces the record of a vassal in one step: whoever reads it finds the old or the new. Where
    /// there is no room for both, the new one takes the room of the old one, which is of no use any
    /// more: by it, a master would not be found.
    pub(super) fn write(&self, name: &str, record: &[u8]) -> io::Result<()> {
        let directory = self.directory.join(name);
        make_private(&directory)?;
        let (fresh, place) = (directory.join(".record.new"), directory.join(RECORD));
        let replaced = write_new(&fresh, record).and_then(|()| std::fs::rename(&fresh, &place));
        replaced.or_else(|error| {
            drop(std::fs::remove_file(&fresh));
            write_over(&place, record).map_err(|_also| error)
        })
    }

    /// Whether a vassal has a record.
    pub(super) fn has(&self, name: &str) -> bool {
        self.directory.join(name).join(RECORD).exists()
    }

    /// Nothing of the vassal is left.
    pub(super) fn forget(&self, name: &str) {
        // What stays is replaced by whoever has the name next.
        drop(std::fs::remove_dir_all(self.directory.join(name)));
    }

    /// The socket at which the master of this generation will be found.
    pub(super) fn bind_meeting(&self, name: &str, generation: u64) -> io::Result<OwnedFd> {
        make_private(&self.directory.join(name))?;
        let place = self.meeting(name, generation)?;
        place.remove()?;
        bind_meeting(&place.short_path())
    }

    /// A lock of this vassal, opened anew, made if it is not there.
    pub(super) fn open_lock(&self, name: &str, lock: &str) -> io::Result<OwnedFd> {
        let directory = self.directory.join(name);
        make_private(&directory)?;
        let mut options = File::options();
        let file = options.read(true).append(true).create(true).mode(0o600);
        let path = directory.join(lock);
        file.open(&path)?;
        Ok(File::open(path)?.into())
    }

    /// The master of this generation is gone.
    pub(super) fn close_meeting(&self, name: &str, generation: u64) {
        if let Ok(place) = self.meeting(name, generation) {
            drop(place.remove());
        }
    }

    /// Removes the sockets of masters that ended while nobody was told, all but these.
    pub(super) fn keep_meetings(&self, name: &str, living: &[u64]) {
        let entries = std::fs::read_dir(self.directory.join(name));
        for entry in entries.into_iter().flatten().flatten() {
            let name = entry.file_name().into_string().unwrap_or_default();
            let generation = name.strip_suffix(".sock").map(str::parse::<u64>);
            let is_living = |number| living.contains(&number);
            if generation.is_some_and(|number| !number.is_ok_and(is_living)) {
                drop(std::fs::remove_file(entry.path()));
            }
        }
    }

    /// Knocks at the master of this generation; gives the channel, and who answers.
    pub(super) fn knock(&self, name: &str, generation: u64) -> io::Result<(Channel, u32)> {
        knock(&self.meeting(name, generation)?.short_path())
    }

    fn meeting(&self, name: &str, generation: u64) -> io::Result<SocketFile> {
        SocketFile::at(&self.directory.join(name).join(format!("{generation}.sock")))
    }
}

impl SocketRecord {
    /// Removes the socket file, if it still is the one that was made for it.
    pub(super) fn remove_file(&self) {
        if let (Address::Unix(path), Some(_)) = (&self.address, self.file)
            && let Ok(file) = SocketFile::at(path)
            && file.identity() == self.file
        {
            drop(file.remove());
        }
    }
}

impl Record {
    /// The version of records that this emperor writes.
    pub(super) const FORMAT: u32 = FORMAT;

    /// Whether a generation was coming up, which the next emperor begins again.
    pub(super) fn had_begun(&self) -> bool {
        self.seen.is_some_and(|seen| seen != self.identity)
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    options.create(true).truncate(true).write(true).mode(0o600);
    options.open(path)?.write_all(bytes)
}

/// Only where it needs no further room, so that it cannot end half-way.
fn write_over(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().write(true).open(path)?;
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if length > file.metadata()?.len().next_multiple_of(BLOCK_BYTES) {
        return Err(io::ErrorKind::StorageFull.into());
    }
    file.write_all(bytes)?;
    file.set_len(length)
}

/// Those above it too: somebody may have cleaned up.
fn make_private(directory: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_room_a_record_takes_the_place_of_the_one_before() {
        let run_dir = tempfile::tempdir().unwrap();
        let records = Records::at(run_dir.path()).unwrap();
        let place = run_dir.path().join("vassals/blog/record.json");
        // Nothing can be written beside it.
        std::fs::create_dir_all(place.with_file_name(".record.new")).unwrap();
        records.write("blog", b"none before").unwrap_err();
        assert!(!place.exists());
        std::fs::write(&place, "a longer one").unwrap();
        let there_is = || read_bounded(&place, RECORD_LIMIT_BYTES).unwrap();
        for text in ["short", "a longer one again"] {
            records.write("blog", text.as_bytes()).unwrap();
            assert_eq!(there_is(), text.as_bytes());
        }
        records.write("blog", &[b'x'; 4097]).unwrap_err();
        assert_eq!(there_is(), b"a longer one again");
    }
}
