//! Taking over what runs: vassals whose emperor is gone go on as they are.
//!
//! First the records are believed as far as the process table confirms them: each vassal is put
//! together as it was left, before the first look, which then finds what changed while nobody
//! watched. Then each master is reached ([`super::reach`]), which gives the line to it, its sockets
//! and its output. Until then no new generation of its vassal is started, which would miss them.

use std::sync::Arc;

use lictor_core::observe::EventKind;
use lictor_core::sys::{Pidfd, boot_id, parent_of, start_ticks};

use super::generation::{Generation, Place, exit_of};
use super::kept::FileText;
use super::lifecycle::{Left, Lifecycle};
use super::reach::Seeker;
use super::record::{GenerationRecord, Record, Records, SocketRecord, Stage};
use super::run::Emperor;
use super::snapshot::{Found, content_hash};
use super::vassal::Vassal;

impl Emperor {
    /// Takes over every vassal that was left running, or stopped by order.
    pub(super) fn adopt(&mut self) {
        let Some(records) = self.records.clone() else {
            return;
        };
        let boot_id = boot_id();
        let now = self.snapshot();
        for (name, record) in records.read_all() {
            if boot_id.as_ref() == Some(&record.boot_id) {
                let found = now.vassals.get(&name);
                self.adopt_vassal(&records, name, record, found);
            } else {
                records.forget(&name);
            }
        }
    }

    fn adopt_vassal(
        &mut self,
        records: &Records,
        name: String,
        record: Record,
        found: Option<&Found>,
    ) {
        let living: Vec<(&GenerationRecord, Pidfd)> = record
            .generations
            .iter()
            .filter_map(|generation| Some((generation, living(generation)?)))
            .collect();
        let dead = record.generations.iter().filter(|known| {
            let is_living = |(other, _): &(&GenerationRecord, Pidfd)| other.number == known.number;
            !living.iter().any(is_living)
        });
        for known in dead {
            self.watch_remnants(&name, known.pid, known.terms.reload_mercy);
        }
        let mut vassal = Vassal::new(name.clone(), 0, record.file.clone());
        vassal.life = life(&record, &living);
        vassal.restarts = record.restarts;
        vassal.kept.clone_from(&record.kept);
        for (left, fd) in self.inherited.remove(&name).unwrap_or_default() {
            let wanted = left.wanted.clone();
            vassal.listeners.insert(wanted, (left, fd).into());
        }
        if living.is_empty() && !record.is_stopped {
            self.begin_anew(records, vassal, &record, found);
            return;
        }
        vassal.hash = record.hash;
        vassal.error.clone_from(&record.error);
        vassal.found_as_it_was();
        let source = self
            .settings
            .sources
            .iter()
            .position(|source| source.label() == record.source);
        let before = before(&record, found, source);
        vassal.stand_for(&before);
        vassal.rolled_back = record.rolled_back.is_some();
        vassal.text.clone_from(&record.rolled_back);
        self.snapshot.vassals.insert(name.clone(), before);
        let numbers: Vec<u64> = living.iter().map(|(known, _)| known.number).collect();
        records.keep_meetings(&name, &numbers);
        for (known, master) in living {
            self.seek(records, &mut vassal, known, master);
        }
        // What is left of it may only finish what it is at.
        let is_down = vassal.life.serving().is_none();
        let is_due = (is_down || record.had_begun()) && !record.is_stopped;
        if is_due && (self.begin_earlier(&mut vassal, &record, found) || is_down) {
            self.unread.push_back(name.clone());
        }
        let is_left = |socket: &SocketRecord| !vassal.listeners.has(&socket.wanted.0);
        vassal.left_sockets = record.sockets.into_iter().filter(is_left).collect();
        self.vassals.insert(name, vassal);
    }

    /// All masters of a vassal died with their emperor, or without one. It keeps its numbers and
    /// what was handed down, and begins anew, if its file is still there.
    fn begin_anew(
        &mut self,
        records: &Records,
        mut vassal: Vassal,
        record: &Record,
        found: Option<&Found>,
    ) {
        for socket in &record.sockets {
            let is_held =
                vassal.listeners.has(&socket.wanted.0) || self.orphans.has(&socket.address);
            if !is_held {
                socket.remove_file();
            }
        }
        records.forget(&vassal.name);
        if found.is_none() {
            vassal.listeners.release(None, &mut self.orphans);
            return;
        }
        let name = vassal.name.clone();
        if self.begin_earlier(&mut vassal, record, found) {
            // Otherwise the look finds it as one that is new.
            self.unread.push_back(name.clone());
        }
        self.vassals.insert(name, vassal);
    }

