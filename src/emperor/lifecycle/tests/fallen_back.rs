//! Falling back to the file that worked: the newest has failed, and nothing serves any more.

use super::*;

/// Generation 1 serves, 2 has failed.
fn degraded(now: Instant) -> Lifecycle {
    let mut life = ready(now);
    life.step(FileGood, now);
    life.step(Spawned(2), now);
    life.step(Failed(2), now);
    assert!(life.may_fall_back());
    life
}

/// Generation 3 serves by the earlier file.
fn fallen_back(now: Instant) -> Lifecycle {
    let mut life = degraded(now);
    assert_eq!(life.step(FellBack, now), []);
    // A generation with one failure before it waits a moment, as ever.
    assert!(matches!(life.step(Exited(1), now)[..], [Wait(_)]));
    let later = life.wake_at().unwrap();
    assert_eq!(life.step(Woken, later), [Spawn(3)]);
    life.step(Spawned(3), later);
    assert_eq!(life.step(Ready(3), later), [Serve(3), Announce(3), Release]);
    life
}

#[test]
fn what_serves_by_an_earlier_file_is_degraded_until_the_newest_works() {
    let now = Instant::now();
    let mut life = fallen_back(now);
    assert_eq!(life.state(), VassalState::Degraded);
    assert!(!life.may_fall_back(), "once");
    // Its master is replaced, and nothing else becomes of that.
    life.step(Exited(3), now);
    let later = life.wake_at().unwrap();
    assert_eq!(life.step(Woken, later), [Spawn(4)]);
    life.step(Spawned(4), later);
    life.step(Ready(4), later);
    assert_eq!(life.state(), VassalState::Degraded);
    // The file changes.
    assert_eq!(life.step(FileGood, later), [Spawn(5)]);
    life.step(Spawned(5), later);
    life.step(Ready(5), later);
    life.step(Withdrawn(4), later);
    assert_eq!(life.state(), VassalState::Ready);
    assert!(!life.has_fallen_back());
}

#[test]
fn a_newest_file_that_fails_again_is_fallen_back_from_again() {
    let now = Instant::now();
    let mut life = fallen_back(now);
    assert_eq!(life.step(FileBad, now), []);
    assert_eq!(life.state(), VassalState::Degraded);
    assert!(life.may_fall_back());
}

#[test]
fn a_newest_file_that_fails_while_nothing_serves_is_followed_at_once_by_the_earlier_one() {
    let now = Instant::now();
    let mut life = ready(now);
    life.step(FileGood, now);
    life.step(Spawned(2), now);
    assert_eq!(life.step(Exited(1), now), []);
    assert!(!life.may_fall_back(), "the newest may work yet");
    assert!(matches!(life.step(Exited(2), now)[..], [Wait(_)]));
    life.step(FellBack, now);
    assert_eq!(life.wake_at(), Some(now));
    assert_eq!(life.step(Woken, now), [Spawn(3)]);
    // One that fails as well waits, longer each time.
    life.step(Spawned(3), now);
    assert!(matches!(life.step(Failed(3), now)[..], [Kill(3), Wait(_)]));
    assert!(life.wake_at().unwrap() > now);
    // A file that cannot even be read is followed by it, too.
    life.step(FileBad, now);
    assert!(life.may_fall_back());
    life.step(FellBack, now);
    assert_eq!(life.step(Woken, now), [Spawn(5)]);
}

#[test]
fn one_that_has_not_served_or_was_stopped_has_nothing_to_fall_back_to() {
    let now = Instant::now();
    let mut life = Lifecycle::new();
    life.step(FileGood, now);
    life.step(Spawned(1), now);
    life.step(Failed(1), now);
    assert!(!life.may_fall_back());
    let mut life = degraded(now);
    life.step(StopAsked, now);
    life.step(Exited(1), now);
    life.step(Exited(2), now);
    assert!(!life.may_fall_back());
    life.step(FellBack, now);
    assert_eq!(life.wake_at(), None);
    life.allow();
    life.step(FileBad, now);
    assert!(!life.may_fall_back());
}

#[test]
fn the_next_emperor_finds_it_as_it_was() {
    let now = Instant::now();
    let left = |has_fallen_back| Left {
        newest: 3,
        serving: Some((3, Duration::from_secs(1))),
        failed: Some(2),
        has_fallen_back,
        has_served: true,
        ..Left::default()
    };
    let mut life = Lifecycle::adopted(left(true));
    assert_eq!(life.state(), VassalState::Degraded);
    assert_eq!(life.step(Exited(3), now), [Spawn(4)]);
    life.step(Spawned(4), now);
    life.step(Ready(4), now);
    assert_eq!(life.state(), VassalState::Degraded);
    assert_eq!(Lifecycle::adopted(left(false)).state(), VassalState::Ready);
}
