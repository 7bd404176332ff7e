//! Every message between processes, one enum per direction.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::HandoverListener;
use crate::observe::{Failure, ScalingStatus, WorkerStatus};

/// The version of what emperor and master say to each other. A master lives on when the emperor is
/// upgraded, so that an emperor understands every version from 1 to its own, and says to a master
/// nothing that its version does not know.
pub const PROTOCOL: u32 = 1;

/// What the emperor tells a master.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MasterOrder {
    /// The first message; carries no data but descriptors: the handover document, the host
    /// library, then the listeners in the document's order.
    Start,
    /// The first message of a new emperor to a master that it found: be mine from now on. Answered
    /// by [`MasterMessage::Adopted`].
    Adopt {
        /// The emperor's [`PROTOCOL`].
        protocol: u32,
    },
    /// Without overlap, after [`MasterMessage::Loaded`]: the old workers are gone, fork the new.
    ForkWorkers,
    /// Let the workers accept: this generation is the one that serves.
    Serve,
    /// Without overlap: let the workers finish and leave, but keep the app and the sockets.
    /// Answered by [`MasterMessage::Paused`].
    Pause {
        /// How long requests in flight may take.
        deadline: Duration,
    },
    /// After [`MasterOrder::Pause`]: fork workers again and let them serve.
    Resume,
    /// Finish what is in flight and leave; kill after the deadline.
    Drain {
        /// How long requests in flight may take.
        deadline: Duration,
    },
    /// Say how the workers are.
    Report {
        /// Comes back in the answer.
        id: u64,
    },
}

/// What a master tells the emperor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MasterMessage {
    /// The interpreter runs.
    Booted {
        /// Its version, as `3.12.1`.
        python: String,
    },
    /// Answer to [`MasterOrder::Adopt`], with descriptors beside it.
    Adopted(Adopted),
    /// Without overlap: the app is imported; the master waits for [`MasterOrder::ForkWorkers`].
    Loaded,
    /// Every worker can serve and waits for [`MasterOrder::Serve`].
    Ready {
        /// `wsgi`.
        interface: String,
    },
    /// The generation cannot come up; the master ends after this.
    Failed(Failure),
    /// The generation serves, but something about it is not as its file asks.
    Troubled(Failure),
    /// What [`MasterMessage::Troubled`] said is over.
    Mended,
    /// Told to leave, no worker of this generation takes a connection any more.
    Withdrawn,
    /// Answer to [`MasterOrder::Pause`]: no worker is left.
    Paused,
    /// A request took longer than `harakiri`; its worker is being replaced.
    RequestOverdue {
        /// Its slot.
        worker: u32,
        /// Its process id.
        pid: u32,
        /// As in the request line.
        method: String,
        /// Path and query, cut.
        path: String,
        /// How long it had taken.
        age_ms: u64,
        /// Where the thread stood.
        traceback: String,
    },
    /// A worker is being replaced, and serves until its replacement does.
    WorkerRetiring {
        /// Its slot.
        worker: u32,
        /// Its process id.
        pid: u32,
        /// Why, in words: `max-requests`, `it does not answer`.
        reason: String,
    },
    /// With `cheaper`, `cheap` or `idle`: there are to be so many workers from now on.
    Scaled {
        /// How many.
        workers: u32,
        /// Why, in words: `all workers were busy`.
        reason: String,
    },
    /// With `die-on-idle`: nobody has asked anything for long. Told to leave, it does.
    Idle,
    /// A worker was forked.
    WorkerSpawned {
        /// Its slot.
        worker: u32,
        /// Its process id.
        pid: u32,
    },
    /// A worker can serve.
    WorkerReady {
        /// Its slot.
        worker: u32,
        /// Its process id.
        pid: u32,
    },
    /// A worker ended.
    WorkerExited {
        /// Its slot.
        worker: u32,
        /// Its process id.
        pid: u32,
        /// How, in words: `exit status 3`, `signal 11 (SIGSEGV)`.
        status: String,
        /// Whether it had been told to leave.
        expected: bool,
    },
    /// Answer to [`MasterOrder::Report`].
    Report {
        /// As asked.
        id: u64,
        /// The workers alive.
        workers: Vec<WorkerStatus>,
        /// How many there are to be, where that varies.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        scaling: Option<ScalingStatus>,
    },
    /// Somebody wants a new generation: a `touch-reload` file changed, or the like.
    ReloadWanted {
        /// The file, or what else asked for it.
        file: String,
    },
    /// Somebody wants the vassal stopped, by a letter in its `master-fifo`.
    StopWanted,
}

/// Where a generation stands, as its master sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MasterPhase {
    /// Its workers serve.
    Serving,
    /// Its workers are gone, its app is there.
    Paused,
    /// Its workers finish and leave.
    Draining,
}

/// What a master says of itself to an emperor that adopts it. Beside it travel the reading end of
/// the pipe of its output, if there is one, and its listeners in the order given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopted {
    /// The master's [`PROTOCOL`].
    pub protocol: u32,
    /// Where it stands.
    pub phase: MasterPhase,
    /// The version of its Python.
    pub python: String,
    /// `wsgi`.
    pub interface: String,
    /// Whether the first descriptor is the reading end of the pipe of its output.
    pub has_output: bool,
    /// What was printed last while there was no emperor.
    pub last_output: String,
    /// Lines of output that were dropped while there was no emperor.
    pub dropped_lines: u64,
    /// Its listeners; none while it drains.
    pub listeners: Vec<HandoverListener>,
}

/// What a master tells a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum WorkerOrder {
    /// Accept connections.
    Serve,
    /// Say that you live; answered by [`WorkerMessage::Alive`].
    Heartbeat,
    /// Treat the stream socket beside this as an accepted connection: `ready-path` is asked for on
    /// it.
    Probe,
    /// Let new connections wait.
    Hold,
    /// After [`WorkerOrder::Hold`]: accept them again.
    Release,
    /// Stop accepting, finish what is in flight and leave.
    Drain {
        /// How long that may take.
        deadline: Duration,
    },
}

/// What a worker tells its master.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum WorkerMessage {
    /// The app is there; the worker waits for [`WorkerOrder::Serve`].
    Ready {
        /// `wsgi`.
        interface: String,
    },
    /// The app could not be imported; the worker ends after this.
    Failed(Failure),
    /// Told to leave, it takes no connection any more.
    Withdrawn,
    /// Answer to [`WorkerOrder::Heartbeat`].
    Alive,
    /// With `py-autoreload`: files that the app has imported, each told once.
    Imported {
        /// Their paths.
        files: Vec<String>,
    },
    /// It has reached a limit and wants to be replaced; it serves on meanwhile.
    Retire {
        /// The option with that limit.
        limit: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::FailureKind;

    #[test]
    fn a_failure_arrives_whole() {
        let failure = Failure::new(FailureKind::Import, "no module", "traceback");
        for message in [
            MasterMessage::Failed(failure.clone()),
            MasterMessage::Troubled(failure),
        ] {
            let text = serde_json::to_string(&message).unwrap();
            assert_eq!(
                serde_json::from_str::<MasterMessage>(&text).unwrap(),
                message
            );
        }
    }
}
