//! The rows of the table for `overlap = false`: old and new workers never live side by side.

use super::super::Action::{
    Announce, Drain, Forget, ForkWorkers, Kill, Pause, Release, Resume, Serve, Spawn, TimeOut, Wait,
};
use super::super::Event::{
    Exited, Failed, FileBad, FileGone, FileGood, Loaded, Paused, Ready, Spawned, StopAsked, Woken,
};
use super::super::*;

/// Generation 1 serves.
fn serving(now: Instant) -> Lifecycle {
    let mut life = Lifecycle::new();
    life.step(FileGood, now);
    life.step(Spawned(1), now);
    assert_eq!(life.step(Loaded(1), now), [ForkWorkers(1)]);
    assert_eq!(life.step(Ready(1), now), [Serve(1), Announce(1), Release]);
    assert_eq!(life.state(), VassalState::Ready);
    life
}

/// Generation 1 is asked to pause for generation 2.
fn pausing(now: Instant) -> Lifecycle {
    let mut life = serving(now);
    assert_eq!(life.step(FileGood, now), [Spawn(2)]);
    life.step(Spawned(2), now);
    assert_eq!(life.step(Loaded(2), now), [Pause(1)]);
    assert_eq!(life.state(), VassalState::Reloading);
    life
}

/// Generation 1 is paused, generation 2 forks its workers.
fn forking(now: Instant) -> Lifecycle {
    let mut life = pausing(now);
    assert_eq!(life.step(Paused(1), now), [ForkWorkers(2)]);
    assert_eq!(life.state(), VassalState::Reloading);
    assert!(life.is_unserved());
    life
}

#[test]
fn the_old_pauses_then_the_new_forks_and_serves() {
    let now = Instant::now();
    let mut life = forking(now);
    let ready = life.step(Ready(2), now);
    assert_eq!(ready, [Serve(2), Drain(1), Announce(2), Release]);
    assert_eq!(life.state(), VassalState::Ready);
    assert_eq!(life.step(Exited(1), now), []);
}

#[test]
fn one_that_fails_before_it_is_loaded_leaves_the_old_untouched() {
    let now = Instant::now();
    let mut life = serving(now);
    life.step(FileGood, now);
    life.step(Spawned(2), now);
    assert_eq!(life.step(Failed(2), now), [Kill(2), Release]);
    assert_eq!(life.state(), VassalState::Degraded);
    assert!(!life.is_unserved());
}

#[test]
fn one_that_fails_after_the_pause_lets_the_old_come_back() {
    let now = Instant::now();
    for mut life in [pausing(now), forking(now)] {
        assert_eq!(life.step(Failed(2), now), [Kill(2), Resume(1), Release]);
        assert_eq!(life.state(), VassalState::Degraded);
        assert_eq!(life.serving(), Some(1));
        // It may have said so before it heard that it serves again.
        assert_eq!(life.step(Paused(1), now), []);
        assert!(!life.is_unserved());
    }
    let mut life = forking(now);
    assert_eq!(life.step(Exited(2), now), [Resume(1), Release]);
    assert_eq!(life.state(), VassalState::Degraded);
}

#[test]
fn the_clock_of_the_new_one_stands_still_while_the_old_pauses() {
    let now = Instant::now();
    let mut life = serving(now);
    life.start_timeout = Duration::from_secs(2);
    life.step(FileGood, now);
    life.step(Spawned(2), now);
    life.step(Loaded(2), now + Duration::from_secs(1));
    let later = now + Duration::from_secs(40);
    assert_eq!(life.step(Woken, later), []);
    assert_eq!(life.step(Paused(1), later), [ForkWorkers(2)]);
    let late = life.wake_at().unwrap();
    assert_eq!(late, later + Duration::from_secs(2));
    assert_eq!(life.step(Woken, late), [TimeOut(2)]);
    assert_eq!(life.step(Failed(2), late), [Kill(2), Resume(1), Release]);
}

