//! Every message between processes, one enum per direction.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observe::{Failure, WorkerStatus};

/// What the emperor tells a master.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MasterOrder {
    /// The first message; carries no data but descriptors: the handover document, the host
    /// library, then the listeners in the document's order.
    Start,
    /// Let the workers accept: this generation is the one that serves.
    Serve,
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
    },
    /// A `touch-reload` file changed.
    ReloadWanted {
        /// The file.
        file: String,
    },
}

/// What a master tells a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "order", rename_all = "kebab-case", deny_unknown_fields)]
pub enum WorkerOrder {
    /// Accept connections.
    Serve,
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
