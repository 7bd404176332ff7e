//! Everything that happens, once. The log line, `lictor events` and the tests come from here.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Failure, SocketStatus, Timestamp, VassalState};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the emperor's stream of events.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// The vassal concerned, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vassal: Option<String>,
    /// What, with its own fields beside the ones above.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What happened. In JSON the field `event` names it in kebab-case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
#[expect(
    missing_docs,
    reason = "the fields of an event say what they are by their names"
)]
pub enum EventKind {
    /// The emperor answers on its control socket and looks at its sources for the first time.
    EmperorStarted { pid: u32, sources: Vec<String> },
    /// The first pass over the sources has been acted on.
    EmperorReady { vassals: usize },
    /// The emperor was told to stop.
    EmperorStopping,
    /// A source could not be looked at; what runs goes on.
    SourceFailed { source: String, message: String },
    /// A file that looks like one of a vassal cannot stand for one, because of its name.
    FileRefused { file: String, reason: String },
    /// A vassal file appeared.
    VassalAdded { file: String },
    /// A vassal file changed or was touched.
    VassalChanged { file: String },
    /// A vassal file is gone.
    VassalRemoved { file: String },
    /// The last process of a removed vassal is gone.
    VassalGone,
    /// A vassal came into another state.
    StateChanged {
        from: VassalState,
        to: VassalState,
        generation: u64,
    },
    /// The sockets of a vassal listen.
    SocketsBound { sockets: Vec<SocketStatus> },
    /// A master was started.
    MasterSpawned { generation: u64, pid: u32 },
    /// A master found out its Python.
    MasterBooted { generation: u64, python: String },
    /// A generation is up and serves from now on.
    GenerationReady { generation: u64, interface: String },
    /// A generation did not come up, or what serves has trouble.
    GenerationFailed {
        generation: u64,
        failure: Failure,
        /// It failed exactly as the one before.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        repeated: bool,
    },
    /// A new emperor found a generation that runs, and took it over as it is.
    GenerationAdopted { generation: u64, pid: u32 },
    /// Without overlap: the old workers finish and leave before the new ones are started.
    GenerationPaused { generation: u64 },
    /// Without overlap: the new generation failed, the old code serves again.
    GenerationResumed { generation: u64 },
    /// A request took longer than `harakiri`.
    RequestOverdue {
        generation: u64,
        worker: u32,
        pid: u32,
        method: String,
        path: String,
        milliseconds: u64,
        traceback: String,
    },
    /// A worker is being replaced; it serves until its replacement does.
    WorkerRetiring {
        generation: u64,
        worker: u32,
        pid: u32,
        reason: String,
    },
    /// The emperor becomes another program; vassals go on.
    EmperorUpgrading { from: String, to: String },
    /// The emperor leaves, and its vassals go on without it.
    EmperorLeaving { vassals: usize },
    /// Starts wait until there is memory again.
    StartsPaused { waiting: usize, reason: String },
    /// Starts go on.
    StartsResumed { waiting: usize },
    /// The vassal goes back to the last file that worked.
    VassalRolledBack { file: String },
    /// A generation was told to finish and leave.
    GenerationDraining { generation: u64 },
    /// A master ended.
    MasterExited {
        generation: u64,
        pid: u32,
        status: String,
        expected: bool,
    },
    /// A worker was started.
    WorkerSpawned {
        generation: u64,
        worker: u32,
        pid: u32,
    },
    /// A worker can serve.
    WorkerReady {
        generation: u64,
        worker: u32,
        pid: u32,
    },
    /// A worker ended.
    WorkerExited {
        generation: u64,
        worker: u32,
        pid: u32,
        status: String,
        expected: bool,
    },
    /// There are to be so many workers from now on.
    GenerationScaled {
        generation: u64,
        workers: u32,
        reason: String,
    },
    /// A connection has come to a vassal that sleeps.
    VassalWoken { generation: u64 },
    /// A vassal waits before it is tried again.
    BackoffStarted { generation: u64, milliseconds: u64 },
    /// Output of an app was dropped, because it came faster than it could be read or written.
    OutputDropped { lines: u64 },
}

