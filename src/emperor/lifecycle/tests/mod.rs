//! The table of [`super::Lifecycle`], row by row.

mod adopted;
mod asleep;
mod fallen_back;
mod walks;
mod without_overlap;

use super::Action::{Announce, Drain, Forget, Kill, Release, Serve, Spawn, TimeOut, Wait};
use super::Event::{
    Exited, Failed, FellBack, FileBad, FileGone, FileGood, Ready, Spawned, StopAsked, Withdrawn,
    Woken,
};
use super::coming::LONGEST_HANDING;
use super::leaving::HEALTHY;
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

#[test]
fn an_old_generation_has_its_own_mercy_whatever_the_new_file_says() {
    let now = Instant::now();
    let mut life = Lifecycle::new();
    life.reload_mercy = Duration::from_hours(1);
    life.step(FileGood, now);
    life.step(Spawned(1), now);
    life.step(Ready(1), now);
    life.reload_mercy = Duration::from_secs(1);
    life.step(FileGood, now);
    life.step(Spawned(2), now);
    life.step(Ready(2), now);
    life.step(Withdrawn(1), now);
    assert!(life.wake_at().unwrap() > now + Duration::from_hours(1));
}

#[test]
fn a_change_ends_any_wait_and_forgets_the_failures() {
    let mut now = Instant::now();
    let mut life = Lifecycle::new();
    life.step(FileGood, now);
    for generation in 1..=12 {
        life.step(Spawned(generation), now);
        life.step(Exited(generation), now);
        now = life.wake_at().unwrap();
        assert_eq!(life.step(Woken, now), [Spawn(generation + 1)]);
    }
    life.step(Spawned(13), now);
    let wait = Duration::from_mins(1);
    assert_eq!(life.step(Exited(13), now), [Wait(wait)]);
    assert_eq!(life.step(FileGood, now), [Spawn(14)]);
    life.step(Spawned(14), now);
    let first = Duration::from_millis(100);
    assert_eq!(life.step(Exited(14), now), [Wait(first)]);
    // A bad file ends the wait too: only a change helps.
    assert_eq!(life.step(FileBad, now), []);
    assert_eq!(life.wake_at(), None);
    assert_eq!(life.step(FileGood, now), [Spawn(16)]);
}

#[test]
fn before_its_file_was_read_a_vassal_is_starting() {
    assert_eq!(Lifecycle::new().state(), VassalState::Starting);
}
