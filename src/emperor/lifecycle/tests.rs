//! The table of [`super::Lifecycle`], row by row, and what holds for every walk through it.

use proptest::prelude::*;

use super::Action::{Announce, Drain, Forget, Kill, Release, Resume, Serve, Spawn, TimeOut, Wait};
use super::Event::{
    Exited, Failed, FileBad, FileGone, FileGood, Ready, Spawned, StopAsked, Withdrawn, Woken,
};
use super::*;

fn ready(now: Instant) -> Lifecycle {
    let mut life = Lifecycle::new();
    assert_eq!(life.step(FileGood, now), [Spawn(1)]);
    assert_eq!(life.state(), VassalState::Starting);
    life.step(Spawned(1), now);
    assert_eq!(life.step(Ready(1), now), [Serve(1), Announce(1), Release]);
    assert_eq!(life.state(), VassalState::Ready);
    life
}

#[test]
fn a_change_brings_the_new_generation_up_before_the_old_one_drains() {
    let now = Instant::now();
    let mut life = ready(now);
    assert_eq!(life.step(FileGood, now), [Spawn(2)]);
    assert_eq!(life.state(), VassalState::Reloading);
    life.step(Spawned(2), now);
    assert_eq!(life.step(Ready(2), now), [Serve(2), Drain(1)]);
    assert_eq!(life.state(), VassalState::Reloading);
    assert_eq!(life.step(Withdrawn(1), now), [Announce(2), Release]);
    assert_eq!(life.state(), VassalState::Ready);
    assert_eq!(life.step(Exited(1), now), []);
}

#[test]
fn an_old_generation_in_a_long_request_delays_the_announcement_for_a_moment_only() {
    let now = Instant::now();
    let mut life = ready(now);
    life.step(FileGood, now);
    life.step(Spawned(2), now);
    life.step(Ready(2), now);
    let late = life.wake_at().unwrap();
    assert_eq!(late, now + LONGEST_HANDING);
    assert_eq!(life.step(Woken, late), [Announce(2), Release]);
    assert_eq!(life.step(Withdrawn(1), late), []);
}

#[test]
fn a_generation_that_fails_leaves_the_old_one_serving() {
    let now = Instant::now();
    let mut life = ready(now);
    life.step(FileGood, now);
    life.step(Spawned(2), now);
    assert_eq!(life.step(Failed(2), now), [Kill(2), Release]);
    assert_eq!(life.state(), VassalState::Degraded);
    assert_eq!(life.serving(), Some(1));
    assert_eq!(life.step(FileBad, now), []);
    assert_eq!(life.state(), VassalState::Degraded);
    assert_eq!(life.step(FileGood, now), [Spawn(4)]);
}

#[test]
fn a_change_while_a_generation_comes_up_replaces_it() {
    let now = Instant::now();
    let mut life = ready(now);
    life.step(FileGood, now);
    life.step(Spawned(2), now);
    assert_eq!(life.step(FileGood, now), [Kill(2), Spawn(3)]);
    assert_eq!(life.step(Ready(2), now), []);
    assert_eq!(life.step(Exited(2), now), []);
    life.step(Spawned(3), now);
    assert_eq!(life.step(Ready(3), now), [Serve(3), Drain(1)]);
    assert_eq!(life.step(Exited(1), now), [Announce(3), Release]);
}

#[test]
fn without_a_good_generation_it_waits_longer_each_time_and_a_change_ends_the_wait() {
    let mut now = Instant::now();
    let mut life = Lifecycle::new();
    life.step(FileGood, now);
    for (generation, milliseconds) in [(1, 100), (2, 200), (3, 400)] {
        life.step(Spawned(generation), now);
        let wait = Duration::from_millis(milliseconds);
        assert_eq!(life.step(Exited(generation), now), [Wait(wait)]);
        assert_eq!(life.state(), VassalState::Backoff);
        now = life.wake_at().unwrap();
        assert_eq!(life.step(Woken, now), [Spawn(generation + 1)]);
    }
    life.step(Failed(4), now);
    assert_eq!(life.step(FileGood, now), [Spawn(5)]);
    life.step(Spawned(5), now);
    assert_eq!(
        life.step(Exited(5), now),
        [Wait(Duration::from_millis(100))]
    );
}

