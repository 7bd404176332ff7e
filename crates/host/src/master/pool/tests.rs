//! The table of the pool, row by row, and what holds whatever happens.

use super::PoolAction::{
    Drain, End, Fork, GiveUp, Kill, Leave, Probe, Serve, TellLoaded, TellMended, TellPaused,
    TellReady, TellRetiring, TellTrouble, Terminate,
};
use super::PoolEvent::{
    Busy, Condemned, DrainOrdered, Excessive, ForkFailed, ForkOrdered, Idle, Knocked, More,
    PauseOrdered, ProbeFailed, ProbePassed, ResumeOrdered, RetireAsked, ServeOrdered, Silent,
    Spare, Started, Woken, WorkerReady,
};
use super::slot::HEALTHY;
use super::worker::GRACE;
use super::*;
use proptest::prelude::*;
use std::time::Duration;

const MERCY: Duration = Duration::from_mins(1);
const START_TIMEOUT: Duration = Duration::from_secs(30);
const LIMIT: Reason = Reason::MaxRequests { served: 9 };

fn settings(processes: u32) -> Settings {
    Settings {
        processes,
        minimum: processes,
        initial: processes,
        step: 1,
        trial: None,
        overlap: true,
        has_ready_path: false,
        start_timeout: START_TIMEOUT,
        reload_mercy: MERCY,
        lifetime: None,
    }
}

fn seats<const N: usize>(numbers: [u32; N]) -> [Seat; N] {
    numbers.map(Seat)
}

fn exited(seat: Seat) -> PoolEvent {
    PoolEvent::WorkerExited(seat, Ending::Plain)
}