impl fmt::Display for EventKind {
    #[expect(
        clippy::too_many_lines,
        reason = "one sentence for each event, in one place"
    )]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmperorStarted { pid, sources } => {
                write!(
                    f,
                    "emperor started: pid {pid}, sources {}",
                    sources.join(" ")
                )
            }
            Self::EmperorReady { vassals } => write!(f, "emperor ready: {vassals} vassals"),
            Self::EmperorStopping => f.write_str("emperor stopping"),
            Self::SourceFailed { source, message } => {
                write!(f, "source `{source}` could not be read: {message}")
            }
            // Quoted so that a line stays one.
            Self::FileRefused { file, reason } => {
                write!(f, "not a vassal: {file:?}: {reason}; rename it")
            }
            Self::VassalAdded { file } => write!(f, "added: `{file}`"),
            Self::VassalChanged { file } => write!(f, "changed: `{file}`"),
            Self::VassalRemoved { file } => write!(f, "removed: `{file}`"),
            Self::VassalGone => f.write_str("gone"),
            Self::StateChanged {
                from,
                to,
                generation,
            } => {
                write!(f, "{from} -> {to} (generation {generation})")
            }
            Self::SocketsBound { sockets } => {
                f.write_str("listening on")?;
                sockets
                    .iter()
                    .try_for_each(|socket| write!(f, " {} {}", socket.protocol, socket.address))
            }
            Self::MasterSpawned { generation, pid } => {
                write!(f, "generation {generation}: master started, pid {pid}")
            }
            Self::MasterBooted { generation, python } => {
                write!(f, "generation {generation}: Python {python}")
            }
            Self::GenerationReady {
                generation,
                interface,
            } => {
                write!(f, "generation {generation}: ready, {interface}")
            }
            Self::GenerationFailed {
                generation,
                failure,
                repeated,
            } => {
                let how = if *repeated { "failed again" } else { "failed" };
                write!(f, "generation {generation}: {how}: {failure}")
            }
            Self::GenerationAdopted { generation, pid } => {
                write!(f, "generation {generation}: adopted as it runs, pid {pid}")
            }
            Self::GenerationPaused { generation } => {
                write!(f, "generation {generation}: paused, the new one follows")
            }
            Self::GenerationResumed { generation } => {
                write!(f, "generation {generation}: serves again")
            }
            Self::RequestOverdue {
                generation,
                worker,
                pid,
                method,
                path,
                milliseconds,
                ..
            } => {
                write!(
                    f,
                    "generation {generation}: worker {worker}, pid {pid}: `{method} {path}` \
                     ended by harakiri after {}.{:03} s",
                    milliseconds / 1000,
                    milliseconds % 1000
                )
            }
            Self::WorkerRetiring {
                generation,
                worker,
                pid,
                reason,
            } => {
                write!(
                    f,
                    "generation {generation}: worker {worker} is being replaced, pid {pid}: {reason}"
                )
            }
            Self::EmperorUpgrading { from, to } => {
                write!(f, "emperor upgrading from {from} to {to}")
            }
            Self::EmperorLeaving { vassals } => {
                write!(f, "emperor leaving; {vassals} vassals go on without it")
            }
            Self::StartsPaused { waiting, reason } => {
                write!(f, "{waiting} starts wait: {reason}")
            }
            Self::StartsResumed { waiting } => write!(f, "starts go on, {waiting} waiting"),
            Self::VassalRolledBack { file } => {
                write!(f, "rolled back to the last `{file}` that worked")
            }
            Self::GenerationDraining { generation } => {
                write!(f, "generation {generation}: draining")
            }
            Self::MasterExited {
                generation,
                pid,
                status,
                expected,
            } => {
                let how = if *expected {
                    "left"
                } else {
                    "ended unexpectedly"
                };
                write!(
                    f,
                    "generation {generation}: master {how}, pid {pid}, {status}"
                )
            }
            Self::WorkerSpawned {
                generation,
                worker,
                pid,
            } => {
                write!(
                    f,
                    "generation {generation}: worker {worker} started, pid {pid}"
                )
            }
            Self::WorkerReady {
                generation,
                worker,
                pid,
            } => {
                write!(
                    f,
                    "generation {generation}: worker {worker} ready, pid {pid}"
                )
            }
            Self::WorkerExited {
                generation,
                worker,
                pid,
                status,
                expected,
            } => {
                let how = if *expected {
                    "left"
                } else {
                    "ended unexpectedly"
                };
                write!(
                    f,
                    "generation {generation}: worker {worker} {how}, pid {pid}, {status}"
                )
            }
            Self::GenerationScaled {
                generation,
                workers,
                reason,
            } => write!(f, "generation {generation}: {workers} workers: {reason}"),
            Self::VassalWoken { generation } => {
                write!(f, "woken by a connection (generation {generation})")
            }
            Self::BackoffStarted { milliseconds, .. } => {
                write!(
                    f,
                    "trying again in {}.{} s",
                    milliseconds / 1000,
                    milliseconds % 1000 / 100
                )
            }
            Self::OutputDropped { lines } => write!(f, "{lines} lines of output dropped"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::FailureKind;

    fn failed(repeated: bool) -> EventKind {
        EventKind::GenerationFailed {
            generation: 8,
            failure: Failure::new(FailureKind::Import, "no module", ""),
            repeated,
        }
    }

    #[test]
    fn only_a_failure_that_repeats_itself_says_so() {
        let text = serde_json::to_string(&failed(true)).unwrap();
        assert!(text.contains(r#""repeated":true"#), "{text}");
        let text = serde_json::to_string(&failed(false)).unwrap();
        assert!(!text.contains("repeated"), "{text}");
        // What an older emperor says is a first failure.
        assert_eq!(
            serde_json::from_str::<EventKind>(&text).unwrap(),
            failed(false)
        );
        assert_eq!(
            failed(true).to_string(),
            "generation 8: failed again: import: no module"
        );
    }
}
