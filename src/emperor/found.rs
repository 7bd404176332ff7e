//! What became of reaching the masters that were found running: what they hand over is taken, and
//! those that cannot be reached are replaced.

use lictor_core::ipc::{Adopted, MasterPhase};
use lictor_core::observe::EventKind;
use lictor_core::sys::{close_elsewhere, title_of};

use super::bind::Bound;
use super::generation::Place;
use super::lifecycle::Event;
use super::line::clean;
use super::output;
use super::reach::{ReachError, Reached};
use super::run::Emperor;
use super::spawn::title;

impl Emperor {
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
            counters,
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
        generation.counters = counters.map(|counters| self.settings.monitoring.watch(counters));
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
}

/// Whether this is how `ps` shows a process.
fn is_called(pid: u32, title: &str) -> bool {
    title_of(pid).is_some_and(|shown| shown.trim_end() == title)
}