fn milliseconds(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// Two workers that serve, on the seats 1 and 2.
fn serving(now: Instant) -> Pool {
    serving_with(settings(2), now)
}

/// The same, old enough to be replaced.
fn serving_for_a_while() -> (Pool, Instant) {
    let begin = Instant::now();
    (serving(begin), begin + Duration::from_secs(5))
}

fn serving_with(settings: Settings, now: Instant) -> Pool {
    let mut pool = Pool::new(settings);
    let [a, b] = seats([1, 2]);
    assert_eq!(pool.step(Started, now), [Fork(a, 1), Fork(b, 2)]);
    assert_eq!(pool.step(WorkerReady(b), now), []);
    assert_eq!(pool.step(WorkerReady(a), now), [TellReady]);
    assert_eq!(pool.step(ServeOrdered, now), [Serve(a), Serve(b)]);
    pool
}

#[test]
fn a_generation_announces_itself_when_all_workers_can_serve() {
    serving(Instant::now());
}

#[test]
fn the_loss_of_a_worker_before_serving_is_the_failure_of_the_generation() {
    let now = Instant::now();
    let [a, b] = seats([1, 2]);
    let mut pool = Pool::new(settings(2));
    pool.step(Started, now);
    assert_eq!(pool.step(exited(a), now), [GiveUp(1), Kill(b)]);
    assert_eq!(pool.step(exited(b), now), [Leave]);
    let mut pool = Pool::new(settings(2));
    pool.step(Started, now);
    assert_eq!(pool.step(ForkFailed(b), now), [GiveUp(2), Kill(a)]);
}

#[test]
fn a_request_that_cannot_be_saved_before_serving_is_the_failure_of_the_generation() {
    let now = Instant::now();
    let mut pool = Pool::new(settings(1));
    pool.step(Started, now);
    assert_eq!(pool.step(Condemned(Seat(1)), now), [Kill(Seat(1))]);
    assert_eq!(pool.step(exited(Seat(1)), now), [GiveUp(1)]);
}

#[test]
fn the_first_lost_worker_is_replaced_at_once_and_a_crash_loop_waits_longer_each_time() {
    let mut now = Instant::now();
    let mut pool = Pool::new(settings(1));
    pool.step(Started, now);
    pool.step(WorkerReady(Seat(1)), now);
    pool.step(ServeOrdered, now);
    now += HEALTHY;
    assert_eq!(pool.step(exited(Seat(1)), now), [Fork(Seat(2), 1)]);
    assert_eq!(pool.step(WorkerReady(Seat(2)), now), [Serve(Seat(2))]);
    let mut last = Seat(2);
    let mut waits = Vec::new();
    for _ in 0..12 {
        let told = pool.step(exited(last), now);
        let at = pool.wake_at().unwrap();
        assert_eq!(told, [TellTrouble(1, at - now)]);
        waits.push((at - now).as_millis());
        now = at;
        let forked = pool.step(Woken, now);
        let [Fork(seat, 1)] = forked.as_slice() else {
            panic!("{forked:?}");
        };
        last = *seat;
    }
    let expected = [
        100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000,
    ];
    assert_eq!(waits, expected);
    pool.step(WorkerReady(last), now);
    // As long as the next end would wait, the trouble is not over.
    assert_eq!(pool.wake_at(), Some(now + HEALTHY));
    now += HEALTHY;
    assert_eq!(pool.step(Woken, now), [TellMended]);
    assert_eq!(pool.wake_at(), None);
    assert!(matches!(pool.step(exited(last), now)[..], [Fork(_, 1)]));
}

#[test]
fn waits_are_shortened_by_a_quarter_at_most() {
    let now = Instant::now();
    let mut pool = serving(now);
    pool.jitter = 1.0;
    pool.step(exited(Seat(1)), now);
    let told = pool.step(exited(Seat(3)), now);
    assert_eq!(told, [TellTrouble(1, milliseconds(75))]);
}

#[test]
fn a_process_that_cannot_be_made_is_tried_again_later() {
    let now = Instant::now();
    let mut pool = serving(now);
    assert_eq!(pool.step(exited(Seat(1)), now), [Fork(Seat(3), 1)]);
    let told = pool.step(ForkFailed(Seat(3)), now);
    assert_eq!(told, [TellTrouble(1, milliseconds(100))]);
    let now = now + milliseconds(100);
    assert_eq!(pool.step(Woken, now), [Fork(Seat(4), 1)]);
    let told = pool.step(ForkFailed(Seat(4)), now);
    assert_eq!(told, [TellTrouble(1, milliseconds(200))]);
}

#[test]
fn a_worker_that_was_killed_for_its_memory_is_always_told() {
    let now = Instant::now();
    let mut pool = serving(now);
    let told = pool.step(PoolEvent::WorkerExited(Seat(1), Ending::OutOfMemory), now);
    assert_eq!(told, [TellTrouble(1, Duration::ZERO), Fork(Seat(3), 1)]);
    pool.step(WorkerReady(Seat(3)), now);
    assert_eq!(pool.step(Woken, now + HEALTHY), [TellMended]);
}

#[test]
fn the_trouble_is_over_when_no_slot_is_in_any() {
    let now = Instant::now();
    let mut pool = serving(now);
    for lost in [1, 2] {
        pool.step(
            PoolEvent::WorkerExited(Seat(lost), Ending::OutOfMemory),
            now,
        );
    }
    pool.step(WorkerReady(Seat(3)), now);
    let later = now + milliseconds(1);
    pool.step(WorkerReady(Seat(4)), later);
    assert_eq!(pool.step(Woken, now + HEALTHY), []);
    assert_eq!(pool.step(Woken, later + HEALTHY), [TellMended]);
}

#[test]
fn a_worker_that_retires_serves_until_its_replacement_does() {
    let now = Instant::now();
    let mut pool = serving(now);
    assert_eq!(
        pool.step(RetireAsked(Seat(1), LIMIT), now),
        [],
        "it is too young"
    );
    let now = pool.wake_at().unwrap();
    assert_eq!(
        pool.step(Woken, now),
        [TellRetiring(Seat(1), LIMIT), Fork(Seat(3), 1)]
    );
    assert!(pool.is_serving(Seat(1)) && !pool.is_leaving(Seat(1)));
    assert_eq!(pool.step(RetireAsked(Seat(1), LIMIT), now), [], "it did");
    assert_eq!(
        pool.step(WorkerReady(Seat(3)), now),
        [Serve(Seat(3)), Drain(Seat(1), MERCY)]
    );
    assert!(!pool.is_serving(Seat(1)) && pool.is_leaving(Seat(1)));
    assert_eq!(pool.step(RetireAsked(Seat(1), LIMIT), now), [], "it leaves");
    assert_eq!(pool.step(exited(Seat(1)), now), []);
    assert_eq!(pool.wake_at(), None);
}

#[test]
fn one_worker_at_a_time_is_replaced() {
    let (mut pool, now) = serving_for_a_while();
    pool.step(RetireAsked(Seat(2), LIMIT), now);
    assert_eq!(pool.step(RetireAsked(Seat(1), LIMIT), now), []);
    assert_eq!(
        pool.step(WorkerReady(Seat(3)), now),
        [
            Serve(Seat(3)),
            Drain(Seat(2), MERCY),
            TellRetiring(Seat(1), LIMIT),
            Fork(Seat(4), 1)
        ]
    );
}

#[test]
fn a_replacement_that_fails_never_reduces_what_serves() {
    let mut now = Instant::now();
    let mut pool = serving(now);
    now += Duration::from_secs(5);
    pool.step(RetireAsked(Seat(1), LIMIT), now);
    // The first is tried again at once, then after longer and longer waits.
    assert_eq!(pool.step(exited(Seat(3)), now), [Fork(Seat(4), 1)]);
    for (seat, wait) in [(4, 100), (5, 200), (6, 400)] {
        let told = pool.step(exited(Seat(seat)), now);
        assert_eq!(told, [TellTrouble(1, milliseconds(wait))]);
        assert!(pool.is_serving(Seat(1)) && pool.is_serving(Seat(2)));
        now = pool.wake_at().unwrap();
        // Seats 1 and 2 are taken.
        let next = if seat == 6 { 3 } else { seat + 1 };
        assert_eq!(pool.step(Woken, now), [Fork(Seat(next), 1)]);
    }
    assert_eq!(
        pool.step(WorkerReady(Seat(3)), now),
        [Serve(Seat(3)), Drain(Seat(1), MERCY)]
    );
    assert_eq!(pool.step(Woken, now + HEALTHY), [TellMended]);
}

#[test]
fn a_replacement_stands_in_for_a_worker_that_ends_meanwhile() {
    let (mut pool, now) = serving_for_a_while();
    pool.step(RetireAsked(Seat(1), LIMIT), now);
    pool.step(RetireAsked(Seat(2), LIMIT), now);
    // Nobody else is forked for slot 1, and it is the turn of slot 2.
    assert_eq!(
        pool.step(exited(Seat(1)), now),
        [TellRetiring(Seat(2), LIMIT), Fork(Seat(4), 2)]
    );
    assert_eq!(pool.step(WorkerReady(Seat(3)), now), [Serve(Seat(3))]);
}

#[test]
fn a_worker_that_waits_for_its_turn_and_ends_is_forgotten() {
    let (mut pool, now) = serving_for_a_while();
    pool.step(RetireAsked(Seat(1), LIMIT), now);
    pool.step(RetireAsked(Seat(2), LIMIT), now);
    assert_eq!(pool.step(exited(Seat(2)), now), [Fork(Seat(4), 2)]);
    assert_eq!(
        pool.step(WorkerReady(Seat(3)), now),
        [Serve(Seat(3)), Drain(Seat(1), MERCY)]
    );
}

#[test]
fn a_worker_that_is_old_enough_retires() {
    let now = Instant::now();
    let lifetime = Some(Duration::from_secs(100));
    let mut pool = Pool::new(Settings {
        lifetime,
        ..settings(1)
    });
    pool.step(Started, now);
    pool.jitter = 0.0;
    pool.step(WorkerReady(Seat(1)), now);
    pool.step(ServeOrdered, now);
    let due = pool.wake_at().unwrap();
    assert_eq!(due - now, Duration::from_secs(90));
    pool.jitter = 1.0;
    assert_eq!(
        pool.step(Woken, due),
        [
            TellRetiring(Seat(1), Reason::MaxWorkerLifetime),
            Fork(Seat(2), 1)
        ]
    );
    pool.step(WorkerReady(Seat(2)), due);
    pool.step(exited(Seat(1)), due);
    let next = pool.wake_at().unwrap() - due;
    assert!(next.abs_diff(Duration::from_secs(110)) < milliseconds(1));
}

#[test]
fn a_condemned_worker_leaves_at_once_and_so_does_its_successor() {
    let now = Instant::now();
    let mut pool = serving(now);
    assert_eq!(
        pool.step(Condemned(Seat(1)), now),
        [Drain(Seat(1), MERCY), Fork(Seat(3), 1)]
    );
    assert_eq!(pool.step(Condemned(Seat(1)), now), []);
    assert_eq!(pool.step(WorkerReady(Seat(3)), now), [Serve(Seat(3))]);
    assert_eq!(
        pool.step(Condemned(Seat(3)), now),
        [Drain(Seat(3), MERCY), Fork(Seat(4), 1)]
    );
    let terminate = now + MERCY + GRACE;
    // Two leave, and both are ended when their time is over.
    assert_eq!(
        pool.step(Woken, terminate),
        [
            Terminate(Seat(1)),
            Terminate(Seat(3)),
            End(Seat(4), Reason::NotReady),
            Fork(Seat(5), 1)
        ]
    );
    assert_eq!(
        pool.step(Woken, terminate + GRACE),
        [Kill(Seat(1)), Kill(Seat(3))]
    );
}

#[test]
fn a_replacement_that_comes_up_anyway_stands_in_for_a_condemned_worker() {
    let (mut pool, now) = serving_for_a_while();
    pool.step(RetireAsked(Seat(1), LIMIT), now);
    assert_eq!(
        pool.step(Condemned(Seat(1)), now),
        [Drain(Seat(1), MERCY)],
        "Seat(3) comes up"
    );
    assert_eq!(pool.step(WorkerReady(Seat(3)), now), [Serve(Seat(3))]);
}

#[test]
fn a_worker_waits_for_a_seat() {
    let now = Instant::now();
    let mut pool = Pool::new(settings(1));
    pool.step(Started, now);
    pool.step(WorkerReady(Seat(1)), now);
    pool.step(ServeOrdered, now);
    for seat in 1..=3 {
        assert_eq!(
            pool.step(Condemned(Seat(seat)), now),
            [Drain(Seat(seat), MERCY), Fork(Seat(seat + 1), 1)]
        );
        pool.step(WorkerReady(Seat(seat + 1)), now);
    }
    assert_eq!(
        pool.step(Condemned(Seat(4)), now),
        [Drain(Seat(4), MERCY)],
        "all four seats are taken"
    );
    assert_eq!(pool.wake_at(), Some(now + MERCY + GRACE));
    assert_eq!(pool.step(exited(Seat(2)), now), [Fork(Seat(2), 1)]);
}

#[test]
fn a_worker_that_does_not_answer_is_ended_and_replaced_at_once() {
    let now = Instant::now();
    let mut pool = serving(now);
    assert_eq!(
        pool.step(Silent(Seat(1)), now),
        [End(Seat(1), Reason::NoAnswer), Fork(Seat(3), 1)]
    );
    assert!(!pool.is_leaving(Seat(1)), "it was not told");
    assert_eq!(pool.step(Silent(Seat(1)), now), []);
    assert_eq!(pool.step(Condemned(Seat(1)), now), []);
    assert_eq!(pool.step(exited(Seat(1)), now), []);
    pool.step(WorkerReady(Seat(3)), now);
    // Again and again, it is a crash loop.
    assert_eq!(
        pool.step(Silent(Seat(3)), now),
        [
            End(Seat(3), Reason::NoAnswer),
            TellTrouble(1, milliseconds(100))
        ]
    );
}

#[test]
fn a_worker_that_does_not_become_ready_is_ended() {
    let now = Instant::now();
    let mut pool = serving(now);
    pool.step(exited(Seat(1)), now);
    assert_eq!(pool.wake_at(), Some(now + START_TIMEOUT));
    let now = now + START_TIMEOUT;
    assert_eq!(
        pool.step(Woken, now),
        [
            End(Seat(3), Reason::NotReady),
            TellTrouble(1, milliseconds(100))
        ]
    );
}

#[test]
fn a_generation_is_announced_when_every_worker_has_answered_its_probe() {
    let now = Instant::now();
    let mut pool = Pool::new(Settings {
        has_ready_path: true,
        ..settings(2)
    });
    pool.step(Started, now);
    let [a, b] = seats([1, 2]);
    assert_eq!(pool.step(WorkerReady(a), now), [Probe(a)]);
    assert_eq!(pool.step(ProbePassed(b), now), [], "it was not asked");
    assert_eq!(pool.step(WorkerReady(b), now), [Probe(b)]);
    assert_eq!(pool.step(ProbePassed(a), now), []);
    assert_eq!(pool.step(ProbeFailed(a), now), [], "it has passed");
    assert_eq!(pool.step(ProbePassed(b), now), [TellReady]);
    pool.step(ServeOrdered, now);
    // Later ones are not asked.
    pool.step(exited(a), now);
    assert_eq!(pool.step(WorkerReady(Seat(3)), now), [Serve(Seat(3))]);
}

#[test]
fn a_probe_that_fails_is_the_failure_of_the_generation() {
    let now = Instant::now();
    let mut pool = Pool::new(Settings {
        has_ready_path: true,
        ..settings(2)
    });
    pool.step(Started, now);
    let [a, b] = seats([1, 2]);
    pool.step(WorkerReady(a), now);
    assert_eq!(
        pool.step(ProbeFailed(a), now),
        [GiveUp(1), Kill(a), Kill(b)]
    );
    assert_eq!(pool.step(exited(a), now), []);
    assert_eq!(pool.step(exited(b), now), [Leave]);
}

#[test]
fn without_overlap_workers_come_when_they_are_called() {
    let now = Instant::now();
    let mut pool = Pool::new(Settings {
        overlap: false,
        ..settings(2)
    });
    let [a, b] = seats([1, 2]);
    assert_eq!(pool.step(Started, now), [TellLoaded]);
    assert_eq!(pool.step(ServeOrdered, now), []);
    assert_eq!(pool.wake_at(), None);
    assert_eq!(pool.step(ForkOrdered, now), [Fork(a, 1), Fork(b, 2)]);
    assert_eq!(pool.step(ForkOrdered, now), []);
    pool.step(WorkerReady(a), now);
    assert_eq!(pool.step(WorkerReady(b), now), [TellReady]);
    assert_eq!(pool.step(ServeOrdered, now), [Serve(a), Serve(b)]);
}

#[test]
fn a_held_generation_leaves_when_it_is_told_to() {
    let now = Instant::now();
    let mut pool = Pool::new(Settings {
        overlap: false,
        ..settings(2)
    });
    pool.step(Started, now);
    assert_eq!(pool.step(DrainOrdered(MERCY), now), [Leave]);
}

#[test]
fn a_paused_generation_keeps_no_worker_and_serves_again_when_it_is_resumed() {
    let now = Instant::now();
    let mut pool = serving(now);
    let [a, b] = seats([1, 2]);
    assert_eq!(
        pool.step(PauseOrdered(MERCY), now),
        [Drain(a, MERCY), Drain(b, MERCY)]
    );
    assert!(!pool.is_draining(), "it keeps its app and sockets");
    assert!(
        pool.is_paused() && pool.serves(),
        "it is to be gone back to"
    );
    // One that crashes meanwhile is not replaced; one that does not leave is ended.
    assert_eq!(pool.step(exited(a), now), []);
    let terminate = pool.wake_at().unwrap();
    assert_eq!(pool.step(Woken, terminate), [Terminate(b)]);
    assert_eq!(pool.step(exited(b), now), [TellPaused]);
    assert_eq!(pool.wake_at(), None);
    assert_eq!(pool.step(PauseOrdered(MERCY), now), [TellPaused]);
    assert_eq!(
        pool.step(ResumeOrdered, now),
        [Fork(Seat(3), 1), Fork(Seat(4), 2)]
    );
    assert!(!pool.is_paused() && pool.serves());
    // Nothing is announced: the emperor knows that it serves.
    assert_eq!(pool.step(WorkerReady(Seat(4)), now), [Serve(Seat(4))]);
    assert_eq!(pool.step(exited(Seat(3)), now), [Fork(Seat(5), 1)]);
}

#[test]
fn a_paused_generation_leaves_when_it_is_told_to() {
    let now = Instant::now();
    let mut pool = serving(now);
    pool.step(PauseOrdered(MERCY), now);
    let shorter = milliseconds(500);
    assert_eq!(
        pool.step(DrainOrdered(shorter), now),
        [Drain(Seat(1), shorter), Drain(Seat(2), shorter)]
    );
    assert_eq!(pool.wake_at(), Some(now + shorter + GRACE));
    pool.step(exited(Seat(1)), now);
    assert_eq!(pool.step(exited(Seat(2)), now), [Leave]);
}

#[test]
fn a_pause_in_trouble_ends_the_trouble() {
    let now = Instant::now();
    let mut pool = serving(now);
    pool.step(PoolEvent::WorkerExited(Seat(1), Ending::OutOfMemory), now);
    pool.step(exited(Seat(3)), now);
    assert_eq!(
        pool.step(PauseOrdered(MERCY), now),
        [Drain(Seat(2), MERCY), TellMended]
    );
    assert_eq!(pool.step(Woken, now + MERCY), [], "nobody is forked");
}

#[test]
fn a_drain_that_takes_too_long_is_ended_by_force() {
    let now = Instant::now();
    let mut pool = serving(now);
    let [a, b] = seats([1, 2]);
    assert_eq!(
        pool.step(DrainOrdered(MERCY), now),
        [Drain(a, MERCY), Drain(b, MERCY)]
    );
    assert_eq!(pool.step(DrainOrdered(MERCY), now), []);
    assert_eq!(pool.step(exited(a), now), []);
    let terminate = pool.wake_at().unwrap();
    assert_eq!(terminate, now + MERCY + GRACE);
    assert_eq!(pool.step(Woken, terminate), [Terminate(b)]);
    let kill = pool.wake_at().unwrap();
    assert_eq!(pool.step(Woken, kill), [Kill(b)]);
    assert_eq!(pool.wake_at(), None);
    assert_eq!(pool.step(exited(b), kill), [Leave]);
}

#[test]
fn a_replacement_that_comes_up_during_a_drain_was_told_to_leave() {
    let (mut pool, now) = serving_for_a_while();
    pool.step(RetireAsked(Seat(1), LIMIT), now);
    let told = pool.step(DrainOrdered(MERCY), now);
    assert_eq!(told, [1, 2, 3].map(|seat| Drain(Seat(seat), MERCY)));
    assert_eq!(pool.step(WorkerReady(Seat(3)), now), []);
}

#[test]
fn reasons_are_told_in_words() {
    let words = [
        (LIMIT, "`max-requests`: 9 requests served"),
        (
            Reason::Resident {
                option: "reload-on-rss",
                bytes: 130 << 20,
            },
            "`reload-on-rss`: 130 MiB resident",
        ),
        (
            Reason::Addressed {
                option: "evil-reload-on-as",
                bytes: 3 << 30,
            },
            "`evil-reload-on-as`: 3072 MiB of addresses",
        ),
        (
            Reason::Exception,
            "`reload-on-exception`: the app raised one",
        ),
        (Reason::MaxWorkerLifetime, "`max-worker-lifetime`"),
        (Reason::NotReady, "it was not ready within `start-timeout`"),
        (Reason::NoAnswer, "it does not answer"),
        (Reason::Overdue, "a request took longer than `harakiri`"),
    ];
    for (reason, expected) in words {
        assert_eq!(reason.to_string(), expected);
    }
}

/// One worker, on seat 1, of which there may be three.
fn adaptive(now: Instant) -> Pool {
    let mut pool = Pool::new(Settings {
        minimum: 1,
        initial: 1,
        ..settings(3)
    });
    assert_eq!(pool.step(Started, now), [Fork(Seat(1), 1)]);
    assert_eq!(pool.step(WorkerReady(Seat(1)), now), [TellReady]);
    assert_eq!(pool.step(ServeOrdered, now), [Serve(Seat(1))]);
    pool
}

#[test]
fn more_workers_come_when_all_are_busy_and_never_too_many() {
    let now = Instant::now();
    let mut pool = adaptive(now);
    assert_eq!(pool.step(Busy, now), [Fork(Seat(2), 2)]);
    assert_eq!(pool.step(Busy, now), [], "it comes up");
    assert_eq!(pool.step(WorkerReady(Seat(2)), now), [Serve(Seat(2))]);
    assert_eq!(pool.step(Busy, now), [Fork(Seat(3), 3)]);
    pool.step(WorkerReady(Seat(3)), now);
    assert_eq!(pool.step(Busy, now), []);
    // The one that is lost is replaced, as ever.
    assert_eq!(pool.step(exited(Seat(3)), now), [Fork(Seat(4), 3)]);
}

#[test]
fn a_spare_worker_leaves_and_nobody_follows() {
    let now = Instant::now();
    let mut pool = adaptive(now);
    pool.step(Busy, now);
    pool.step(WorkerReady(Seat(2)), now);
    assert_eq!(pool.step(Spare(Seat(1)), now), [Drain(Seat(1), MERCY)]);
    assert_eq!((pool.wanted(), pool.is_leaving(Seat(1))), (1, true));
    assert_eq!(pool.step(Spare(Seat(2)), now), [], "it is the last");
    assert_eq!(pool.step(exited(Seat(1)), now), []);
    // The slot of the lowest number is the next to be opened.
    assert_eq!(pool.step(Busy, now), [Fork(Seat(3), 1)]);
}

#[test]
fn a_worker_that_is_being_replaced_is_no_spare_one() {
    let now = Instant::now();
    let mut pool = adaptive(now);
    pool.step(Busy, now);
    pool.step(WorkerReady(Seat(2)), now);
    let now = now + Duration::from_secs(5);
    pool.step(RetireAsked(Seat(2), LIMIT), now);
    assert_eq!(pool.step(Spare(Seat(2)), now), []);
    assert_eq!(pool.step(Spare(Seat(1)), now), [Drain(Seat(1), MERCY)]);
    let told = pool.step(WorkerReady(Seat(3)), now);
    assert_eq!(told, [Serve(Seat(3)), Drain(Seat(2), MERCY)]);
}

#[test]
fn an_idle_generation_has_no_worker_until_somebody_knocks() {
    let now = Instant::now();
    let mut pool = serving(now);
    let [a, b] = seats([1, 2]);
    assert_eq!(pool.step(Knocked, now), [], "it is awake");
    assert_eq!(pool.step(Idle, now), [Drain(a, MERCY), Drain(b, MERCY)]);
    assert!(pool.is_asleep() && pool.is_active() && pool.serves());
    assert_eq!(pool.step(Idle, now), []);
    assert_eq!(pool.step(Busy, now), [], "nobody is there to be busy");
    assert_eq!(pool.step(exited(a), now), []);
    // Somebody comes while the other one still leaves.
    assert_eq!(
        pool.step(Knocked, now),
        [Fork(Seat(3), 1), Fork(Seat(4), 2)]
    );
    assert_eq!(pool.step(Idle, now), [], "they come up");
    assert_eq!(pool.step(WorkerReady(Seat(3)), now), [Serve(Seat(3))]);
    assert_eq!(pool.step(exited(b), now), []);
    assert!(!pool.is_asleep());
}

#[test]
fn a_worker_that_cannot_come_back_is_trouble_and_keeps_the_generation_awake() {
    let now = Instant::now();
    let mut pool = serving(now);
    pool.step(Idle, now);
    pool.step(exited(Seat(1)), now);
    pool.step(exited(Seat(2)), now);
    assert_eq!(pool.wake_at(), None, "nothing happens while it sleeps");
    pool.step(Knocked, now);
    assert_eq!(pool.step(exited(Seat(3)), now), [Fork(Seat(5), 1)]);
    let told = pool.step(exited(Seat(5)), now);
    assert_eq!(told, [TellTrouble(1, milliseconds(100))]);
    assert_eq!(pool.step(Idle, now), []);
}

#[test]
fn a_cheap_generation_serves_without_a_worker() {
    let now = Instant::now();
    let cheap = Settings {
        trial: Some(0),
        ..settings(2)
    };
    let mut pool = Pool::new(cheap);
    assert_eq!(pool.step(Started, now), [TellReady]);
    assert_eq!(pool.step(Knocked, now), [], "the one before serves");
    assert_eq!(pool.step(ServeOrdered, now), []);
    assert!(pool.is_asleep());
    assert_eq!(
        pool.step(Knocked, now),
        [Fork(Seat(1), 1), Fork(Seat(2), 2)]
    );
    assert_eq!(pool.step(PauseOrdered(MERCY), now).len(), 2);
}

#[test]
fn a_cheap_generation_that_has_to_be_tried_is_tried_with_one_worker() {
    let now = Instant::now();
    let cheap = Settings {
        trial: Some(1),
        ..settings(2)
    };
    let mut pool = Pool::new(cheap);
    assert_eq!(pool.step(Started, now), [Fork(Seat(1), 1)]);
    assert_eq!(pool.step(WorkerReady(Seat(1)), now), [TellReady]);
    assert_eq!(pool.step(ServeOrdered, now), [Drain(Seat(1), MERCY)]);
    assert!(pool.is_asleep());
    assert_eq!(pool.step(exited(Seat(1)), now), []);
    assert_eq!(pool.wake_at(), None);
    let mut pool = Pool::new(cheap);
    pool.step(Started, now);
    assert_eq!(pool.step(exited(Seat(1)), now), [GiveUp(1)]);
}

#[test]
fn a_sleeping_generation_pauses_and_leaves_at_once() {
    let now = Instant::now();
    let cheap = Settings {
        trial: Some(0),
        ..settings(2)
    };
    for (order, expected) in [
        (PauseOrdered(MERCY), TellPaused),
        (DrainOrdered(MERCY), Leave),
    ] {
        let mut pool = Pool::new(cheap);
        pool.step(Started, now);
        pool.step(ServeOrdered, now);
        assert_eq!(pool.step(order, now), [expected]);
    }
}

/// Anything that can happen, to any worker.
fn anything() -> impl Strategy<Value = PoolEvent> {
    let seat = (1u32..=8).prop_map(Seat);
    prop_oneof![
        6 => seat.clone().prop_map(WorkerReady),
        4 => seat.clone().prop_map(exited),
        1 => seat.clone().prop_map(|seat| PoolEvent::WorkerExited(seat, Ending::OutOfMemory)),
        1 => seat.clone().prop_map(ForkFailed),
        4 => seat.clone().prop_map(|seat| RetireAsked(seat, LIMIT)),
        2 => seat.clone().prop_map(Condemned),
        1 => seat.clone().prop_map(Silent),
        1 => Just(More),
        1 => seat.clone().prop_map(|seat| Excessive(seat, LIMIT)),
        2 => seat.prop_map(Spare),
        2 => Just(Busy),
        1 => Just(Idle),
        2 => Just(Knocked),
        1 => Just(PauseOrdered(MERCY)),
        1 => Just(ResumeOrdered),
        4 => Just(Woken),
    ]
}

proptest! {
    /// Whatever happens to a generation that serves: nobody is told to leave in order before somebody
    /// serves in its place, no seat is given twice, every empty slot that is open is going to be
    /// filled and no other, and the master never wakes for nothing.
    #[test]
    fn what_serves_is_never_reduced_in_order(
        events in prop::collection::vec((anything(), 0u64..40_000), 0..200)
    ) {
        let mut now = Instant::now();
        let settings = Settings { lifetime: Some(MERCY), minimum: 1, processes: 3, ..settings(2) };
        let mut pool = serving_with(settings, now);
        let mut seated: Vec<Seat> = vec![Seat(1), Seat(2)];
        for (event, later) in events {
            now += milliseconds(later);
            if let PoolEvent::WorkerExited(seat, _) | ForkFailed(seat) = event {
                seated.retain(|known| *known != seat);
            }
            let is_orderly = matches!(event, WorkerReady(_) | RetireAsked(..) | Woken);
            let actions = pool.step(event, now);
            for (at, action) in actions.iter().enumerate() {
                match action {
                    Fork(seat, _) => {
                        prop_assert!(!seated.contains(seat), "{actions:?}");
                        seated.push(*seat);
                    }
                    Drain(..) if is_orderly => {
                        prop_assert!(matches!(actions[at - 1], Serve(_)), "{actions:?}");
                    }
                    GiveUp(_) | Leave => prop_assert!(false, "{actions:?}"),
                    Drain(..) | Probe(_) | Serve(_) | Terminate(_) | Kill(_) | End(..)
                    | TellRetiring(..) | TellTrouble(..) | TellMended | TellLoaded | TellReady
                    | TellPaused => {}
                }
            }
            if pool.phase == Phase::Serving {
                prop_assert!(pool.wanted() > 0 || pool.is_asleep());
                for slot in pool.slots.values().filter(|slot| !slot.is_open) {
                    let is_empty = slot.current.or(slot.replacement).is_none();
                    prop_assert!(is_empty && slot.fork_at.is_none(), "{pool:?}");
                }
                for slot in pool.slots.values().filter(|slot| slot.is_open) {
                    prop_assert!(slot.current.is_some() || slot.fork_at.is_some(), "{pool:?}");
                    prop_assert!(slot.current.is_none_or(|seat| pool.workers[&seat].is_wanted()));
                }
            }
            // All that is due is done in one step.
            if let Some(at) = pool.wake_at().filter(|at| *at <= now) {
                pool.step(Woken, now);
                prop_assert!(pool.wake_at().is_none_or(|next| next > at), "{pool:?}");
                seated = pool.workers.keys().copied().collect();
            }
        }
    }
}