    /// Has a vassal of which nothing serves begin by the text that it was rolled back to, or that
    /// served while the newest file had failed: to try that one again first would take its time.
    fn begin_earlier(
        &mut self,
        vassal: &mut Vassal,
        record: &Record,
        found: Option<&Found>,
    ) -> bool {
        let Some((found, text)) = found.zip(found.and_then(|found| earlier(record, found))) else {
            return false;
        };
        self.snapshot
            .vassals
            .insert(vassal.name.clone(), found.clone());
        vassal.stand_for(found);
        vassal.hash = record.hash;
        vassal.error.clone_from(&record.error);
        vassal.rolled_back = true;
        if record.rolled_back.is_none() {
            vassal.life.fall_back_unseen();
            let file = text.path.display().to_string();
            let kind = EventKind::VassalRolledBack { file };
            self.journal.tell(Some(&vassal.name), kind);
        }
        vassal.text = Some(text);
        true
    }

    fn seek(
        &self,
        records: &Records,
        vassal: &mut Vassal,
        known: &GenerationRecord,
        master: Pidfd,
    ) {
        let Ok(exit) = exit_of(&master) else { return };
        let place = Place {
            vassal: vassal.name.clone(),
            generation: known.number,
        };
        let seeker = Seeker {
            place,
            pid: known.pid,
            processes: known.terms.processes,
            records: records.clone(),
            inputs: self.inputs.clone(),
        };
        tokio::spawn(seeker.seek(exit));
        let is_child = parent_of(known.pid) == Some(std::process::id());
        let generation = Generation::found(master, is_child, known.terms.clone());
        vassal.generations.insert(known.number, generation);
    }

    /// A vassal that was adopted and has not changed runs on; only its configuration is to be known
    /// again, for the next start.
    pub(super) fn know_unchanged(&mut self) {
        let unknown = self.vassals.values().filter(|vassal| {
            vassal.config.is_none()
                && vassal.life.serving().is_some()
                && !self.unread.contains(&vassal.name)
        });
        let names: Vec<String> = unknown.map(|vassal| vassal.name.clone()).collect();
        for name in names {
            self.know(&name);
        }
    }
}

/// As it was left, as far as it lives.
fn life(record: &Record, living: &[(&GenerationRecord, Pidfd)]) -> Lifecycle {
    let at = |stage: Stage| {
        let known = living.iter().map(|(known, _)| known);
        known.filter(move |known| known.stage == stage)
    };
    let serving = at(Stage::Serving).map(|known| (known.number, known.terms.reload_mercy));
    Lifecycle::adopted(Left {
        newest: record.newest,
        serving: serving.max(),
        leaving: at(Stage::Leaving).map(|known| known.number).collect(),
        is_stopped: record.is_stopped,
        is_asleep: record.is_asleep,
        failed: record.error.as_ref().map(|error| error.generation),
        has_fallen_back: record.has_fallen_back,
        // Older emperors did not write it down.
        has_served: record.has_served || last_serving(record).is_some(),
    })
}

/// The generation that served when the record was written.
fn last_serving(record: &Record) -> Option<u64> {
    let serving = record.generations.iter();
    let serving = serving.filter(|known| known.stage == Stage::Serving);
    serving.map(|known| known.number).max()
}

/// The text by which a vassal of which nothing serves begins, if not by its file: if that is as it
/// was, and was rolled back from or had failed.
fn earlier(record: &Record, found: &Found) -> Option<Arc<FileText>> {
    let seen = record.seen.unwrap_or(record.identity);
    if found.rival.is_some() || found.identity != seen {
        return None;
    }
    if record.rolled_back.is_some() || record.had_begun() {
        return record.rolled_back.clone();
    }
    let served = last_serving(record)?;
    let has_failed = record.error.as_ref()?.generation > served;
    let good = record.kept.good.as_ref().filter(|_| has_failed)?;
    let is_newest =
        good.path == record.file && record.hash == Some(content_hash(good.text.as_bytes()));
    (!is_newest).then(|| Arc::clone(good))
}

/// The process of this record, if it is that one and lives.
fn living(known: &GenerationRecord) -> Option<Pidfd> {
    let master = Pidfd::open(known.pid).ok()?;
    // Asked once it is held: a number given to another process since would show here.
    let is_same = start_ticks(known.pid) == Some(known.start_ticks);
    if is_same && !master.is_alive() {
        drop(master.try_reap());
    }
    (is_same && master.is_alive()).then_some(master)
}

/// What the look finds changed or not: the file as it was read last.
fn before(record: &Record, found: Option<&Found>, source: Option<usize>) -> Found {
    match found {
        // The same file, wherever it is looked at from.
        Some(found) if found.rival.is_none() && found.identity == record.identity => found.clone(),
        Some(found) => Found::new(record.file.clone(), record.identity, found.source),
        // Gone, or of a source that cannot be read at the moment.
        None => Found::new(
            record.file.clone(),
            record.identity,
            source.unwrap_or(usize::MAX),
        ),
    }
}
