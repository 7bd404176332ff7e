//! What a pool is made from, what it learns and what it decides.

use std::fmt;
use std::time::Duration;

use super::seats::Seat;

/// What a pool is to keep to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Slots, which is the highest number of workers.
    pub(crate) processes: u32,
    /// The lowest number while they serve.
    pub(crate) minimum: u32,
    /// How many there are to begin with.
    pub(crate) initial: u32,
    /// How many are added at once.
    pub(crate) step: u32,
    /// If there are none before the first connection: how many show before that the generation can
    /// serve, and leave again.
    pub(crate) trial: Option<u32>,
    /// Whether the workers are forked without being asked for.
    pub(crate) overlap: bool,
    /// Whether the workers are asked for `ready-path` while the generation comes up.
    pub(crate) has_ready_path: bool,
    /// How long a worker that comes up later may take until it is ready.
    pub(crate) start_timeout: Duration,
    /// How long requests in flight may take in a worker that is replaced.
    pub(crate) reload_mercy: Duration,
    /// How old a worker may get.
    pub(crate) lifetime: Option<Duration>,
}

/// What the master learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolEvent {
    /// The master is set up.
    Started,
    /// The emperor wants the workers that waited for its word.
    ForkOrdered,
    /// This worker can serve.
    WorkerReady(Seat),
    /// It answered `ready-path` as it should.
    ProbePassed(Seat),
    /// It did not.
    ProbeFailed(Seat),
    /// This worker is gone.
    WorkerExited(Seat, Ending),
    /// No process could be made for this worker.
    ForkFailed(Seat),
    /// This worker wants to be replaced, or should be, and serves on meanwhile.
    RetireAsked(Seat, Reason),
    /// A request in this worker took longer than `harakiri`; it cannot be saved.
    Condemned(Seat),
    /// This idle worker does not answer any more.
    Silent(Seat),
    /// This worker is to be ended at once, for its memory.
    Excessive(Seat, Reason),
    /// No worker is free, and more may be wanted.
    Busy,
    /// One worker more is wanted.
    More,
    /// This worker is not needed.
    Spare(Seat),
    /// Nobody has asked anything for long.
    Idle,
    /// A connection has come while there was no worker.
    Knocked,
    /// The emperor wants this generation to serve.
    ServeOrdered,
    /// The emperor wants the workers to leave and the rest to stay.
    PauseOrdered(Duration),
    /// The emperor wants the workers back.
    ResumeOrdered,
    /// The emperor wants this generation to leave.
    DrainOrdered(Duration),
    /// A deadline came.
    Woken,
}

/// How a worker ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself, or somebody ended it.
    Plain,
    /// The kernel needed its memory. Always told to the emperor: nothing else is left of it.
    OutOfMemory,
}

/// Why a worker is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    MaxRequests {
        served: u64,
    },
    /// An option about resident memory.
    Resident {
        option: &'static str,
        bytes: u64,
    },
    /// An option about the address space.
    Addressed {
        option: &'static str,
        bytes: u64,
    },
    /// `reload-on-exception` and its kind.
    Exception,
    MaxWorkerLifetime,
    NotReady,
    NoAnswer,
    Overdue,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MaxRequests { served } => write!(f, "`max-requests`: {served} requests served"),
            Self::Resident { option, bytes } => {
                write!(f, "`{option}`: {} MiB resident", bytes >> 20)
            }
            Self::Addressed { option, bytes } => {
                write!(f, "`{option}`: {} MiB of addresses", bytes >> 20)
            }
            Self::Exception => f.write_str("`reload-on-exception`: the app raised one"),
            Self::MaxWorkerLifetime => f.write_str("`max-worker-lifetime`"),
            Self::NotReady => f.write_str("it was not ready within `start-timeout`"),
            Self::NoAnswer => f.write_str("it does not answer"),
            Self::Overdue => f.write_str("a request took longer than `harakiri`"),
        }
    }
}

/// What the master is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PoolAction {
    /// Fork a worker with this seat into this slot.
    Fork(Seat, u32),
    /// Ask it for `ready-path`.
    Probe(Seat),
    /// Let it accept.
    Serve(Seat),
    /// Tell it to finish and leave.
    Drain(Seat, Duration),
    /// SIGTERM.
    Terminate(Seat),
    /// SIGKILL.
    Kill(Seat),
    /// SIGKILL to one that was not told to leave, and tell the emperor why.
    End(Seat, Reason),
    /// Tell the emperor that this worker is being replaced.
    TellRetiring(Seat, Reason),
    /// Tell the emperor how the workers of this slot end, and that the next try comes after this.
    TellTrouble(u32, Duration),
    /// Tell the emperor that all of that is over.
    TellMended,
    /// Tell the emperor that the app is there and the workers wait for its word.
    TellLoaded,
    /// Tell the emperor that all workers can serve.
    TellReady,
    /// Tell the emperor that no worker is left, as it wished.
    TellPaused,
    /// Tell the emperor that this generation cannot come up, for what happened in this slot.
    GiveUp(u32),
    /// Nothing is left to do.
    Leave,
}
