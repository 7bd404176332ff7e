//! The time of an emperor: from its settings to the loop, and what follows it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::time::Duration;

use lictor_core::observe::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::expand::Expansions;
use super::fd_store::Returned;
use super::hold::HeldRunDir;
use super::host;
use super::journal::Journal;
use super::last_used::LastUsed;
use super::memory_pressure::Gate;
use super::monitoring::Endpoints;
use super::notify::Manager;
use super::record::Records;
use super::remember::Unwritten;
use super::reports::Reports;
use super::run::{Course, Emperor, Input};
use super::settings::{EmperorError, Settings};
use super::signals::Signals;
use super::snapshot::Snapshot;
use super::upgrade::{self, Inheritance, Upgrade, Upgrades, WayBack};
use super::watch::Watch;
use crate::control;

/// Inputs that wait for their turn; whoever has more to say waits to say it.
const INPUT_QUEUE: usize = 1024;
/// Orders of people that wait for their turn.
const COMMAND_QUEUE: usize = 64;
/// For the last answers on the control socket before this process becomes another program.
const FAREWELL: Duration = Duration::from_millis(200);

/// How an emperor ends.
#[derive(Debug)]
pub(super) enum End {
    /// Nothing of it is left.
    Over,
    /// It becomes another program.
    Upgrade(Upgrade),
}

/// Runs an emperor until it is told to stop and its last vassal is gone, or becomes another program.
/// `way_back` is taken once this program stands on its own.
pub(super) async fn run(
    settings: Settings,
    inherited: Option<Inheritance>,
    returned: Returned,
    way_back: &mut Option<WayBack>,
) -> Result<End, EmperorError> {
    // First of all: an emperor that does not listen yet would be ended by them.
    let mut signals = Signals::new().map_err(setup("listen to signals"))?;
    upgrade::unblock();
    let (commands, mut command_queue) = mpsc::channel(COMMAND_QUEUE);
    let mut run_dir = None;
    let is_inherited = inherited.is_some();
    let (mut emperor, mut inputs) = set_up(settings, inherited, returned, &mut run_dir)?;
    let server = match &run_dir {
        Some(held) => {
            let listener = held
                .control_listener()
                .map_err(setup("serve the control socket"))?;
            Some(tokio::spawn(control::serve(listener, commands.clone())))
        }
        None => None,
    };
    emperor
        .endpoints
        .serve(&commands)
        .map_err(setup("answer those who watch"))?;
    let mut watch = Watch::new();
    if let Some(tree) = &emperor.settings.reload_tree {
        watch.set_tree(tree);
    }
    emperor.first_look(&mut watch, is_inherited)?;
    // From here on this program stands on its own.
    drop(way_back.take());
    if let Some(held) = &mut run_dir {
        held.own();
    }
    emperor
        .govern(&mut watch, &mut signals, &mut inputs, &mut command_queue)
        .await;
    if let Some(held) = &run_dir {
        let vassals = emperor.vassals.keys();
        emperor.last_used.write(held.path(), vassals);
    }
    if let (true, Some(held)) = (emperor.course == Course::Upgrades, &mut run_dir) {
        upgrade::block();
        let upgrade = emperor
            .hand_down(held)
            .map_err(setup("hand down its sockets"))?;
        drop((command_queue, emperor));
        finish(server).await;
        return Ok(End::Upgrade(upgrade));
    }
    emperor.endpoints.close();
    if emperor.has_app_failed {
        Err(EmperorError::AppFailed)
    } else {
        Ok(End::Over)
    }
}

/// The last answers on the control socket get a moment to be written.
async fn finish(server: Option<JoinHandle<()>>) {
    if let Some(server) = server {
        drop(timeout(FAREWELL, server).await);
    }
}

fn setup(action: &'static str) -> impl FnOnce(io::Error) -> EmperorError {
    move |source| EmperorError::Setup { action, source }
}

/// Everything but the loop.
fn set_up(
    settings: Settings,
    inherited: Option<Inheritance>,
    returned: Returned,
    run_dir: &mut Option<HeldRunDir>,
) -> Result<(Emperor, mpsc::Receiver<Input>), EmperorError> {
    let (mut upgrades, mut sockets) = (Upgrades::default(), BTreeMap::new());
    *run_dir = match (&settings.run_dir, inherited) {
        (Some(path), Some(inherited)) => {
            if let Some(failure) = &inherited.failure {
                tracing::error!("not upgraded: {failure}");
            }
            upgrades.count = inherited.upgrades;
            upgrades.failure = inherited.failure;
            sockets = inherited.sockets;
            Some(HeldRunDir::inherited(
                path,
                inherited.lock,
                inherited.control,
            ))
        }
        (Some(path), None) => Some(HeldRunDir::hold(path)?),
        (None, _) => None,
    };
    // One app in the foreground ends with whoever started it.
    let endpoints = Endpoints::open(&settings.monitoring, &mut sockets)?;
    let records = match run_dir {
        Some(held) if !settings.is_foreground => Some(
            Records::at(held.path())
                .map_err(setup("make a place for records in the run directory"))?,
        ),
        Some(_) | None => None,
    };
    let host = host::library(run_dir.as_ref().map(HeldRunDir::path))
        .map_err(setup("lay out the host library"))?;
    let (inputs, input_queue) = mpsc::channel(INPUT_QUEUE);
    let manager = Manager::from_environment();
    let emperor = Emperor {
        journal: Journal::new(settings.is_foreground),
        inputs,
        host,
        started_at: Timestamp::now(),
        snapshot: Snapshot::default(),
        vassals: BTreeMap::new(),
        unread: VecDeque::new(),
        expansions: Expansions::default(),
        is_ready: false,
        starts: VecDeque::new(),
        gate: Gate::default(),
        last_used: LastUsed::read(run_dir.as_ref().map(HeldRunDir::path)),
        orphans: returned.into_orphans(manager.outbox()),
        remnants: Vec::new(),
        manager,
        reports: Reports::default(),
        records,
        inherited: sockets,
        changed: BTreeSet::new(),
        unwritten: Unwritten::default(),
        course: Course::Governs,
        upgrades,
        endpoints,
        has_app_failed: false,
        settings,
    };
    Ok((emperor, input_queue))
}
