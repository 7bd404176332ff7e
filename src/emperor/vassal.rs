//! The emperor's record of one vassal: its file, its life, its sockets and its generations.

use std::collections::BTreeMap;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use lictor_core::config::{Address, GroupName, UserName, VassalConfig};
use lictor_core::observe::{
    BackgroundStatus, ErrorStatus, EventKind, Failure, Timestamp, VassalState, VassalStatus,
};
use nix::unistd::{Group, User};

use super::bind::Owner;
use super::generation::{Generation, Terms};
use super::journal::Journal;
use super::kept::{FileText, KeptTexts};
use super::lifecycle::Lifecycle;
use super::listeners::{Listeners, Orphans};
use super::record::{Record, SocketRecord};
use super::sleep::Sleep;
use super::snapshot::{Found, content_hash};

/// When what happened to a vassal, in seconds since 1970; 0 for never. Of what was before this emperor
/// nothing is known.
#[derive(Debug, Default)]
pub(super) struct Times {
    pub(super) born: u64,
    pub(super) first_run: u64,
    pub(super) last_run: u64,
    pub(super) last_ready: u64,
    pub(super) failing_since: Option<u64>,
}

impl Times {
    /// A master was started.
    pub(super) fn run(&mut self) {
        self.last_run = Timestamp::now().unix_seconds();
        if self.first_run == 0 {
            self.first_run = self.last_run;
        }
    }

    /// A generation serves.
    pub(super) fn ready(&mut self) {
        self.last_ready = Timestamp::now().unix_seconds();
        self.failing_since = None;
    }

    /// A generation failed.
    pub(super) fn failed(&mut self) {
        let now = || Timestamp::now().unix_seconds();
        self.failing_since.get_or_insert_with(now);
    }
}

/// One vassal.
#[derive(Debug)]
pub(super) struct Vassal {
    pub(super) name: String,
    /// Which of the sources it comes from.
    pub(super) source: usize,
    pub(super) path: PathBuf,
    /// Of the content that was read last.
    pub(super) hash: Option<u64>,
    /// The newest good configuration. What comes up is made from it.
    pub(super) config: Option<Arc<VassalConfig>>,
    /// What that was read from.
    pub(super) text: Option<Arc<FileText>>,
    /// The number of the process that reads its file as its user, and what that file said.
    pub(super) expanding: Option<(u64, Box<FileText>)>,
    /// What a rollback can go back to.
    pub(super) kept: KeptTexts,
    /// Whether `config` is an earlier one, until the file changes again; by order, or because the
    /// newest has failed and nothing served ([`Lifecycle::has_fallen_back`]).
    pub(super) rolled_back: bool,
    pub(super) life: Lifecycle,
    pub(super) listeners: Listeners,
    pub(super) generations: BTreeMap<u64, Generation>,
    pub(super) restarts: u64,
    pub(super) error: Option<ErrorStatus>,
    /// Sockets that a master which is still to be reached holds.
    pub(super) left_sockets: Vec<SocketRecord>,
    /// Waits for the connection that wakes it, while it sleeps.
    pub(super) sleep: Option<Sleep>,
    /// A generation to be started once every master that was found has been reached.
    pub(super) postponed: Option<u64>,
    /// Its file went before every master that was found has been reached.
    pub(super) is_file_gone: bool,
    /// Locks of its daemons and jobs, where there is no run directory for them.
    pub(super) gates: Vec<OwnedFd>,
    /// Its record, as it was written last.
    pub(super) written: Option<Record>,
    pub(super) times: Times,
    state: VassalState,
    since: Timestamp,
}

impl Vassal {
    /// A vassal that has just been seen.
    pub(super) fn new(name: String, source: usize, path: PathBuf) -> Self {
        Self {
            name,
            source,
            path,
            hash: None,
            config: None,
            text: None,
            expanding: None,
            kept: KeptTexts::default(),
            rolled_back: false,
            life: Lifecycle::new(),
            listeners: Listeners::default(),
            generations: BTreeMap::new(),
            restarts: 0,
            error: None,
            left_sockets: Vec::new(),
            sleep: None,
            postponed: None,
            is_file_gone: false,
            gates: Vec::new(),
            written: None,
            times: Times {
                born: Timestamp::now().unix_seconds(),
                ..Times::default()
            },
            state: VassalState::Starting,
            since: Timestamp::now(),
        }
    }

