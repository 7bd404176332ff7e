//! What emperor and master say to each other stays understood: a master lives on when its emperor is
//! upgraded, so that an emperor reads every version from 1 to its own, and says to a master nothing
//! that its version does not know.
//!
//! `tests/protocol/VERSION` holds each message and order as it stands on the wire in that version.
//! The files were written once, by the program that first spoke it, and are only ever read. A new
//! message or field is a new version, in a directory of its own.

#![expect(
    clippy::disallowed_methods,
    reason = "a test reads files of its own tree"
)]
#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on says why and ends"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lictor_core::config::Address;
use lictor_core::ipc::{
    Adopted, HandoverListener, MasterMessage, MasterOrder, MasterPhase, PROTOCOL,
};
use lictor_core::observe::{Failure, FailureKind, WorkerState, WorkerStatus};
use serde::{Serialize, de::DeserializeOwned};

/// Every way to fail of version 1.
const KINDS: [FailureKind; 9] = [
    FailureKind::Config,
    FailureKind::Python,
    FailureKind::Import,
    FailureKind::Socket,
    FailureKind::ReadyPath,
    FailureKind::Crash,
    FailureKind::Timeout,
    FailureKind::Permission,
    FailureKind::Logto,
];
const PHASES: [MasterPhase; 3] = [
    MasterPhase::Serving,
    MasterPhase::Paused,
    MasterPhase::Draining,
];
const WORKER: u32 = 2;
const PID: u32 = 4711;

/// Everything that a master of version 1 says, by the name of its file.
fn messages() -> Vec<(String, MasterMessage)> {
    let failed = KINDS.map(|kind| MasterMessage::Failed(failure(kind)));
    let adopted = PHASES.map(|phase| MasterMessage::Adopted(adopted(phase)));
    let others = [
        MasterMessage::Booted {
            python: "3.12.1".to_owned(),
        },
        MasterMessage::Loaded,
        MasterMessage::Ready {
            interface: "wsgi".to_owned(),
        },
        MasterMessage::Troubled(failure(FailureKind::Logto)),
        MasterMessage::Mended,
        MasterMessage::Withdrawn,
        MasterMessage::Paused,
        MasterMessage::RequestOverdue {
            worker: WORKER,
            pid: PID,
            method: "GET".to_owned(),
            path: "/slow?x=1".to_owned(),
            age_ms: 30_000,
            traceback: "File \"app.py\", line 3\n".to_owned(),
        },
        MasterMessage::WorkerRetiring {
            worker: WORKER,
            pid: PID,
            reason: "max-requests".to_owned(),
        },
        MasterMessage::WorkerSpawned {
            worker: WORKER,
            pid: PID,
        },
        MasterMessage::WorkerReady {
            worker: WORKER,
            pid: PID,
        },
        MasterMessage::WorkerExited {
            worker: WORKER,
            pid: PID,
            status: "signal 11 (SIGSEGV)".to_owned(),
            expected: false,
        },
        report(),
        MasterMessage::ReloadWanted {
            file: "/srv/blog/later".to_owned(),
        },
        MasterMessage::StopWanted,
    ];
    let all = failed.into_iter().chain(adopted).chain(others);
    all.map(|message| (name_of_message(&message), message))
        .collect()
}

fn failure(kind: FailureKind) -> Failure {
    Failure {
        kind,
        message: "ModuleNotFoundError: No module named 'redsi'".to_owned(),
        detail: "Traceback:\n  \"x\"\n".to_owned(),
    }
}

fn adopted(phase: MasterPhase) -> Adopted {
    let addresses = [
        Address::Tcp("127.0.0.1:8001".parse().expect("it is one")),
        Address::Unix(PathBuf::from("/run/blog/http.sock")),
        Address::Abstract("blog".to_owned()),
    ];
    let listeners = addresses.map(|address| HandoverListener {
        protocol: "http".to_owned(),
        address,
        fd: None,
    });
    Adopted {
        protocol: 1,
        phase,
        python: "3.12.1".to_owned(),
        interface: "wsgi".to_owned(),
        has_output: true,
        has_counters: false,
        last_output: "the last line\n".to_owned(),
        dropped_lines: 3,
        listeners: listeners.into(),
    }
}

fn report() -> MasterMessage {
    let states = [
        WorkerState::Starting,
        WorkerState::Idle,
        WorkerState::Busy,
        WorkerState::Draining,
    ];
    let workers = states.map(|state| WorkerStatus {
        id: WORKER,
        pid: PID,
        generation: 7,
        state,
        requests: 12,
        errors: 1,
        rss: 26_214_400,
        since: serde_json::from_str("\"2026-11-20T12:00:00Z\"").expect("it is a time"),
    });
    MasterMessage::Report {
        id: 9,
        workers: workers.into(),
        scaling: None,
        background: None,
    }
}

