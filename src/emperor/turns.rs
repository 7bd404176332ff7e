//! Whose turn it is to start: a few generations come up at a time, one is started at a time, and
//! what the emperor has to do otherwise is done in between.

use std::time::{Duration, Instant};

use lictor_core::observe::EventKind;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::generation::Place;
use super::memory_pressure::{self, Passage};
use super::queue::{Waiting, first};
use super::run::Emperor;
use super::vassal::Vassal;

/// How long a start may keep others waiting. One that takes longer hardly needs the processor: it
/// waits for something, or hangs, and its neighbours must not hang with it.
const TURN: Duration = Duration::from_secs(3);

impl Emperor {
    /// Starts the one whose turn it is, if there is one and the machine can bear it. Gives whether
    /// another one may follow at once.
    pub(super) fn start_next(&mut self) -> bool {
        // Superseded or stopped while it waited.
        self.starts.retain(|place| {
            let vassal = self.vassals.get(&place.vassal);
            vassal.and_then(|vassal| vassal.life.coming()) == Some(place.generation)
        });
        if self.starts.is_empty() {
            if self.gate.is_left() {
                let kind = EventKind::StartsResumed { waiting: 0 };
                self.journal.tell(None, kind);
            }
            return false;
        }
        // Who is first is known when all files have been read.
        let may_start = self.unread.is_empty() && self.has_free_turn() && self.has_memory();
        let next = may_start.then(|| self.take_first()).flatten();
        if let Some(place) = &next {
            self.start(place);
        }
        next.is_some()
    }

    /// When a start may be possible that is not now, if anything waits for one.
    pub(super) fn next_turn(&self) -> Option<Instant> {
        if self.starts.is_empty() {
            return None;
        }
        if self.has_free_turn() {
            return self.gate.look_at();
        }
        let now = Instant::now();
        self.turn_ends().filter(|end| *end > now).min()
    }

    fn has_free_turn(&self) -> bool {
        let now = Instant::now();
        let taken = self.turn_ends().filter(|end| *end > now).count();
        taken < self.settings.parallel_starts
    }

    fn turn_ends(&self) -> impl Iterator<Item = Instant> {
        self.vassals.values().filter_map(|vassal| {
            let generation = vassal.generations.get(&vassal.life.coming()?)?;
            Some(generation.started + TURN)
        })
    }

    /// Whether there is memory for another start; only asked while one waits.
    fn has_memory(&mut self) -> bool {
        let waiting = self.starts.len();
        let is_anything_coming = self.turn_ends().next().is_some();
        let minimum = self.settings.min_free_memory;
        let look = || memory_pressure::look(minimum);
        match self.gate.ask(Instant::now(), is_anything_coming, look) {
            Passage::Open | Passage::LetThrough => true,
            Passage::Closed => false,
            Passage::OpensAgain => {
                let kind = EventKind::StartsResumed { waiting };
                self.journal.tell(None, kind);
                true
            }
            Passage::Closes(reason) => {
                let kind = EventKind::StartsPaused { waiting, reason };
                self.journal.tell(None, kind);
                false
            }
        }
    }

    fn take_first(&mut self) -> Option<Place> {
        let vassals: Vec<&Vassal> = self
            .starts
            .iter()
            .filter_map(|place| self.vassals.get(&place.vassal))
            .collect();
        let awaited = awaited(&vassals);
        let waiting = vassals.iter().zip(awaited).map(|(vassal, is_awaited)| {
            let found = self.snapshot.vassals.get(&vassal.name);
            let changed = found.map(|found| found.identity.modified_at());
            Waiting {
                is_awaited,
                last_used: self.last_used.of(&vassal.name).or(changed).unwrap_or(0),
            }
        });
        let place = first(&waiting.collect::<Vec<_>>())?;
        self.starts.remove(place)
    }
}

/// Which of them somebody waits for: a connection is there, and nothing serves that would take it.
fn awaited(vassals: &[&Vassal]) -> Vec<bool> {
    let mut awaited = vec![false; vassals.len()];
    if vassals.len() < 2 {
        // Nobody to be preferred to.
        return awaited;
    }
    let mut places = Vec::new();
    let mut fds = Vec::new();
    for (place, vassal) in vassals.iter().enumerate() {
        if vassal.life.is_unserved() {
            let listeners = vassal.doors();
            fds.extend(listeners.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
            places.resize(fds.len(), place);
        }
    }
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // Interrupted: then nobody is preferred, this time.
    if poll(&mut fds, Some(&at_once)).is_ok() {
        for (fd, place) in fds.iter().zip(places) {
            let has_client = fd.revents().contains(PollFlags::IN);
            if let Some(is_awaited) = awaited.get_mut(place).filter(|_| has_client) {
                *is_awaited = true;
            }
        }
    }
    awaited
}
