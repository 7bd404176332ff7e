//! What holds for every walk through the table, whatever happens in whatever order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::*;

/// What the master of a generation does, as far as the table can know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Master {
    /// Boots and imports.
    Imports,
    /// Waits for the order to fork.
    Waits,
    /// Has forked its workers, or is about to say that they are ready.
    Forks,
    /// Its workers serve.
    Serves,
    /// Its workers finish; it will say that none is left.
    Pauses,
    /// It has no workers, and the app.
    Paused,
    /// Its workers finish, and it leaves.
    Drains,
    /// SIGKILL is on its way.
    Dies,
}

impl Master {
    fn has_workers(self) -> bool {
        match self {
            Self::Forks | Self::Serves | Self::Pauses | Self::Drains => true,
            Self::Imports | Self::Waits | Self::Paused | Self::Dies => false,
        }
    }
}

/// A vassal and its masters.
struct Walk {
    life: Lifecycle,
    masters: BTreeMap<u64, Master>,
    /// Whether the generations that begin from now on have `overlap = false`.
    is_exclusive: bool,
    exclusive: BTreeMap<u64, bool>,
    now: Instant,
}

impl Walk {
    fn new() -> Self {
        Self {
            life: Lifecycle::new(),
            masters: BTreeMap::new(),
            is_exclusive: false,
            exclusive: BTreeMap::new(),
            now: Instant::now(),
        }
    }

    /// Something that can happen now; `pick` chooses a master where one is meant.
    fn event(&mut self, what: u8, pick: usize) -> Event {
        let some = self.masters.iter().nth(pick % self.masters.len().max(1));
        let some = some.map(|(generation, master)| (*generation, *master));
        match (what, some) {
            (0 | 1, _) => {
                self.is_exclusive = what == 1;
                Event::FileGood
            }
            (2, _) => Event::FileBad,
            (3, _) if pick == 0 => Event::FileGone,
            (4, _) if pick == 0 => Event::StopAsked,
            (5..=7, Some((generation, master))) => self.says(generation, master),
            (8, Some((generation, Master::Imports | Master::Waits | Master::Forks))) => {
                Event::Failed(generation)
            }
            (9, Some((generation, _))) => {
                self.masters.remove(&generation);
                Event::Exited(generation)
            }
            (10, Some((generation, Master::Drains))) => Event::Withdrawn(generation),
            (11, _) if self.life.may_fall_back() => Event::FellBack,
            (12 | 13, Some((generation, Master::Serves))) => Event::Idle(generation),
            (14, _) => Event::Knocked,
            (15, _) => {
                self.life.starts_asleep = pick == 0;
                Event::FileGood
            }
            (16, _) if pick == 0 => Event::SleepFailed,
            (17, _) if self.life.want == Want::Run => {
                self.life.call();
                Event::FileGood
            }
            _ => Event::Woken,
        }
    }

    /// The next word of a master that does as it should.
    fn says(&mut self, generation: u64, master: Master) -> Event {
        let is_exclusive = self.exclusive.get(&generation).copied().unwrap_or_default();
        match master {
            Master::Imports if is_exclusive => {
                self.masters.insert(generation, Master::Waits);
                Event::Loaded(generation)
            }
            Master::Imports => {
                self.masters.insert(generation, Master::Forks);
                Event::Ready(generation)
            }
            Master::Forks => Event::Ready(generation),
            Master::Pauses => {
                self.masters.insert(generation, Master::Paused);
                Event::Paused(generation)
            }
            Master::Drains | Master::Dies => {
                self.masters.remove(&generation);
                Event::Exited(generation)
            }
            Master::Waits | Master::Serves | Master::Paused => Event::Woken,
        }
    }

