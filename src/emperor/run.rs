//! The emperor's loop: everything that happens becomes one input, in one order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use lictor_core::ipc::MasterMessage;
use lictor_core::observe::{EventKind, Timestamp};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::fd_store::Returned;
use super::generation::Place;
use super::hold::HeldRunDir;
use super::journal::Journal;
use super::last_used::LastUsed;
use super::listeners::Orphans;
use super::memory_pressure::Gate;
use super::notify::Manager;
use super::reach::{ReachError, Reached};
use super::record::{Records, SocketRecord};
use super::reports::Reports;
use super::settings::{EmperorError, Settings};
use super::snapshot::Snapshot;
use super::sources::Source;
use super::upgrade::{self, CheckError, Checked, Inheritance, Upgrade, Upgrades, WayBack};
use super::vassal::Vassal;
use super::watch::Watch;
use super::{host, lifecycle};
use crate::control::{self, Command, Upgrading};

/// Inputs that wait for their turn; whoever has more to say waits to say it.
const INPUT_QUEUE: usize = 1024;
/// Orders of people that wait for their turn.
const COMMAND_QUEUE: usize = 64;
/// For the last answers on the control socket before this process becomes another program.
const FAREWELL: Duration = Duration::from_millis(200);

/// Everything that happens to an emperor, but for signals and orders of people.
#[derive(Debug)]
pub(super) enum Input {
    /// A master said something.
    MasterSaid(Place, MasterMessage),
    /// A master that ran already was reached, or not.
    MasterFound(Place, Box<Result<Reached, ReachError>>),
    /// A master ended.
    MasterExited(Place),
    /// The binary on disk said whether it can take over.
    UpgradeChecked(
        Result<Checked, CheckError>,
        Option<oneshot::Sender<Result<Upgrading, String>>>,
    ),
}

/// How an emperor ends.
#[derive(Debug)]
pub(super) enum End {
    /// Nothing of it is left.
    Over,
    /// It becomes another program.
    Upgrade(Upgrade),
}

/// Where an emperor is heading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    Governs,
    /// To its end, and that of its vassals.
    Stops,
    /// It goes, and its vassals stay.
    Leaves,
    /// It becomes another program, and its vassals stay.
    Upgrades,
}

/// The emperor.
#[derive(Debug)]
pub(super) struct Emperor {
    pub(super) settings: Settings,
    pub(super) journal: Journal,
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) host: OwnedFd,
    pub(super) started_at: Timestamp,
    pub(super) snapshot: Snapshot,
    pub(super) vassals: BTreeMap<String, Vassal>,
    /// Vassals whose files are still to be read after a look.
    pub(super) unread: VecDeque<String>,
    /// Whether the first look has been acted on.
    pub(super) is_ready: bool,
    /// Generations that wait for their start, in the order in which they came.
    pub(super) starts: VecDeque<Place>,
    /// Closed to starts while memory is short.
    pub(super) gate: Gate,
    pub(super) last_used: LastUsed,
    pub(super) orphans: Orphans,
    pub(super) manager: Manager,
    pub(super) reports: Reports,
    /// For the next emperor; none if there shall be none.
    pub(super) records: Option<Records>,
    /// Sockets that the program which this process was held, until their vassals are there.
    pub(super) inherited: BTreeMap<String, Vec<(SocketRecord, OwnedFd)>>,
    /// Vassals to which something happened since their records were written.
    pub(super) changed: BTreeSet<String>,
    pub(super) course: Course,
    pub(super) upgrades: Upgrades,
    pub(super) has_app_failed: bool,
}

/// Runs an emperor until it is told to stop and its last vassal is gone, or becomes another program.
/// `way_back` is taken once this program stands on its own.
pub(super) async fn run(
    settings: Settings,
    inherited: Option<Inheritance>,
    returned: Returned,
    way_back: &mut Option<WayBack>,
) -> Result<End, EmperorError> {
    let (commands, mut command_queue) = mpsc::channel(COMMAND_QUEUE);
    let mut run_dir = None;
    let is_inherited = inherited.is_some();
    let (mut emperor, mut inputs) = set_up(settings, inherited, returned, &mut run_dir)?;
    let mut signals = Signals::new().map_err(setup("listen to signals"))?;
    upgrade::unblock();
    let server = match &run_dir {
        Some(held) => {
            let listener = held
                .control_listener()
                .map_err(setup("serve the control socket"))?;
            Some(tokio::spawn(control::serve(listener, commands.clone())))
        }
        None => None,
    };
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
        is_ready: false,
        starts: VecDeque::new(),
        gate: Gate::default(),
        last_used: LastUsed::read(run_dir.as_ref().map(HeldRunDir::path)),
        orphans: returned.into_orphans(manager.outbox()),
        manager,
        reports: Reports::default(),
        records,
        inherited: sockets,
        changed: BTreeSet::new(),
        course: Course::Governs,
        upgrades,
        has_app_failed: false,
        settings,
    };
    Ok((emperor, input_queue))
}