#[test]
fn a_master_that_dies_is_replaced_at_once_and_not_in_a_tight_loop() {
    let now = Instant::now();
    let mut life = ready(now);
    assert_eq!(life.step(Exited(1), now), [Spawn(2)]);
    life.step(Spawned(2), now);
    life.step(Ready(2), now);
    assert_eq!(
        life.step(Exited(2), now),
        [Wait(Duration::from_millis(100))]
    );
    let later = life.wake_at().unwrap();
    life.step(Woken, later);
    life.step(Spawned(3), later);
    life.step(Ready(3), later);
    assert_eq!(life.step(Exited(3), later + HEALTHY), [Spawn(4)]);
}

#[test]
fn a_generation_that_hangs_while_it_comes_up_is_given_up() {
    let now = Instant::now();
    let mut life = Lifecycle::new();
    life.step(FileGood, now);
    assert_eq!(life.wake_at(), None, "the clock starts with its master");
    life.step(Spawned(1), now);
    let late = life.wake_at().unwrap();
    assert_eq!(late, now + life.start_timeout);
    assert_eq!(life.step(Woken, late), [TimeOut(1)]);
    assert_eq!(
        life.step(Failed(1), late),
        [Kill(1), Wait(Duration::from_millis(100))]
    );
}

#[test]
fn stop_drains_and_stays_stopped_until_it_is_allowed_again() {
    let now = Instant::now();
    let mut life = ready(now);
    assert_eq!(life.step(StopAsked, now), [Release, Drain(1)]);
    assert_eq!(life.state(), VassalState::Stopping);
    assert_eq!(life.step(Exited(1), now), []);
    assert_eq!(life.state(), VassalState::Stopped);
    assert_eq!(life.step(FileGood, now), []);
    life.allow();
    assert_eq!(life.step(FileGood, now), [Spawn(2)]);
}

#[test]
fn a_removed_vassal_is_forgotten_when_its_last_process_is_gone() {
    let now = Instant::now();
    let mut life = ready(now);
    life.step(FileGood, now);
    life.step(Spawned(2), now);
    assert_eq!(life.step(FileGone, now), [Kill(2), Release, Drain(1)]);
    assert_eq!(life.step(Exited(1), now), []);
    assert_eq!(life.step(Exited(2), now), [Forget]);
}

#[test]
fn a_master_that_does_not_leave_is_killed() {
    let now = Instant::now();
    let mut life = ready(now);
    life.step(StopAsked, now);
    let late = life.wake_at().unwrap();
    assert!(late > now + life.reload_mercy);
    assert_eq!(life.step(Woken, late), [Kill(1)]);
}

fn any_event() -> impl Strategy<Value = u8> {
    0..10u8
}

proptest! {
    /// Whatever happens: at most one generation serves and one comes up, every generation that was
    /// started is told to leave before it is forgotten, and a vassal that shall run is never left
    /// without a process, a deadline or a bad file.
    #[test]
    fn no_walk_loses_a_vassal(walk in proptest::collection::vec((any_event(), 1..6u64), 1..60)) {
        let mut now = Instant::now();
        let mut life = Lifecycle::new();
        let mut alive = std::collections::BTreeSet::new();
        for (event, pick) in walk {
            now += Duration::from_millis(37 * pick);
            let some = alive.iter().copied().cycle().nth(usize::try_from(pick).unwrap());
            let event = match event {
                0 => FileGood,
                1 => FileBad,
                2 => FileGone,
                3 => StopAsked,
                4 | 5 => match life.coming().filter(|g| alive.contains(g)) {
                    Some(generation) => Ready(generation),
                    None => Woken,
                },
                6 => match life.coming().filter(|g| alive.contains(g)) {
                    Some(generation) => Failed(generation),
                    None => Woken,
                },
                7 => match some {
                    Some(generation) => { alive.remove(&generation); Exited(generation) }
                    None => Woken,
                },
                8 => some.map_or(Woken, Withdrawn),
                _ => Woken,
            };
            for action in life.step(event, now) {
                match action {
                    Spawn(generation) => {
                        alive.insert(generation);
                        life.step(Spawned(generation), now);
                    }
                    Forget => prop_assert!(alive.is_empty()),
                    Kill(g) | Drain(g) | TimeOut(g) => prop_assert!(alive.contains(&g)),
                    Serve(g) | Announce(g) | Resume(g) => prop_assert_eq!(life.serving(), Some(g)),
                    Release | Wait(_) => {}
                }
            }
            for generation in &alive {
                let is_known = life.serving() == Some(*generation)
                    || life.coming() == Some(*generation)
                    || life.is_leaving(*generation);
                prop_assert!(is_known, "generation {} is nobody's", generation);
            }
            if life.state() == VassalState::Backoff {
                prop_assert!(life.wake_at().is_some() || life.has_newest_failed || life.newest() == 0);
            }
        }
    }
}
