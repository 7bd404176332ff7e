//! The emperor's loop: everything that happens becomes one input, in one order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::OwnedFd;
use std::time::Instant;

use lictor_core::ipc::{ExpandAnswer, MasterMessage};
use lictor_core::observe::{EventKind, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::expand::Expansions;
use super::generation::Place;
use super::journal::Journal;
use super::last_used::LastUsed;
use super::lifecycle;
use super::listeners::Orphans;
use super::memory_pressure::Gate;
use super::notify::Manager;
use super::reach::{ReachError, Reached};
use super::record::{Records, SocketRecord};
use super::remember::Unwritten;
use super::remnants::Remnant;
use super::reports::Reports;
use super::settings::{EmperorError, Settings};
use super::signals::{Sent, Signals};
use super::snapshot::Snapshot;
use super::sources::Source;
use super::upgrade::{CheckError, Checked, Upgrades};
use super::vassal::Vassal;
use super::watch::Watch;
use crate::control::{Command, Upgrading};

/// Everything that happens to an emperor, but for signals and orders of people.
#[derive(Debug)]
pub(super) enum Input {
    /// A master said something.
    MasterSaid(Place, MasterMessage),
    /// A master that ran already was reached, or not.
    MasterFound(Place, Box<Result<Reached, ReachError>>),
    /// A master ended.
    MasterExited(Place),
    /// A connection came to a vassal that slept.
    Knocked(String),
    /// The file of a vassal was read as its user, under this number.
    Expanded(String, u64, Box<ExpandAnswer>),
    /// The binary on disk said whether it can take over.
    UpgradeChecked(
        Result<Checked, CheckError>,
        Option<oneshot::Sender<Result<Upgrading, String>>>,
    ),
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
    /// Files that are read as their users.
    pub(super) expansions: Expansions,
    /// Whether the first look has been acted on.
    pub(super) is_ready: bool,
    /// Generations that wait for their start, in the order in which they came.
    pub(super) starts: VecDeque<Place>,
    /// Closed to starts while memory is short.
    pub(super) gate: Gate,
    pub(super) last_used: LastUsed,
    pub(super) orphans: Orphans,
    pub(super) remnants: Vec<Remnant>,
    pub(super) manager: Manager,
    pub(super) reports: Reports,
    /// For the next emperor; none if there shall be none.
    pub(super) records: Option<Records>,
    /// Sockets that the program which this process was held, until their vassals are there.
    pub(super) inherited: BTreeMap<String, Vec<(SocketRecord, OwnedFd)>>,
    /// Vassals to which something happened since their records were written.
    pub(super) changed: BTreeSet<String>,
    /// What of that could not be written.
    pub(super) unwritten: Unwritten,
    pub(super) course: Course,
    pub(super) upgrades: Upgrades,
    pub(super) has_app_failed: bool,
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
    pub(super) fn first_look(
        &mut self,
        watch: &mut Watch,
        goes_on: bool,
    ) -> Result<(), EmperorError> {
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

    /// What follows from the inputs so far. Gives whether another start may follow at once.
    fn do_what_is_due(&mut self) -> bool {
        self.read_next();
        let has_started = self.start_next();
        if self.unread.is_empty() {
            self.close_orphans();
        }
        self.answer_reports();
        self.tell_manager();
        self.remember();
        has_started
    }

    pub(super) async fn govern(
        &mut self,
        watch: &mut Watch,
        signals: &mut Signals,
        inputs: &mut mpsc::Receiver<Input>,
        commands: &mut mpsc::Receiver<Command>,
    ) {
        loop {
            let has_started = self.do_what_is_due();
            let has_read = self.unread.is_empty();
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
                sent = signals.next(has_read) => self.take_signal(sent, watch),
                () = self.manager.reads_on() => {}
                () = until(deadline) => self.wake(),
                // There is more to read or to start; whoever asks something has a turn first.
                () = tokio::task::yield_now(), if has_started || !has_read => {}
            }
        }
    }

    fn take_signal(&mut self, sent: Sent, watch: &mut Watch) {
        match sent {
            Sent::Upgrade => self.upgrade(None),
            Sent::Reload => self.reload_all(watch),
            Sent::End => self.end(),
        }
    }

    /// Whether everything is to end with it.
    pub(super) fn is_stopping(&self) -> bool {
        self.course == Course::Stops
    }

    fn is_over(&self) -> bool {
        self.is_stopping()
            && self.remnants.is_empty()
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
            .chain(self.remnants_wake_at())
            .chain(self.manager.wake_at())
            .min()
    }

    fn wake(&mut self) {
        self.end_remnants();
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
            self.end_all_remnants();
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