impl Emperor {
    fn announce(&self) {
        let sources = self.settings.sources.iter().map(Source::label).collect();
        self.journal.tell(
            None,
            EventKind::EmperorStarted {
                pid: std::process::id(),
                sources,
            },
        );
    }

    /// A source that cannot be looked at is a mistake now; later, and for an emperor that goes on as
    /// another program, it may be a passing trouble.
    fn first_look(&mut self, watch: &mut Watch, goes_on: bool) -> Result<(), EmperorError> {
        let sources = self.settings.sources.iter().filter(|_| !goes_on);
        for source in sources {
            if let Source::Directory(directory) = source {
                std::fs::read_dir(directory).map_err(|error| EmperorError::Source {
                    source_label: source.label(),
                    source: error,
                })?;
            }
        }
        self.announce();
        self.adopt();
        self.look(watch);
        self.know_unchanged();
        Ok(())
    }

    fn look_again(&mut self, watch: &mut Watch) {
        let has_code_changed = watch.take_code_change() && self.settings.reload_tree.is_some();
        self.look(watch);
        if has_code_changed {
            self.read_all_again();
        }
    }

    async fn govern(
        &mut self,
        watch: &mut Watch,
        signals: &mut Signals,
        inputs: &mut mpsc::Receiver<Input>,
        commands: &mut mpsc::Receiver<Command>,
    ) {
        loop {
            self.read_next();
            let has_started = self.start_next();
            let has_read = self.unread.is_empty();
            if has_read {
                self.close_orphans();
            }
            self.answer_reports();
            self.tell_manager();
            self.remember();
            if matches!(self.course, Course::Leaves | Course::Upgrades) {
                return;
            }
            if self.is_over() {
                self.forget_all();
                return;
            }
            let deadline = self.wake_at();
            tokio::select! {
                Some(input) = inputs.recv() => self.take(input),
                Some(command) = commands.recv() => self.obey(command),
                () = watch.look_again(), if has_read => self.look_again(watch),
                Some(()) = signals.upgrade.recv() => self.upgrade(None),
                Some(()) = signals.reload.recv(), if has_read => self.reload_all(watch),
                Some(()) = signals.stop.recv() => self.end(),
                Some(()) = signals.interrupt.recv() => self.end(),
                () = self.manager.reads_on() => {}
                () = until(deadline) => self.wake(),
                // There is more to read or to start; whoever asks something has a turn first.
                () = tokio::task::yield_now(), if has_started || !has_read => {}
            }
        }
    }

    /// Whether everything is to end with it.
    pub(super) fn is_stopping(&self) -> bool {
        self.course == Course::Stops
    }

    fn is_over(&self) -> bool {
        self.is_stopping()
            && self
                .vassals
                .values()
                .all(|vassal| vassal.generations.is_empty())
    }

    fn wake_at(&self) -> Option<Instant> {
        let lives = self
            .vassals
            .values()
            .filter_map(|vassal| vassal.life.wake_at());
        lives
            .chain(self.reports.wake_at())
            .chain(self.next_turn())
            .chain(self.orphans_wake_at())
            .chain(self.manager.wake_at())
            .min()
    }

    fn wake(&mut self) {
        let now = Instant::now();
        let is_due = |vassal: &&Vassal| vassal.life.wake_at().is_some_and(|at| at <= now);
        let due: Vec<String> = self
            .vassals
            .values()
            .filter(is_due)
            .map(|vassal| vassal.name.clone())
            .collect();
        for name in due {
            self.happen(&name, lifecycle::Event::Woken);
        }
    }

    /// Told to end: the vassals end with it, unless they shall stay.
    fn end(&mut self) {
        if self.settings.leaves_vassals && !self.is_stopping() {
            self.course = Course::Leaves;
            let vassals = self.vassals.len();
            self.journal
                .tell(None, EventKind::EmperorLeaving { vassals });
        } else {
            self.stop();
        }
    }

    /// The first time politely; a second time at once.
    pub(super) fn stop(&mut self) {
        if self.is_stopping() {
            for generation in self
                .vassals
                .values()
                .flat_map(|vassal| vassal.generations.values())
            {
                generation.kill();
            }
            return;
        }
        self.course = Course::Stops;
        self.journal.tell(None, EventKind::EmperorStopping);
        self.tell_manager_of_stop();
        let names: Vec<String> = self.vassals.keys().cloned().collect();
        for name in names {
            self.happen(&name, lifecycle::Event::StopAsked);
        }
    }

    /// SIGHUP: everything is looked at and reloaded, a few at a time.
    fn reload_all(&mut self, watch: &mut Watch) {
        self.manager.reloading();
        self.look(watch);
        self.read_all_again();
        self.manager.reloaded();
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// The signals that an emperor listens to.
struct Signals {
    reload: Signal,
    stop: Signal,
    interrupt: Signal,
    upgrade: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            stop: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            upgrade: signal(SignalKind::user_defined2())?,
        })
    }
}
