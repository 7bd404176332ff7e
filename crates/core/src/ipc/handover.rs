//! What a new master is given: one JSON document in a sealed memfd, beside its descriptors.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::config::{Address, VassalConfig};
use crate::sys::read_memfd;

/// Largest document: a vassal file of 1 MiB, spelt out.
const DOCUMENT_LIMIT_BYTES: u64 = 8 * 1024 * 1024;

/// The document that a master starts from. The emperor fills it; the boot of the master adds
/// [`Handover::hosting`] before the interpreter takes over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handover {
    /// The vassal's name.
    pub vassal: String,
    /// The vassal file, for messages.
    pub file: String,
    /// Which generation this master is.
    pub generation: u64,
    /// The vassal file as a typed value.
    pub config: VassalConfig,
    /// Environment that stands below `env-file` and `env`.
    pub environment: Vec<(String, String)>,
    /// Soft limit of open files that the emperor was started with (it raises its own).
    pub open_files: Option<u64>,
    /// The [`super::PROTOCOL`] that the emperor speaks.
    pub protocol: u32,
    /// How the next emperor finds this master; none if it shall not outlive its emperor. Two
    /// descriptors then stand before those of the listeners: the socket, and the output's pipe.
    #[serde(default)]
    pub adoption: Option<Adoption>,
    /// Locks of which only one generation at a time holds each, for what runs beside the workers;
    /// their numbers once the boot knows. Their descriptors stand before those of the listeners.
    #[serde(default)]
    pub gates: Vec<Option<i32>>,
    /// The memory in which the workers count, which the emperor reads too; none if it could not be
    /// made. Its descriptor then stands right before those of the listeners.
    #[serde(default)]
    pub counters: Option<SharedCounters>,
    /// The listening sockets, in the order of their descriptors.
    pub listeners: Vec<HandoverListener>,
    /// How the interpreter is run; none until the boot knows.
    #[serde(default)]
    pub hosting: Option<Hosting>,
}

/// The descriptors by which a master can be adopted; numbers once the boot knows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    /// A bound `SOCK_SEQPACKET` socket in a directory that only the emperor's user can enter. The
    /// master listens on it.
    pub socket_fd: Option<i32>,
    /// The reading end of the pipe that its processes print to.
    pub output_fd: Option<i32>,
}

/// The descriptor of [`crate::sys::Counters`]; a number once the boot knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedCounters {
    /// A file without a name.
    pub fd: Option<i32>,
}

/// One listening socket of a [`Handover`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverListener {
    /// `http`.
    pub protocol: String,
    /// Where it listens, port 0 resolved.
    pub address: Address,
    /// Descriptor number in the master, once the boot knows.
    #[serde(default)]
    pub fd: Option<i32>,
}

/// What the boot of a master found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hosting {
    /// What is executed to run the interpreter: itself, or Lictor to embed its library.
    pub program: PathBuf,
    /// The arguments, the name of the program first.
    pub arguments: Vec<String>,
    /// `sys.executable` of the app: the virtualenv's `bin/python`, unresolved.
    pub executable: PathBuf,
    /// The shared library to embed; none if the interpreter is executed.
    pub library: Option<PathBuf>,
    /// Descriptor of the channel to the emperor.
    pub channel_fd: i32,
    /// Descriptor of the host library.
    pub host_fd: i32,
    /// Descriptor of this document.
    pub document_fd: i32,
}

impl Handover {
    /// Reads the document; gives its descriptor back, which other processes read again.
    pub fn read(document: OwnedFd) -> io::Result<(Self, OwnedFd)> {
        let (bytes, document) = read_memfd(document, DOCUMENT_LIMIT_BYTES)?;
        Ok((serde_json::from_slice(&bytes)?, document))
    }
}

impl Hosting {
    /// What executes the interpreter, environment aside.
    pub fn command(&self) -> Command {
        let mut arguments = self.arguments.iter();
        let mut command = Command::new(&self.program);
        if let Some(name) = arguments.next() {
            command.arg0(name);
        }
        command.args(arguments);
        command
    }
}
