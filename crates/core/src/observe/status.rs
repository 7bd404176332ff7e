//! What `lictor status --json` prints and `GET /v1/status` answers. Fields are added, never renamed.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{FailureKind, Timestamp};

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The emperor itself.
    pub emperor: EmperorStatus,
    /// All vassals, by name.
    pub vassals: Vec<VassalStatus>,
}

/// The emperor itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmperorStatus {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// When it started.
    pub started_at: Timestamp,
    /// How often the process has become another program, by `lictor upgrade`.
    #[serde(default)]
    pub upgrades: u32,
    /// Why it could not, the last time that was tried.
    #[serde(default)]
    pub upgrade_failure: Option<String>,
    /// What does not work at the moment and needs somebody, although every vassal may be well.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The sources as given on the command line.
    pub sources: Vec<String>,
}

/// Where a vassal stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VassalState {
    /// Nothing serves yet, the first generation comes up.
    Starting,
    /// The newest generation serves.
    Ready,
    /// The old generation serves, a new one comes up.
    Reloading,
    /// The old generation serves, the newest failed.
    Degraded,
    /// Nothing serves; waiting to try again, or for the file to change.
    Backoff,
    /// On demand: no process until the first connection.
    Asleep,
    /// The last generation drains.
    Stopping,
    /// Stopped by `lictor stop`; `lictor start` starts it again.
    Stopped,
}

impl fmt::Display for VassalState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Reloading => "reloading",
            Self::Degraded => "degraded",
            Self::Backoff => "backoff",
            Self::Asleep => "asleep",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        })
    }
}

/// One vassal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VassalStatus {
    /// Stem of the vassal file.
    pub name: String,
    /// The vassal file.
    pub file: String,
    /// Where it stands.
    pub state: VassalState,
    /// The generation that serves, or the newest if none does.
    pub generation: u64,
    /// When it came into this state.
    pub since: Timestamp,
    /// The master of the generation that serves.
    pub pid: Option<u32>,
    /// The version of Python, once known.
    pub python: Option<String>,
    /// `wsgi`, once known.
    pub interface: Option<String>,
    /// How many masters and workers were replaced because they ended on their own.
    pub restarts: u64,
    /// Listening sockets, with the real port where 0 was asked for.
    pub sockets: Vec<SocketStatus>,
    /// Workers of all living generations.
    pub workers: Vec<WorkerStatus>,
    /// How many workers there are to be, where that varies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ScalingStatus>,
    /// Why the newest generation failed, if it did.
    pub error: Option<ErrorStatus>,
    /// Whether it runs by an earlier text of its file, until the file changes again.
    #[serde(default)]
    pub rolled_back: bool,
}

/// How many workers there are to be, where that varies: with `cheaper`, `cheap` or `idle`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScalingStatus {
    /// How many there are to be now; 0 while it sleeps.
    pub workers: u32,
    /// The fewest while it does not sleep.
    pub minimum: u32,
    /// The most.
    pub maximum: u32,
    /// Whether there are none while nobody asks.
    pub sleeps_when_idle: bool,
    /// Why there are so many.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// One listening socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketStatus {
    /// `http`.
    pub protocol: String,
    /// Where it listens.
    pub address: String,
}

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkerState {
    /// Importing or waiting for the word to serve.
    Starting,
    /// Waiting for connections.
    Idle,
    /// In a request.
    Busy,
    /// Leaving.
    Draining,
}

impl fmt::Display for WorkerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Draining => "draining",
        })
    }
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its slot, from 1.
    pub id: u32,
    /// Its process id.
    pub pid: u32,
    /// The generation it belongs to.
    pub generation: u64,
    /// What it is doing.
    pub state: WorkerState,
    /// Requests answered.
    pub requests: u64,
    /// Requests that ended in an exception or a cut connection.
    pub errors: u64,
    /// Resident memory in bytes.
    pub rss: u64,
    /// When it was started.
    pub since: Timestamp,
}

/// Why the newest generation failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorStatus {
    /// The generation that failed.
    pub generation: u64,
    /// When.
    pub at: Timestamp,
    /// The family of the failure.
    pub kind: FailureKind,
    /// One sentence.
    pub message: String,
    /// The traceback or the annotated file.
    pub detail: String,
}