    /// From now on this file stands for the vassal, as it is now: a rollback is over.
    pub(super) fn stand_for(&mut self, found: &Found) {
        self.rolled_back = false;
        self.source = found.source;
        self.path.clone_from(&found.path);
    }

    /// The newest file is to be tried again, unless it was by order that it does not count.
    pub(super) fn go_forward(&mut self) {
        if self.life.has_fallen_back() {
            self.rolled_back = false;
        }
    }

    /// Whether somebody ordered that it runs by an earlier file.
    pub(super) fn is_rolled_back_by_order(&self) -> bool {
        self.rolled_back && !self.life.has_fallen_back()
    }

    /// It is in the state in which another emperor left it, which is no news.
    pub(super) fn found_as_it_was(&mut self) {
        self.state = self.life.state();
    }

    /// Whether a master that was found has not been reached yet.
    pub(super) fn is_unreached(&self) -> bool {
        self.generations
            .values()
            .any(|generation| generation.line.is_none())
    }

    /// Tells the journal if the vassal has come into another state.
    pub(super) fn tell_state(&mut self, journal: &Journal) {
        let state = self.life.state();
        if state != self.state {
            let from = std::mem::replace(&mut self.state, state);
            self.since = Timestamp::now();
            let generation = self.shown_generation();
            journal.tell(
                Some(&self.name),
                EventKind::StateChanged {
                    from,
                    to: state,
                    generation,
                },
            );
        }
    }

    /// From now on generations are made from this.
    pub(super) fn begin_with(&mut self, config: VassalConfig, text: Option<Arc<FileText>>) {
        self.life.start_timeout = config.start_timeout;
        self.life.reload_mercy = config.reload_mercy;
        self.life.starts_asleep = config.scale.starts_asleep();
        self.config = Some(Arc::new(config));
        self.text = text;
        self.expanding = None;
    }

    /// Whether this is what its file held when it was read last.
    pub(super) fn has_newest(&self, text: &FileText) -> bool {
        let hash = content_hash(text.text.as_bytes());
        self.path == text.path && self.hash == Some(hash)
    }

    /// What comes up serves from now on: its file has worked.
    pub(super) fn keep_text(&mut self) {
        if let Some(text) = &self.text {
            self.kept.served(text);
        }
    }

    /// Notes why a generation failed, and tells the journal. What is wrong with an older one that
    /// serves on, or with one of the file that was fallen back to, does not hide why the newest
    /// failed.
    pub(super) fn tell_failure(&mut self, generation: u64, failure: Failure, journal: &Journal) {
        let repeated = self.error.as_ref().is_some_and(|error| {
            (error.kind, &error.message, &error.detail)
                == (failure.kind, &failure.message, &failure.detail)
        });
        let Failure {
            kind,
            message,
            detail,
        } = failure.clone();
        self.times.failed();
        let newest = self.error.as_ref().map(|error| error.generation);
        let is_of_newest = newest <= Some(generation) && !self.life.has_fallen_back();
        if newest.is_none() || is_of_newest {
            self.error = Some(ErrorStatus {
                generation,
                at: Timestamp::now(),
                kind,
                message,
                detail,
            });
        }
        journal.tell(
            Some(&self.name),
            EventKind::GenerationFailed {
                generation,
                failure,
                repeated,
            },
        );
    }

    /// What was wrong with a generation that serves is over. Why a newer one failed stays.
    pub(super) fn forget_trouble(&mut self, generation: u64) {
        if self.life.serving() == Some(generation) {
            self.error.take_if(|error| error.generation == generation);
        }
    }