    fn step(&mut self, event: Event) -> Result<(), TestCaseError> {
        for action in self.life.step(event, self.now) {
            match action {
                Action::Spawn(generation) => {
                    self.masters.insert(generation, Master::Imports);
                    self.exclusive.insert(generation, self.is_exclusive);
                    self.life.step(Event::Spawned(generation), self.now);
                }
                Action::ForkWorkers(generation) => {
                    self.nobody_else_has_workers(generation)?;
                    self.becomes(generation, Master::Waits, Master::Forks)?;
                }
                Action::Serve(generation) => {
                    if self.exclusive.get(&generation) == Some(&true) {
                        self.nobody_else_has_workers(generation)?;
                    }
                    self.becomes(generation, Master::Forks, Master::Serves)?;
                }
                Action::Pause(generation) => {
                    self.becomes(generation, Master::Serves, Master::Pauses)?;
                }
                Action::Resume(generation) => {
                    let was = self.masters.insert(generation, Master::Serves);
                    prop_assert!(matches!(was, Some(Master::Pauses | Master::Paused)));
                }
                Action::Drain(generation) => {
                    let was = self.masters.insert(generation, Master::Drains);
                    prop_assert!(was.is_some());
                }
                Action::Kill(generation) => {
                    let was = self.masters.insert(generation, Master::Dies);
                    prop_assert!(was.is_some());
                }
                Action::TimeOut(generation) => {
                    prop_assert_eq!(self.life.coming(), Some(generation));
                }
                Action::Announce(generation) => {
                    prop_assert_eq!(self.life.serving(), Some(generation));
                }
                Action::Forget => prop_assert!(self.masters.is_empty()),
                Action::Sleep => prop_assert_eq!(self.life.state(), VassalState::Asleep),
                Action::Release | Action::Wait(_) => {}
            }
        }
        Ok(())
    }

    fn becomes(&mut self, generation: u64, from: Master, to: Master) -> Result<(), TestCaseError> {
        prop_assert_eq!(self.masters.insert(generation, to), Some(from));
        Ok(())
    }

    fn nobody_else_has_workers(&self, generation: u64) -> Result<(), TestCaseError> {
        for (other, master) in &self.masters {
            let is_alone = *other == generation || !master.has_workers();
            prop_assert!(is_alone, "{} beside {}: {:?}", generation, other, master);
        }
        Ok(())
    }

    fn holds(&self) -> Result<(), TestCaseError> {
        let life = &self.life;
        for generation in self.masters.keys() {
            let is_known = life.serving() == Some(*generation)
                || life.coming() == Some(*generation)
                || life.is_leaving(*generation);
            prop_assert!(is_known, "generation {} is nobody's", generation);
        }
        if let Some(serving) = life.serving {
            let has_plan = life.coming.is_some_and(|coming| {
                matches!(coming.stage, Stage::Loaded | Stage::Forking { .. })
            });
            let serves = serving.activity == Activity::Serves;
            prop_assert!(serves || has_plan, "paused for nobody: {:?}", life);
        }
        // A generation is on its way: it has a deadline, or waits for another one's.
        if life.coming.is_some() || life.retry_at.is_some() {
            prop_assert!(life.wake_at().is_some(), "{:?}", life);
        }
        if life.is_asleep() {
            let has_none = life.serving.is_none() && life.coming.is_none();
            prop_assert!(has_none && life.want == Want::Run, "{life:?}");
            prop_assert!(life.retry_at.is_none(), "{life:?}");
        }
        if life.state() == VassalState::Backoff {
            let waits_for_change = life.has_newest_failed && life.retry_at.is_none();
            prop_assert!(waits_for_change || life.retry_at.is_some());
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// At most one generation serves and one comes up; every generation that was started is told
    /// to leave before it is forgotten; a vassal that shall run is never left without a generation
    /// that serves, one that is paused for another, one that comes up, a deadline or a bad file,
    /// unless it sleeps;
    /// and without overlap, no two generations have workers.
    #[test]
    fn no_walk_loses_a_vassal(
        walk in proptest::collection::vec((0..18u8, 0..6usize, 0..4000u64), 1..80),
    ) {
        let mut vassal = Walk::new();
        for (what, pick, milliseconds) in walk {
            vassal.now += Duration::from_millis(milliseconds);
            let event = vassal.event(what, pick);
            vassal.step(event)?;
            vassal.holds()?;
        }
    }
}
