//! Taking over what runs: vassals whose emperor is gone go on as they are.
//!
//! First the records are believed as far as the process table confirms them: each vassal is put
//! together as it was left, before the first look, which then finds what changed while nobody
//! watched. Then each master is reached ([`super::reach`]), which gives the line to it, its sockets
//! and its output. Until then no new generation of its vassal is started, which would miss them.

use lictor_core::ipc::{Adopted, MasterPhase};
use lictor_core::observe::EventKind;
use lictor_core::sys::{Pidfd, boot_id, close_elsewhere, parent_of, start_ticks, title_of};

use super::bind::Bound;
use super::generation::{Generation, Place, exit_of};
use super::lifecycle::{Event, Lifecycle};
use super::line::clean;
use super::output;
use super::reach::{ReachError, Reached, Seeker};
use super::record::{GenerationRecord, Record, Records, SocketRecord, Stage};
use super::run::Emperor;
use super::snapshot::Found;
use super::spawn::title;
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
        let is_over = living.is_empty() && !record.is_stopped;
        let mut vassal = Vassal::new(name.clone(), 0, record.file.clone());
        vassal.life = life(&record, &living);
        vassal.restarts = record.restarts;
        vassal.kept.clone_from(&record.kept);
        for (left, fd) in self.inherited.remove(&name).unwrap_or_default() {
            let wanted = left.wanted.clone();
            vassal.listeners.insert(wanted, (left, fd).into());
        }
        if is_over {
            // Its masters died with their emperor. It keeps its numbers and what was handed down,
            // and begins anew, if its file is still there.
            for socket in &record.sockets {
                let is_held =
                    vassal.listeners.has(&socket.wanted.0) || self.orphans.has(&socket.address);
                if !is_held {
                    socket.remove_file();
                }
            }
            records.forget(&name);
            if found.is_some() {
                self.vassals.insert(name, vassal);
            } else {
                vassal.listeners.release(None, &mut self.orphans);
            }
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
        let is_left = |socket: &SocketRecord| !vassal.listeners.has(&socket.wanted.0);
        vassal.left_sockets = record.sockets.into_iter().filter(is_left).collect();
        self.vassals.insert(name, vassal);
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

    /// A master answered, or it is clear that it will not.
    pub(super) fn master_found(&mut self, place: &Place, found: Result<Reached, ReachError>) {
        let (name, number) = (place.vassal.as_str(), place.generation);
        match found {
            Ok(reached) => {
                if let Some(phase) = self.take_over(place, reached) {
                    self.happen(name, Event::Found(number, phase));
                }
            }
            Err(error) => self.give_up(place, &error),
        }
        self.go_on_with(name);
    }

    /// A master that cannot be reached is ended. A process that only a record calls a master is
    /// nobody's business here.
    fn give_up(&mut self, place: &Place, error: &ReachError) {
        let Place { vassal, generation } = place;
        let is_serving = self.is_serving(place);
        let Some(known) = self
            .generation(place)
            .filter(|known| known.master.is_alive())
        else {
            return;
        };
        let pid = known.pid();
        let is_it = error.is_of_a_master() || is_called(pid, &title(vassal, *generation));
        if is_it {
            known.kill();
        }
        // One that only came up has been begun again already.
        if is_serving {
            let fate = if is_it {
                "and is replaced"
            } else {
                "because another process has its number, which is left alone"
            };
            tracing::warn!(
                vassal,
                "generation {generation}: pid {pid} could not be adopted {fate}: {error}"
            );
        }
        if !is_it {
            self.lose(place);
        }
    }

    /// Its master is gone, and nobody will tell when it went.
    fn lose(&mut self, place: &Place) {
        let Place { vassal, generation } = place;
        if let Some(records) = &self.records {
            records.close_meeting(vassal, *generation);
        }
        if let Some(vassal) = self.vassals.get_mut(vassal) {
            vassal.generations.remove(generation);
        }
        self.happen(vassal, Event::Exited(*generation));
    }

    fn take_over(&mut self, place: &Place, reached: Reached) -> Option<MasterPhase> {
        let (name, number) = (place.vassal.as_str(), place.generation);
        let Reached {
            line,
            adopted,
            output,
            sockets,
        } = reached;
        let journal = self.journal.clone();
        let vassal = self.vassals.get_mut(name)?;
        let generation = vassal.generations.get_mut(&number)?;
        let Adopted {
            phase,
            python,
            interface,
            last_output,
            dropped_lines,
            ..
        } = adopted;
        generation.line = Some(line);
        generation.python = Some(clean(python));
        generation.interface = Some(clean(interface));
        let pid = generation.pid();
        journal.tell(
            Some(name),
            EventKind::GenerationAdopted {
                generation: number,
                pid,
            },
        );
        output::tell(name, last_output.as_bytes(), dropped_lines, &journal);
        if let Some(pipe) = output {
            let reader = tokio::spawn(output::read(name.to_owned(), pipe, journal));
            generation.reader = Some(reader.abort_handle());
        }
        let mut refused = Vec::new();
        for (address, fd) in sockets {
            let known = vassal
                .left_sockets
                .iter()
                .position(|left| left.address == address);
            match known.map(|at| vassal.left_sockets.swap_remove(at)) {
                Some(left) => vassal.listeners.insert(
                    left.wanted,
                    Bound {
                        fd,
                        address: left.address,
                        owner: left.owner,
                        mode: left.mode,
                        file: left.file,
                        kept: None,
                    },
                ),
                None => refused.push(fd),
            }
        }
        close_elsewhere(refused);
        Some(phase)
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
    Lifecycle::adopted(
        record.newest,
        serving.max(),
        at(Stage::Leaving).map(|known| known.number).collect(),
        record.is_stopped,
        record.error.as_ref().map(|error| error.generation),
    )
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

/// Whether this is how `ps` shows a process.
fn is_called(pid: u32, title: &str) -> bool {
    title_of(pid).is_some_and(|shown| shown.trim_end() == title)
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
