//! The life of a vassal that another emperor left in the middle of something.

use lictor_core::ipc::MasterPhase;

use super::super::Action::{Drain, Resume, Spawn};
use super::super::Event::{AllFound, Exited, FileGood, Found};
use super::super::*;

const MERCY: Duration = Duration::from_hours(1);

/// Generation 1 serves, by the record; 2 was given out.
fn adopted() -> Lifecycle {
    Lifecycle::adopted(Left {
        newest: 2,
        serving: Some((1, MERCY)),
        has_served: true,
        ..Left::default()
    })
}

#[test]
fn one_that_serves_goes_on() {
    let now = Instant::now();
    let mut life = adopted();
    assert_eq!(life.step(Found(1, MasterPhase::Serving), now), []);
    assert_eq!(life.step(AllFound, now), []);
    assert_eq!(life.state(), VassalState::Ready);
    assert!(!life.is_unserved());
}

#[test]
fn one_that_was_paused_for_a_generation_that_is_gone_resumes() {
    let now = Instant::now();
    let mut life = adopted();
    assert_eq!(life.step(Found(1, MasterPhase::Paused), now), []);
    assert!(life.is_unserved());
    assert_eq!(life.step(AllFound, now), [Resume(1)]);
    assert_eq!(life.step(AllFound, now), [], "once");
    assert!(!life.is_unserved());
    // A change that is found before the masters brings it back as well.
    let mut life = adopted();
    life.step(Found(1, MasterPhase::Paused), now);
    assert_eq!(life.step(FileGood, now), [Resume(1), Spawn(3)]);
}

#[test]
fn one_that_was_paused_leaves_if_the_new_one_serves_already() {
    let now = Instant::now();
    let mut life = adopted();
    assert_eq!(life.step(Found(1, MasterPhase::Paused), now), []);
    assert_eq!(life.step(Found(2, MasterPhase::Serving), now), [Drain(1)]);
    assert_eq!(life.step(AllFound, now), []);
    assert_eq!(life.serving(), Some(2));
    assert!(life.wake_at().unwrap() > now + MERCY, "by its own mercy");
    assert_eq!(life.step(Exited(1), now), []);
}

#[test]
fn one_that_pauses_now_is_not_resumed_because_another_one_ends() {
    let now = Instant::now();
    let mut life = adopted();
    life.step(Found(1, MasterPhase::Serving), now);
    life.step(FileGood, now);
    life.step(Event::Spawned(3), now);
    assert_eq!(life.step(Event::Loaded(3), now), [Action::Pause(1)]);
    assert_eq!(life.step(AllFound, now), []);
    life.step(Event::Paused(1), now);
    assert_eq!(life.step(AllFound, now), []);
    assert!(life.is_unserved());
}
