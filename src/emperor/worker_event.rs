//! What a master says of its workers, as the event that everybody hears of.

use lictor_core::ipc::MasterMessage;
use lictor_core::observe::EventKind;

/// None for what is not about a worker.
#[expect(clippy::too_many_lines, reason = "one field beside the other")]
pub(super) fn worker_event(generation: u64, message: MasterMessage) -> Option<EventKind> {
    Some(match message {
        MasterMessage::WorkerSpawned { worker, pid } => EventKind::WorkerSpawned {
            generation,
            worker,
            pid,
        },
        MasterMessage::WorkerReady { worker, pid } => EventKind::WorkerReady {
            generation,
            worker,
            pid,
        },
        MasterMessage::WorkerRetiring {
            worker,
            pid,
            reason,
        } => EventKind::WorkerRetiring {
            generation,
            worker,
            pid,
            reason,
        },
        MasterMessage::RequestOverdue {
            worker,
            pid,
            method,
            path,
            age_ms,
            traceback,
        } => EventKind::RequestOverdue {
            generation,
            worker,
            pid,
            method,
            path,
            milliseconds: age_ms,
            traceback,
        },
        MasterMessage::Scaled { workers, reason } => EventKind::GenerationScaled {
            generation,
            workers,
            reason,
        },
        MasterMessage::WorkerExited {
            worker,
            pid,
            status,
            expected,
        } => EventKind::WorkerExited {
            generation,
            worker,
            pid,
            status,
            expected,
        },
        MasterMessage::Booted { .. }
        | MasterMessage::Ready { .. }
        | MasterMessage::Adopted(_)
        | MasterMessage::Loaded
        | MasterMessage::Idle
        | MasterMessage::Paused
        | MasterMessage::Failed(_)
        | MasterMessage::Troubled(_)
        | MasterMessage::Mended
        | MasterMessage::Withdrawn
        | MasterMessage::Report { .. }
        | MasterMessage::StopWanted
        | MasterMessage::ReloadWanted { .. } => return None,
    })
}
