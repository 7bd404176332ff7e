//! A log file: opened by its name, written to, put aside.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use lictor_core::config::LogRotation;
use rustix::fs::{FlockOperation, OFlags, flock};

use super::backups::{backup_name, surplus};

/// How often it is seen whether the name still leads to the file.
const LOOK: Duration = Duration::from_secs(1);
/// How long nothing is tried again after a rotation that failed.
const PAUSE: Duration = Duration::from_mins(1);
/// Backups that are kept where nothing is said.
const KEPT: u32 = 10;

/// A log file.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    rotation: LogRotation,
    mode: Option<u32>,
    file: Option<File>,
    looked_at: Instant,
    /// After a rotation that failed.
    paused_until: Option<Instant>,
}

impl LogFile {
    pub(super) fn new(path: &Path, rotation: LogRotation, mode: Option<u32>) -> Self {
        Self {
            path: path.to_owned(),
            rotation,
            mode,
            file: None,
            looked_at: Instant::now(),
            paused_until: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends whole lines, and puts the file aside if it has become too large.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let now = Instant::now();
        if now.duration_since(self.looked_at) >= LOOK {
            self.looked_at = now;
            self.look();
        }
        self.opened()?.write_all(lines)?;
        let is_full = self
            .rotation
            .max_bytes
            .is_some_and(|limit| self.size() >= limit);
        if is_full && self.paused_until.is_none_or(|until| now >= until) {
            self.paused_until = None;
            return self
                .rotate()
                .inspect_err(|_| self.paused_until = Some(now + PAUSE));
        }
        Ok(())
    }

    /// To be opened anew with the next line.
    pub(super) fn reopen(&mut self) {
        self.file = None;
    }

    /// Puts the file aside, unless it is empty.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        self.opened()?;
        let Some(file) = self.file.take() else {
            return Ok(());
        };
        let metadata = file.metadata()?;
        if metadata.len() == 0 || !metadata.is_file() {
            self.file = Some(file);
            return Ok(());
        }
        // The generation before this one may be about the same: who has the lock, and finds the name
        // still leading to the file, does it. It ends with the file.
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() || !self.is_there(&file)
        {
            return Ok(());
        }
        let outcome = self.put_aside();
        if outcome.is_err() {
            self.file = Some(file);
        }
        outcome
    }

    fn put_aside(&self) -> io::Result<()> {
        if let Some(backup) = &self.rotation.backup_name {
            return std::fs::rename(&self.path, backup);
        }
        let (Some(directory), Some(name)) = (
            self.path.parent(),
            self.path.file_name().and_then(|name| name.to_str()),
        ) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = since_1970.unwrap_or_default().as_secs();
        let mut present = names(directory)?;
        let backup = backup_name(name, present.iter().map(String::as_str), seconds);
        std::fs::rename(&self.path, directory.join(&backup))?;
        present.push(backup);
        let kept = usize::try_from(self.rotation.backups.unwrap_or(KEPT)).unwrap_or(usize::MAX);
        for file in surplus(name, present.iter().map(String::as_str), kept) {
            std::fs::remove_file(directory.join(file))?;
        }
        Ok(())
    }

    fn opened(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            self.file = Some(open(&self.path, self.mode)?);
        }
        self.file
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn size(&self) -> u64 {
        let metadata = self.file.as_ref().and_then(|file| file.metadata().ok());
        metadata.map_or(0, |metadata| metadata.len())
    }

    /// Lets go of a file that was renamed or removed.
    fn look(&mut self) {
        let is_gone = |file: &File| !self.is_there(file);
        if self.file.as_ref().is_some_and(is_gone) {
            self.file = None;
        }
    }

    fn is_there(&self, file: &File) -> bool {
        let (Ok(open), Ok(named)) = (file.metadata(), std::fs::metadata(&self.path)) else {
            return false;
        };
        (open.dev(), open.ino()) == (named.dev(), named.ino())
    }
}

/// The names of the files in a directory.
fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = std::fs::read_dir(directory)?;
    Ok(entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect())
}

/// Opens a log file for appending. What is no file must not keep the writer waiting.
fn open(path: &Path, mode: Option<u32>) -> io::Result<File> {
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(mode.unwrap_or(0o640))
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)?;
    if let Some(mode) = mode {
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    Ok(file)
}
