//! A vassal that nobody needs at the moment.

use super::*;
use crate::emperor::lifecycle::Action::Sleep;
use crate::emperor::lifecycle::Event::{Idle, Knocked, SleepFailed};

#[test]
fn what_is_idle_leaves_and_comes_back_at_the_next_connection() {
    let now = Instant::now();
    let mut life = ready(now);
    assert_eq!(life.step(Idle(2), now), [], "it is another one");
    assert_eq!(life.step(Idle(1), now), [Drain(1), Sleep]);
    assert_eq!(life.state(), VassalState::Asleep);
    assert_eq!(life.step(Exited(1), now), []);
    assert_eq!(life.step(Woken, now + HEALTHY), [], "nobody wants it");
    assert_eq!(life.wake_at(), None);
    assert_eq!(life.step(Knocked, now), [Spawn(2)]);
    assert_eq!(life.state(), VassalState::Starting);
    assert_eq!(life.step(Knocked, now), [], "once");
}

#[test]
fn what_is_idle_stays_while_another_one_comes_up_or_has_failed() {
    let now = Instant::now();
    let mut life = ready(now);
    life.step(FileGood, now);
    life.step(Spawned(2), now);
    assert_eq!(life.step(Idle(1), now), []);
    life.step(Failed(2), now);
    assert_eq!(life.step(Idle(1), now), []);
    assert_eq!(life.state(), VassalState::Degraded);
}

#[test]
fn a_file_that_says_so_sleeps_from_the_beginning() {
    let now = Instant::now();
    let mut life = Lifecycle::new();
    life.starts_asleep = true;
    assert_eq!(life.step(FileGood, now), [Sleep, Release]);
    assert_eq!(life.state(), VassalState::Asleep);
    // Another text of it: what the next connection starts.
    assert_eq!(life.step(FileGood, now), [Sleep, Release]);
    assert_eq!(life.step(Knocked, now), [Spawn(1)]);
    life.step(Spawned(1), now);
    life.step(Ready(1), now);
    assert_eq!(life.step(FileGood, now), [Spawn(2)], "it is awake");
}

#[test]
fn an_order_wakes_it() {
    let now = Instant::now();
    let mut life = Lifecycle::new();
    life.starts_asleep = true;
    life.step(FileGood, now);
    life.call();
    assert_eq!(life.step(FileGood, now), [Spawn(1)]);
}

#[test]
fn a_broken_file_is_shown_and_a_good_one_serves() {
    let now = Instant::now();
    let mut life = ready(now);
    life.step(Idle(1), now);
    life.step(Exited(1), now);
    assert_eq!(life.step(FileBad, now), []);
    assert_eq!(life.state(), VassalState::Backoff);
    assert_eq!(life.step(FileGood, now), [Spawn(3)]);
}

#[test]
fn a_broken_app_is_found_by_who_wakes_it() {
    let now = Instant::now();
    let mut life = ready(now);
    life.step(Idle(1), now);
    life.step(Knocked, now);
    life.step(Spawned(2), now);
    assert!(matches!(life.step(Failed(2), now)[..], [Kill(2), Wait(_)]));
    assert_eq!(life.state(), VassalState::Backoff);
}

#[test]
fn asleep_it_stops_and_goes_at_once() {
    let now = Instant::now();
    for (event, expected) in [
        (StopAsked, vec![Release]),
        (FileGone, vec![Release, Forget]),
    ] {
        let mut life = ready(now);
        life.step(Idle(1), now);
        life.step(Exited(1), now);
        assert_eq!(life.step(event, now), expected);
        assert_eq!(life.step(Knocked, now), []);
    }
}

#[test]
fn one_that_cannot_be_woken_is_started_after_a_while() {
    let now = Instant::now();
    let mut life = Lifecycle::new();
    life.starts_asleep = true;
    life.step(FileGood, now);
    assert!(matches!(life.step(SleepFailed, now)[..], [Wait(_)]));
    assert_eq!(life.state(), VassalState::Backoff);
    let at = life.wake_at().unwrap();
    assert_eq!(life.step(Woken, at), [Spawn(2)]);
}
