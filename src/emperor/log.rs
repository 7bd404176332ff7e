//! The log line of each event, for whoever runs an emperor and for whoever runs one app.

use lictor_core::observe::{EventKind, SocketStatus};

/// With the vassal's name; what only a close look needs is on level debug.
pub(super) fn as_emperor(vassal: Option<&str>, kind: &EventKind) {
    match kind {
        // Its headline says enough to those who have seen the rest.
        EventKind::GenerationFailed { repeated: true, .. } => tracing::error!(vassal, "{kind}"),
        EventKind::GenerationFailed { failure, .. } => {
            tracing::error!(vassal, "{kind}{}", indented(&failure.detail));
        }
        EventKind::SourceFailed { .. }
        | EventKind::FileRefused { .. }
        | EventKind::OutputDropped { .. }
        | EventKind::GenerationResumed { .. }
        | EventKind::RequestOverdue { .. }
        | EventKind::StartsPaused { .. }
        | EventKind::WorkerExited {
            expected: false, ..
        }
        | EventKind::MasterExited {
            expected: false, ..
        } => tracing::warn!(vassal, "{kind}"),
        EventKind::MasterSpawned { .. }
        | EventKind::MasterBooted { .. }
        | EventKind::WorkerSpawned { .. }
        | EventKind::WorkerReady { .. }
        | EventKind::WorkerExited { .. }
        | EventKind::MasterExited { .. }
        | EventKind::StateChanged { .. } => tracing::debug!(vassal, "{kind}"),
        EventKind::EmperorStarted { .. }
        | EventKind::EmperorReady { .. }
        | EventKind::EmperorStopping
        | EventKind::VassalAdded { .. }
        | EventKind::VassalChanged { .. }
        | EventKind::VassalRemoved { .. }
        | EventKind::VassalGone
        | EventKind::SocketsBound { .. }
        | EventKind::GenerationReady { .. }
        | EventKind::GenerationAdopted { .. }
        | EventKind::GenerationPaused { .. }
        | EventKind::GenerationDraining { .. }
        | EventKind::WorkerRetiring { .. }
        | EventKind::EmperorUpgrading { .. }
        | EventKind::EmperorLeaving { .. }
        | EventKind::StartsResumed { .. }
        | EventKind::VassalRolledBack { .. }
        | EventKind::GenerationScaled { .. }
        | EventKind::VassalWoken { .. }
        | EventKind::BackoffStarted { .. } => tracing::info!(vassal, "{kind}"),
    }
}

/// What somebody at a terminal wants to know of the one app.
pub(super) fn in_foreground(kind: &EventKind) {
    match kind {
        EventKind::GenerationFailed {
            failure,
            repeated: true,
            ..
        } => tracing::error!("again: {}", failure.message),
        EventKind::GenerationFailed { failure, .. } => {
            tracing::error!("{}{}", failure.message, indented(&failure.detail));
        }
        EventKind::SocketsBound { sockets } => {
            let places: Vec<_> = sockets.iter().map(place).collect();
            tracing::info!("listening on {}", places.join(", "));
        }
        EventKind::GenerationReady { generation: 1, .. } => {
            tracing::info!("serving; Ctrl-C stops");
        }
        EventKind::GenerationReady { generation, .. } => {
            tracing::info!("serving; generation {generation}");
        }
        EventKind::VassalChanged { .. } | EventKind::EmperorStopping => tracing::info!("{kind}"),
        EventKind::OutputDropped { .. }
        | EventKind::SourceFailed { .. }
        | EventKind::FileRefused { .. }
        | EventKind::GenerationResumed { .. }
        | EventKind::RequestOverdue { .. }
        | EventKind::StartsPaused { .. }
        | EventKind::WorkerExited {
            expected: false, ..
        }
        | EventKind::MasterExited {
            expected: false, ..
        } => tracing::warn!("{kind}"),
        EventKind::EmperorStarted { .. }
        | EventKind::EmperorReady { .. }
        | EventKind::VassalAdded { .. }
        | EventKind::VassalRemoved { .. }
        | EventKind::VassalGone
        | EventKind::StateChanged { .. }
        | EventKind::MasterSpawned { .. }
        | EventKind::MasterBooted { .. }
        | EventKind::GenerationAdopted { .. }
        | EventKind::GenerationPaused { .. }
        | EventKind::EmperorUpgrading { .. }
        | EventKind::EmperorLeaving { .. }
        | EventKind::StartsResumed { .. }
        | EventKind::VassalRolledBack { .. }
        | EventKind::WorkerRetiring { .. }
        | EventKind::GenerationDraining { .. }
        | EventKind::MasterExited { .. }
        | EventKind::WorkerSpawned { .. }
        | EventKind::WorkerReady { .. }
        | EventKind::WorkerExited { .. }
        | EventKind::GenerationScaled { .. }
        | EventKind::VassalWoken { .. }
        | EventKind::BackoffStarted { .. } => tracing::debug!("{kind}"),
    }
}

fn indented(detail: &str) -> String {
    detail
        .lines()
        .fold(String::new(), |text, line| text + "\n  " + line)
}

/// As it can be pasted into a browser, where it can.
fn place(socket: &SocketStatus) -> String {
    if socket.address.starts_with(['/', '@']) {
        socket.address.clone()
    } else {
        format!("{}://{}/", socket.protocol, socket.address)
    }
}
