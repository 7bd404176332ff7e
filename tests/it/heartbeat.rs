//! A worker that stops answering while it is idle is replaced; one in a request is left alone.

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Emperor, Vassal, Watched, hello, signal, slow};

/// Long enough for a busy machine: a worker that is not stopped answers within it.
const OPTIONS: &str = "heartbeat = \"1s\"";

/// Lets so much time pass that a stopped worker would have been found out: that of another vassal is,
/// twice, because the first may have been stopped shortly before it would have been asked.
#[track_caller]
fn beats(emperor: &Emperor, clock: &Vassal) {
    let before = emperor.count(clock, "worker-retiring");
    for beat in 1..=2 {
        let worker = emperor.workers(clock).pop().expect("it has one");
        signal(worker, Signal::STOP);
        emperor.heard(clock, "worker-exited", &[("pid", json!(worker))]);
        emperor.heard_times(clock, "worker-ready", &[], before + beat + 1);
    }
}

#[test]
fn a_stopped_idle_worker_is_replaced() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", &format!("processes = 2\n{OPTIONS}"), &hello("x"));
    let workers = emperor.workers(&blog);
    signal(workers[0], Signal::STOP);
    let retiring = emperor.heard(&blog, "worker-retiring", &[]);
    assert_eq!(
        (&retiring["pid"], &retiring["reason"]),
        (&json!(workers[0]), &json!("it does not answer"))
    );
    let exited = emperor.heard(&blog, "worker-exited", &[("pid", json!(workers[0]))]);
    assert_eq!(
        (&exited["expected"], &exited["status"]),
        (
            &json!(false),
            &json!("signal 9 (SIGKILL): it does not answer")
        )
    );
    emperor.heard_times(&blog, "worker-ready", &[], 3);
    let now = emperor.workers(&blog);
    assert!(
        now.len() == 2 && now.contains(&workers[1]) && !now.contains(&workers[0]),
        "{now:?}"
    );
    for _ in 0..4 {
        assert_eq!(emperor.get(&blog), "x");
    }
    assert_eq!(emperor.status_of(&blog)["restarts"], 1);
}

#[test]
fn a_worker_in_a_request_is_left_alone_even_if_it_is_stopped() {
    let emperor = Emperor::start();
    let clock = emperor.serve("clock", OPTIONS, &hello("x"));
    let blog = emperor.serve("blog", OPTIONS, &slow("whole"));
    let mut request = emperor.begin(&blog);
    let worker = signal(emperor.workers(&blog)[0], Signal::STOP);
    beats(&emperor, &clock);
    worker.signal(Signal::CONT);
    assert_eq!(request.receive().expect("it is finished").body, "whole");
    assert_eq!(emperor.count(&blog, "worker-retiring"), 0);
}

#[test]
fn workers_that_answer_and_workers_that_nobody_asks_stay() {
    let emperor = Emperor::start();
    let clock = emperor.serve("clock", OPTIONS, &hello("x"));
    let blog = emperor.serve("blog", &format!("threads = 2\n{OPTIONS}"), &hello("x"));
    let silent = emperor.serve("silent", "heartbeat = 0", &hello("x"));
    let (workers, stopped) = (emperor.workers(&blog), emperor.workers(&silent));
    let watched = signal(stopped[0], Signal::STOP);
    beats(&emperor, &clock);
    watched.signal(Signal::CONT);
    assert_eq!(emperor.workers(&blog), workers);
    assert_eq!(emperor.workers(&silent), stopped);
}

#[test]
fn nobody_is_judged_for_the_time_in_which_all_were_stopped() {
    let emperor = Emperor::start();
    let clock = emperor.serve("clock", OPTIONS, &hello("x"));
    let blog = emperor.serve("blog", &format!("processes = 2\n{OPTIONS}"), &hello("x"));
    let workers = emperor.workers(&blog);
    let all: Vec<Watched> = std::iter::once(emperor.master(&blog))
        .chain(workers.iter().copied())
        .map(|pid| signal(pid, Signal::STOP))
        .collect();
    beats(&emperor, &clock);
    // The master first: it could find that none has answered.
    for process in &all {
        process.signal(Signal::CONT);
    }
    beats(&emperor, &clock);
    assert_eq!(emperor.workers(&blog), workers);
    assert_eq!(emperor.get(&blog), "x");
}
