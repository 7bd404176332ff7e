//! What Lictor says about itself: failures, events and the status, as plain values.
//!
//! This part uses no other: whoever has something to say hands it values. The log line, the JSON
//! of the control socket and the tests all come from the same types.

mod event;
mod failure;
mod status;
mod timestamp;

pub use event::{Event, EventKind};
pub use failure::{Failure, FailureKind};
pub use status::{
    EmperorStatus, ErrorStatus, ScalingStatus, SocketStatus, Status, VassalState, VassalStatus,
    WorkerState, WorkerStatus,
};
pub use timestamp::Timestamp;
