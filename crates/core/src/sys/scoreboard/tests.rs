use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use proptest::prelude::*;

use super::*;

#[test]
fn counts_what_a_worker_does() {
    let board = Scoreboard::new(Shape::of(1, 2)).unwrap();
    board.seat(2, 1);
    let slot = board.slot(2).unwrap();
    slot.thread(1).enter_request();
    assert!(slot.is_busy());
    slot.thread(1).leave_request(true);
    slot.set_state(SlotState::Draining);
    assert_eq!(
        (slot.requests(), slot.errors(), slot.is_busy()),
        (1, 1, false)
    );
    assert_eq!(slot.state(), SlotState::Draining);
    assert!(board.slot(0).is_none() && board.slot(5).is_none());
}

#[test]
fn each_slot_may_have_a_worker_that_leaves() {
    assert_eq!((seat_count(1), seat_count(8)), (4, 18));
}

#[test]
fn the_counts_of_a_slot_only_grow() {
    let board = Scoreboard::new(Shape::of(2, 1)).unwrap();
    let answer = |seat: u32, count: u64| {
        let thread = board.slot(seat).unwrap().thread(0);
        for _ in 0..count {
            thread.enter_request();
            thread.sent(100);
            thread.leave_request(false);
        }
    };
    let seen = || board.numbers().workers.swap_remove(1);
    board.seat(1, 2);
    board.spawned(1, 71, 1000);
    answer(1, 3);
    let first = seen();
    assert_eq!((first.id, first.pid, first.respawns), (2, 71, 0));
    assert_eq!(
        (first.delta_requests, first.sum(|thread| thread.requests)),
        (3, 3)
    );
    // Its replacement comes up beside it, and is shown when it serves.
    board.seat(2, 2);
    board.spawned(2, 72, 2000);
    assert_eq!(seen().pid, 71);
    board.show(2);
    answer(2, 1);
    answer(1, 1);
    assert_eq!((seen().pid, seen().delta_requests), (72, 1));
    assert_eq!(seen().sum(|thread| thread.requests), 5);
    board.vacate(1);
    assert_eq!(seen().sum(|thread| thread.requests), 5);
    board.vacate(2);
    let last = seen();
    assert_eq!((last.pid, last.activity), (0, WorkerActivity::Cheap));
    assert_eq!(
        (last.respawns, last.sum(|thread| thread.sent_bytes)),
        (1, 500)
    );
    assert_eq!(board.numbers().workers.first().unwrap().last_spawn, 0);
}

#[test]
fn the_emperor_reads_what_the_worker_writes() {
    let shape = Shape::of(1, 1);
    let counters = Counters::new(shape).unwrap();
    let board = Scoreboard::over(&counters, shape).unwrap();
    board.seat(1, 1);
    board.spawned(1, 4, 5);
    let slot = board.slot(1).unwrap();
    assert!(!slot.wants_times());
    counters.want_times().unwrap();
    assert!(slot.wants_times());
    slot.thread(0).took_micros(50);
    slot.thread(0).took_micros(100);
    slot.thread(0).enter_request();
    let read = counters.read().unwrap();
    assert_eq!(read, board.numbers());
    let worker = read.workers.first().unwrap();
    assert_eq!((worker.pid, worker.activity), (4, WorkerActivity::Busy));
    assert_eq!(worker.average_micros(), 75);
    assert_eq!(worker.sum(|thread| thread.running_micros), 150);
}

#[test]
fn what_is_no_sealed_memory_is_not_adopted() {
    let file = tempfile::tempfile().unwrap();
    file.set_len(1 << 20).unwrap();
    assert!(Counters::adopt(file.into()).is_err());
    let good = Counters::new(Shape::of(3, 2)).unwrap();
    let fd = || good.as_fd().try_clone_to_owned().unwrap();
    assert!(Counters::adopt(fd()).is_ok());
    let hostile = std::fs::File::from(fd());
    assert!(hostile.set_len(0).is_err(), "it is sealed");
    hostile.write_all_at(&u64::MAX.to_ne_bytes(), 8).unwrap();
    assert!(Counters::adopt(fd()).is_err(), "no such shape fits");
}

proptest! {
    /// Whatever a tenant writes: so many workers with so many threads, and no panic.
    #[test]
    fn nonsense_is_bounded(words in proptest::collection::vec(any::<u64>(), 16 * 32)) {
        let shape = Shape::of(2, 2);
        let counters = Counters::new(shape).unwrap();
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let bytes = bytes.get(..shape.bytes()).unwrap_or(&bytes);
        std::fs::File::from(counters.as_fd().try_clone_to_owned().unwrap())
            .write_all_at(bytes, 0)
            .unwrap();
        let numbers = counters.read().unwrap();
        prop_assert_eq!(numbers.workers.len(), 2);
        for worker in &numbers.workers {
            prop_assert_eq!(worker.threads.len(), 2);
            worker.average_micros();
            worker.sum(|thread| thread.requests);
        }
    }
}
