//! What an emperor hands down to the program that it becomes.
//!
//! A document in a sealed memfd, whose number stands in the environment, names the descriptors.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};

use lictor_core::sys::{adopt, keep_across_exec, read_memfd, sealed_memfd};
use serde::{Deserialize, Serialize};

use crate::emperor::bind::Bound;
use crate::emperor::record::SocketRecord;

/// The variable with the number of the document.
const VARIABLE: &str = "LICTOR_INHERITED";
/// The version of the document.
const FORMAT: u32 = 1;
/// Hundreds of vassals with some sockets each are far below it.
const DOCUMENT_LIMIT_BYTES: u64 = 64 * 1024 * 1024;

/// The descriptors can be taken over once only.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// What is handed down.
#[derive(Debug)]
pub(in crate::emperor) struct Inheritance {
    /// The lock of the run directory.
    pub(in crate::emperor) lock: OwnedFd,
    pub(in crate::emperor) control: OwnedFd,
    /// Soft limit of open files that apps get.
    pub(in crate::emperor) open_files: Option<u64>,
    /// How the emperor was started, its name aside.
    pub(in crate::emperor) arguments: Vec<OsString>,
    /// How often this process has become another program.
    pub(in crate::emperor) upgrades: u32,
    pub(in crate::emperor) from: String,
    /// Why the program that should have followed did not, if this is the old one again.
    pub(in crate::emperor) failure: Option<String>,
    pub(in crate::emperor) sockets: BTreeMap<String, Vec<(SocketRecord, OwnedFd)>>,
}

/// What was handed down to this process, and the program that it was before.
#[derive(Debug)]
pub(in crate::emperor) struct Inherited {
    pub(in crate::emperor) inheritance: Inheritance,
    pub(in crate::emperor) previous: Option<OwnedFd>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Document {
    format: u32,
    /// Whoever inherits the environment of the emperor is not meant.
    pid: u32,
    lock: i32,
    control: i32,
    previous: Option<i32>,
    open_files: Option<u64>,
    arguments: Vec<OsString>,
    upgrades: u32,
    from: String,
    failure: Option<String>,
    sockets: BTreeMap<String, Vec<(SocketRecord, i32)>>,
}

impl Inheritance {
    /// The version of what is handed down.
    pub(super) const FORMAT: u32 = FORMAT;

    /// The same with descriptors of its own.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        let mut sockets = BTreeMap::new();
        for (name, held) in &self.sockets {
            let cloned = held
                .iter()
                .map(|(record, fd)| Ok((record.clone(), fd.try_clone()?)));
            sockets.insert(name.clone(), cloned.collect::<io::Result<_>>()?);
        }
        Ok(Self {
            lock: self.lock.try_clone()?,
            control: self.control.try_clone()?,
            open_files: self.open_files,
            arguments: self.arguments.clone(),
            upgrades: self.upgrades,
            from: self.from.clone(),
            failure: self.failure.clone(),
            sockets,
        })
    }

    /// Lays everything out for the exec; gives the variable, and the document to be held until then.
    pub(super) fn lay_out(
        &self,
        previous: Option<&OwnedFd>,
    ) -> io::Result<((&'static str, String), OwnedFd)> {
        let mut sockets = BTreeMap::new();
        for (name, held) in &self.sockets {
            let numbered = held
                .iter()
                .map(|(record, fd)| Ok((record.clone(), keep_across_exec(fd)?)));
            sockets.insert(name.clone(), numbered.collect::<io::Result<_>>()?);
        }
        let document = Document {
            format: FORMAT,
            pid: std::process::id(),
            lock: keep_across_exec(&self.lock)?,
            control: keep_across_exec(&self.control)?,
            previous: previous.map(keep_across_exec).transpose()?,
            open_files: self.open_files,
            arguments: self.arguments.clone(),
            upgrades: self.upgrades,
            from: self.from.clone(),
            failure: self.failure.clone(),
            sockets,
        };
        let bytes = serde_json::to_vec(&document)?;
        let memfd = sealed_memfd("lictor-inheritance", &bytes, false)?;
        let number = keep_across_exec(&memfd)?;
        Ok(((VARIABLE, number.to_string()), memfd))
    }
}

impl Inherited {
    /// What this process was handed down, if it was.
    pub(in crate::emperor) fn take() -> Option<Self> {
        if IS_TAKEN.swap(true, Ordering::Relaxed) {
            return None;
        }
        let number = std::env::var(VARIABLE).ok()?.parse().ok()?;
        let (bytes, _memfd) = read_memfd(adopt(number).ok()?, DOCUMENT_LIMIT_BYTES).ok()?;
        let document: Document = serde_json::from_slice(&bytes).ok()?;
        if document.format != FORMAT || document.pid != std::process::id() {
            return None;
        }
        let mut sockets = BTreeMap::new();
        for (name, held) in document.sockets {
            let taken = held
                .into_iter()
                .filter_map(|(record, number)| Some((record, adopt(number).ok()?)));
            sockets.insert(name, taken.collect());
        }
        Some(Self {
            inheritance: Inheritance {
                lock: adopt(document.lock).ok()?,
                control: adopt(document.control).ok()?,
                open_files: document.open_files,
                arguments: document.arguments,
                upgrades: document.upgrades,
                from: document.from,
                failure: document.failure,
                sockets,
            },
            previous: document.previous.and_then(|number| adopt(number).ok()),
        })
    }
}

impl From<(SocketRecord, OwnedFd)> for Bound {
    fn from((record, fd): (SocketRecord, OwnedFd)) -> Self {
        Self {
            fd,
            address: record.address,
            owner: record.owner,
            mode: record.mode,
            file: record.file,
            kept: None,
        }
    }
}