/// Everything that an emperor says to a master of version 1, by the name of its file.
fn orders() -> Vec<(String, MasterOrder)> {
    let deadline = Duration::from_millis(60_500);
    let all = [
        MasterOrder::Start,
        MasterOrder::Adopt { protocol: 1 },
        MasterOrder::ForkWorkers,
        MasterOrder::Serve,
        MasterOrder::Pause { deadline },
        MasterOrder::Resume,
        MasterOrder::Drain { deadline },
        MasterOrder::Report { id: 9 },
    ];
    all.map(|order| (name_of_order(&order).to_owned(), order))
        .into()
}

/// A new message needs its line here, its place in [`messages`] if a master of version 1 says it,
/// and a version of its own if not.
fn name_of_message(message: &MasterMessage) -> String {
    let name = match message {
        MasterMessage::Booted { .. } => "booted",
        MasterMessage::Adopted(adopted) => return format!("adopted-{}", word(&adopted.phase)),
        MasterMessage::Loaded => "loaded",
        MasterMessage::Ready { .. } => "ready",
        MasterMessage::Failed(failure) => return format!("failed-{}", failure.kind),
        MasterMessage::Troubled(_) => "troubled",
        MasterMessage::Mended => "mended",
        MasterMessage::Withdrawn => "withdrawn",
        MasterMessage::Paused => "paused",
        MasterMessage::RequestOverdue { .. } => "request-overdue",
        MasterMessage::WorkerRetiring { .. } => "worker-retiring",
        MasterMessage::WorkerSpawned { .. } => "worker-spawned",
        MasterMessage::WorkerReady { .. } => "worker-ready",
        MasterMessage::WorkerExited { .. } => "worker-exited",
        MasterMessage::Report { scaling: None, .. } => "report",
        MasterMessage::Report { .. } => "report-scaling",
        MasterMessage::Scaled { .. } => "scaled",
        MasterMessage::Idle => "idle",
        MasterMessage::ReloadWanted { .. } => "reload-wanted",
        MasterMessage::StopWanted => "stop-wanted",
    };
    name.to_owned()
}

/// The same for orders.
fn name_of_order(order: &MasterOrder) -> &'static str {
    match order {
        MasterOrder::Start => "start",
        MasterOrder::Adopt { .. } => "adopt",
        MasterOrder::ForkWorkers => "fork-workers",
        MasterOrder::Serve => "serve",
        MasterOrder::Pause { .. } => "pause",
        MasterOrder::Resume => "resume",
        MasterOrder::Drain { .. } => "drain",
        MasterOrder::Report { .. } => "report",
    }
}

fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("it is JSON");
    value.as_str().expect("it is a word").to_owned()
}

/// The packets of a version: `message` or `order`, by name.
fn recorded(version: u32, sort: &str) -> BTreeMap<String, String> {
    let directory = directory(version);
    let entries = std::fs::read_dir(&directory).expect("every version has its record");
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    let packet = |path: PathBuf| {
        let stem = path.file_stem()?.to_str()?;
        let name = stem.strip_prefix(sort)?.strip_prefix('-')?.to_owned();
        let text = std::fs::read_to_string(&path).expect("a file of the tree can be read");
        Some((name, text.trim_end().to_owned()))
    };
    paths.filter_map(packet).collect()
}

fn directory(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/protocol")
        .join(version.to_string())
}

/// Every packet of the record is read as what it meant, and nothing is missing in it.
fn all_are_read<M: DeserializeOwned + PartialEq + Debug>(sort: &str, meant: &[(String, M)]) {
    let recorded = recorded(1, sort);
    let names: BTreeSet<&String> = meant.iter().map(|(name, _)| name).collect();
    assert_eq!(recorded.keys().collect::<BTreeSet<_>>(), names);
    for (name, meant) in meant {
        let packet = recorded.get(name).expect("it was compared");
        let read = serde_json::from_str::<M>(packet);
        assert_eq!(read.as_ref().ok(), Some(meant), "{name}: {packet} {read:?}");
    }
}

#[test]
fn a_master_of_version_1_is_understood() {
    all_are_read("message", &messages());
}

#[test]
fn a_master_of_version_1_is_told_what_it_knows() {
    let recorded = recorded(1, "order");
    let told = orders().into_iter().map(|(name, order)| {
        let packet = serde_json::to_string(&order).expect("it is JSON");
        (name, packet)
    });
    assert_eq!(told.collect::<BTreeMap<_, _>>(), recorded);
    // A master of today hears an emperor of then, which it may get when it is downgraded.
    all_are_read("order", &orders());
}

#[test]
fn every_version_has_its_record() {
    for version in 1..=PROTOCOL {
        assert!(!recorded(version, "message").is_empty(), "{version}");
        assert!(!recorded(version, "order").is_empty(), "{version}");
    }
    assert!(!directory(PROTOCOL + 1).exists());
}
