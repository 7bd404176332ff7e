//! An emperor made up for the tests: one vassal `blog`, whose every order has a script.

use std::path::PathBuf;

use lictor_core::observe::{
    EmperorStatus, Event, EventKind, Failure, FailureKind, Status, Timestamp, VassalState,
    VassalStatus,
};
use tempfile::TempDir;
use tokio::net::UnixListener;
use tokio::sync::{broadcast, mpsc};

use crate::control::{ActError, Acted, Client, Command, LogLine, Verb, serve};

/// Events of a fresh emperor that are kept.
pub(super) const KEPT: u64 = 3;

/// The socket and what stands behind it.
pub(super) struct Court {
    _directory: TempDir,
    pub(super) socket: PathBuf,
    pub(super) client: Client,
    pub(super) events: broadcast::Sender<Event>,
    pub(super) emperor: tokio::task::JoinHandle<()>,
    pub(super) server: tokio::task::JoinHandle<()>,
}

/// Starts an emperor whose `blog` answers an order with `script`.
pub(super) fn court(script: fn(Verb) -> Vec<EventKind>) -> Court {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("emperor.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let (commands, received) = mpsc::channel(8);
    let (events, _) = broadcast::channel(64);
    let emperor = tokio::spawn(rule(received, events.clone(), script));
    let server = tokio::spawn(serve(listener, commands));
    let client = Client::new(socket.clone());
    Court {
        _directory: directory,
        socket,
        client,
        events,
        emperor,
        server,
    }
}

pub(super) fn event(seq: u64, kind: EventKind) -> Event {
    Event {
        seq,
        at: Timestamp::now(),
        vassal: Some("blog".into()),
        kind,
    }
}

pub(super) fn ready(generation: u64) -> EventKind {
    EventKind::GenerationReady {
        generation,
        interface: "wsgi".into(),
    }
}

pub(super) fn failed(generation: u64) -> EventKind {
    let failure = Failure::new(
        FailureKind::Import,
        "no module named 'redsi'",
        "a traceback",
    );
    EventKind::GenerationFailed {
        generation,
        failure,
        repeated: false,
    }
}

async fn rule(
    mut commands: mpsc::Receiver<Command>,
    events: broadcast::Sender<Event>,
    script: fn(Verb) -> Vec<EventKind>,
) {
    let (logs, _) = broadcast::channel(4);
    let mut kept: Vec<Event> = (1..=KEPT).map(|seq| event(seq, ready(7))).collect();
    let line = LogLine {
        at: Timestamp::now(),
        vassal: "blog".into(),
        line: "hello".into(),
    };
    while let Some(command) = commands.recv().await {
        match command {
            Command::Status { reply } => drop(reply.send(status())),
            Command::Events { reply } => drop(reply.send((kept.clone(), events.subscribe()))),
            Command::Logs { reply } => drop(reply.send((vec![line.clone()], logs.subscribe()))),
            Command::Upgrade { reply } => drop(reply.send(Err("there is no other one".into()))),
            Command::Act {
                vassal,
                verb,
                reply,
            } => {
                let answer = if vassal == "blog" {
                    for kind in script(verb) {
                        let next = event(kept.len() as u64 + 1, kind);
                        kept.push(next.clone());
                        drop(events.send(next));
                    }
                    let generation = (verb != Verb::Stop).then_some(8);
                    Ok(Acted {
                        generation,
                        seq: kept.len() as u64,
                    })
                } else if vassal == "stubborn" {
                    Err(ActError::Refused("it does not want to".into()))
                } else {
                    Err(ActError::Unknown {
                        name: vassal,
                        nearest: Some("blog".into()),
                    })
                };
                drop(reply.send(answer));
            }
        }
    }
}

fn status() -> Status {
    let now = Timestamp::now();
    let emperor = EmperorStatus {
        pid: 1,
        version: "0.1.0".into(),
        started_at: now,
        upgrades: 0,
        upgrade_failure: None,
        warnings: Vec::new(),
        sources: Vec::new(),
    };
    let blog = VassalStatus {
        name: "blog".into(),
        file: "blog.toml".into(),
        state: VassalState::Ready,
        generation: 7,
        since: now,
        pid: Some(2),
        python: None,
        interface: None,
        restarts: 0,
        sockets: Vec::new(),
        workers: Vec::new(),
        scaling: None,
        error: None,
        rolled_back: false,
    };
    Status {
        emperor,
        vassals: vec![blog],
    }
}