    /// What a client that waits for the app makes readable: its sockets but those of `stats`.
    pub(super) fn doors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let terms = self.config.as_deref().map(Terms::from);
        let doors = self.listeners.told(terms.as_ref()).into_iter();
        doors.map(|(.., fd)| fd)
    }

    /// Closes the sockets that neither what serves nor what comes up needs. A vassal that waits
    /// keeps them: its clients wait with it.
    pub(super) fn release(&mut self, orphans: &mut Orphans) {
        if self.life.is_unwanted() {
            self.listeners.release(None, orphans);
            for left in self.left_sockets.drain(..) {
                left.remove_file();
            }
            return;
        }
        let serving = self.life.serving();
        let serving = serving.and_then(|number| self.generations.get(&number));
        // It may wait for its start, and clients may wait for it.
        let is_awaited = self.life.coming().is_some() || self.life.is_asleep();
        let coming = self.config.as_ref().filter(|_| is_awaited);
        if serving.is_none() && coming.is_none() {
            return;
        }
        let serving = serving
            .into_iter()
            .flat_map(|serving| serving.terms.addresses());
        let coming = coming.into_iter().flat_map(|config| config.addresses());
        let needed: Vec<Address> = serving.chain(coming).cloned().collect();
        self.listeners.release(Some(&needed), orphans);
    }

    /// What `status` shows.
    pub(super) fn status(&self) -> VassalStatus {
        let shown = self.generations.get(&self.shown_generation());
        // What waits for its start has sockets already.
        let terms = shown.map(|generation| generation.terms.clone());
        let terms = terms.or_else(|| self.config.as_deref().map(Terms::from));
        VassalStatus {
            name: self.name.clone(),
            file: self.path.display().to_string(),
            state: self.life.state(),
            generation: self.shown_generation(),
            since: self.since,
            pid: shown.map(Generation::pid),
            python: shown.and_then(|generation| generation.python.clone()),
            interface: shown.and_then(|generation| generation.interface.clone()),
            restarts: self.restarts,
            sockets: self.listeners.status(terms.as_ref()),
            workers: self
                .generations
                .values()
                .flat_map(|generation| generation.workers.clone())
                .collect(),
            scaling: shown.and_then(|generation| generation.scaling.clone()),
            daemons: self.beside(|background| &background.daemons),
            crons: self.beside(|background| &background.crons),
            error: self.error.clone(),
            rolled_back: self.rolled_back,
        }
    }

    /// What runs beside the workers of all generations.
    fn beside<T: Clone>(&self, of: fn(&BackgroundStatus) -> &Vec<T>) -> Vec<T> {
        let generations = self.generations.values();
        generations
            .flat_map(|generation| of(&generation.background).clone())
            .collect()
    }

    /// The generation that serves, else the newest.
    fn shown_generation(&self) -> u64 {
        self.life
            .serving()
            .or(self.life.coming())
            .unwrap_or(self.life.newest())
    }
}

/// Who the unix sockets of a vassal belong to: the user that it runs as, unless `chown-socket` says
/// another. A name that there is not fails the generation, in the jail.
pub(super) fn owner_of(config: &VassalConfig) -> Owner {
    // Only root can give files away; anybody else's vassals run as the emperor's own user.
    if !rustix::process::geteuid().is_root() {
        return Owner::default();
    }
    let user = config.uid.as_ref().and_then(user_named);
    let own_group = user.as_ref().and_then(|(_, group)| *group);
    let group = match &config.gid {
        None => own_group,
        Some(group) => group_named(group),
    };
    let said = config.process.chown_socket.as_ref();
    let said_user = said.and_then(|owner| user_named(owner.user.as_ref()?));
    let said_group = said.and_then(|owner| group_named(owner.group.as_ref()?));
    Owner {
        uid: said_user.or(user).map(|(id, _)| id),
        gid: said_group.or(group),
    }
}

/// A user's number, and that of its group.
fn user_named(name: &UserName) -> Option<(u32, Option<u32>)> {
    let user = match name {
        UserName::Id(id) => {
            let user = User::from_uid((*id).into()).ok().flatten();
            return Some((*id, user.map(|user| user.gid.as_raw())));
        }
        UserName::Name(name) => User::from_name(name).ok().flatten()?,
    };
    Some((user.uid.as_raw(), Some(user.gid.as_raw())))
}

fn group_named(name: &GroupName) -> Option<u32> {
    match name {
        GroupName::Id(id) => Some(*id),
        GroupName::Name(name) => Some(Group::from_name(name).ok().flatten()?.gid.as_raw()),
    }
}