#[test]
fn a_change_meanwhile_lets_the_old_serve_until_the_newest_is_loaded() {
    let now = Instant::now();
    for mut life in [pausing(now), forking(now)] {
        assert_eq!(life.step(FileGood, now), [Kill(2), Resume(1), Spawn(3)]);
        assert_eq!(life.state(), VassalState::Reloading);
        assert_eq!(life.step(Loaded(2), now), []);
        assert_eq!(life.step(Exited(2), now), []);
        life.step(Spawned(3), now);
        assert_eq!(life.step(Loaded(3), now), [Pause(1)]);
        assert_eq!(life.step(Paused(1), now), [ForkWorkers(3)]);
        let ready = life.step(Ready(3), now);
        assert_eq!(ready, [Serve(3), Drain(1), Announce(3), Release]);
    }
}

#[test]
fn a_bad_file_meanwhile_lets_the_old_come_back() {
    let now = Instant::now();
    for mut life in [pausing(now), forking(now)] {
        assert_eq!(life.step(FileBad, now), [Kill(2), Resume(1)]);
        assert_eq!(life.state(), VassalState::Degraded);
    }
}

#[test]
fn a_master_that_dies_while_it_pauses_makes_room() {
    let now = Instant::now();
    let mut life = pausing(now);
    assert_eq!(life.step(Exited(1), now), [ForkWorkers(2)]);
    assert_eq!(life.state(), VassalState::Starting);
    assert_eq!(life.step(Ready(2), now), [Serve(2), Announce(2), Release]);

    // One that died after it was paused is not there to go back to.
    let mut life = forking(now);
    assert_eq!(life.step(Exited(1), now), []);
    let wait = Duration::from_millis(100);
    assert_eq!(life.step(Failed(2), now), [Kill(2), Wait(wait)]);
    assert_eq!(life.step(Woken, now + wait), [Spawn(3)]);
}

#[test]
fn a_master_that_does_not_pause_is_killed() {
    let now = Instant::now();
    let mut life = pausing(now);
    let late = life.wake_at().unwrap();
    assert!(late > now + life.reload_mercy);
    assert_eq!(life.step(Woken, late), [Kill(1)]);
    assert_eq!(life.step(Exited(1), late), [ForkWorkers(2)]);
}

#[test]
fn an_earlier_one_that_still_drains_is_waited_for_while_the_old_serves() {
    let now = Instant::now();
    let mut life = Lifecycle::new();
    for generation in [1, 2] {
        life.step(FileGood, now);
        life.step(Spawned(generation), now);
        life.step(Ready(generation), now);
    }
    life.step(FileGood, now);
    life.step(Spawned(3), now);
    assert_eq!(life.step(Loaded(3), now), []);
    assert!(!life.is_unserved());
    let exited = life.step(Exited(1), now);
    assert_eq!(exited, [Announce(2), Release, Pause(2)]);
    assert_eq!(life.step(Paused(2), now), [ForkWorkers(3)]);
}

#[test]
fn a_stop_or_removal_meanwhile_ends_all() {
    let now = Instant::now();
    for mut life in [pausing(now), forking(now)] {
        assert_eq!(life.step(StopAsked, now), [Kill(2), Release, Drain(1)]);
        assert_eq!(life.step(Paused(1), now), []);
        life.step(Exited(1), now);
        life.step(Exited(2), now);
        assert_eq!(life.state(), VassalState::Stopped);
    }
    for mut life in [pausing(now), forking(now)] {
        assert_eq!(life.step(FileGone, now), [Kill(2), Release, Drain(1)]);
        life.step(Exited(2), now);
        assert_eq!(life.step(Exited(1), now), [Forget]);
    }
}

#[test]
fn only_the_option_of_the_new_file_counts() {
    let now = Instant::now();
    // The new generation overlaps: it says that it is ready without having said that it is loaded.
    let mut life = serving(now);
    life.step(FileGood, now);
    life.step(Spawned(2), now);
    assert_eq!(life.step(Ready(2), now), [Serve(2), Drain(1)]);
}

#[test]
fn words_out_of_turn_change_nothing() {
    let now = Instant::now();
    let mut life = pausing(now);
    for event in [Loaded(2), Ready(2), Paused(2), Loaded(1), Spawned(2)] {
        assert_eq!(life.step(event, now), [], "{event:?}");
    }
    assert_eq!(life.step(Paused(1), now), [ForkWorkers(2)]);
    assert_eq!(life.step(Paused(1), now), []);
    assert_eq!(life.step(Loaded(2), now), []);
}
