//! `cheaper`: the number of workers follows the load, and no request is lost on the way.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Connection, Emperor, Vassal, answering, connect, signal};

/// Answers with the worker's process id once the file `go` is there; at once for `/now`.
fn waiting() -> String {
    answering(
        "[time.sleep(0.01) for _ in iter(lambda: environ['PATH_INFO'] == '/now' \
         or os.path.exists('go'), True)] and os.getpid() or os.getpid()",
    )
}

fn let_go(vassal: &Vassal) {
    fs::write(vassal.app.with_file_name("go"), "").expect("it is ours");
}

fn ask(emperor: &Emperor, vassal: &Vassal) -> Connection {
    let mut connection = connect(&emperor.address(vassal)).expect("it listens");
    let request = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    connection.send(request).expect("it reads");
    connection
}

#[track_caller]
fn answered(mut connection: Connection) -> String {
    let response = connection.receive().expect("it is answered");
    assert_eq!(response.status, 200);
    response.body
}

#[track_caller]
fn all_answered(asked: Vec<Connection>) {
    for asked in asked {
        answered(asked);
    }
}

/// Waits until there are to be so many workers; gives why.
#[track_caller]
fn scaled(emperor: &Emperor, vassal: &Vassal, workers: u32) -> String {
    let event = emperor.heard(vassal, "generation-scaled", &[("workers", json!(workers))]);
    event["reason"].as_str().expect("a text").to_owned()
}

#[test]
fn workers_come_when_all_are_busy_and_go_when_they_are_not_needed() {
    let emperor = Emperor::start();
    let options = "processes = 3\ncheaper = 1\ncheaper-overload = \"300ms\"";
    let blog = emperor.serve("blog", options, &waiting());
    assert_eq!(emperor.workers(&blog).len(), 1);
    let asked: Vec<Connection> = (0..3).map(|_| ask(&emperor, &blog)).collect();
    assert_eq!(scaled(&emperor, &blog, 3), "all workers were busy");
    let status = emperor.status_of(&blog);
    let scaling = &status["scaling"];
    assert_eq!(
        (
            &scaling["workers"],
            &scaling["minimum"],
            &scaling["maximum"]
        ),
        (&json!(3), &json!(1), &json!(3))
    );
    assert_eq!(scaling["reason"], "all workers were busy");
    let_go(&blog);
    all_answered(asked);
    // Down again, one at a time, and each leaves as it was told.
    let left = emperor.heard_times(&blog, "worker-exited", &[("expected", json!(true))], 2);
    assert!(left.iter().all(|left| left["status"] == "exit status 0"));
    let status = emperor.status_of(&blog);
    assert_eq!(
        (
            &status["scaling"]["workers"],
            &status["restarts"],
            &status["error"]
        ),
        (&json!(1), &json!(0), &Value::Null)
    );
    assert_eq!(
        status["scaling"]["reason"],
        "at least two workers were always free"
    );
    assert_eq!(emperor.workers(&blog).len(), 1);
}

#[test]
fn threads_are_counted_and_the_step_is_kept() {
    let emperor = Emperor::start();
    let options = "processes = 4\nthreads = 2\ncheaper = 1\ncheaper-step = 2";
    let blog = emperor.serve("blog", options, &waiting());
    let asked: Vec<Connection> = (0..2).map(|_| ask(&emperor, &blog)).collect();
    scaled(&emperor, &blog, 3);
    assert_eq!(emperor.count(&blog, "generation-scaled"), 2, "1, then 3");
    let_go(&blog);
    let workers: Vec<String> = asked.into_iter().map(answered).collect();
    assert_eq!(workers[0], workers[1], "one worker has both threads");
}

#[test]
fn a_lost_worker_is_replaced_and_a_reload_begins_with_the_first_number() {
    let emperor = Emperor::start();
    let options = "processes = 3\ncheaper = 1\ncheaper-initial = 2\ncheaper-overload = \"1h\"";
    let blog = emperor.serve("blog", options, &waiting());
    assert_eq!(emperor.workers(&blog).len(), 2);
    let asked: Vec<Connection> = (0..3).map(|_| ask(&emperor, &blog)).collect();
    scaled(&emperor, &blog, 3);
    let_go(&blog);
    all_answered(asked);
    let killed = emperor.workers(&blog)[1];
    signal(killed, Signal::KILL);
    emperor.heard(&blog, "worker-exited", &[("pid", json!(killed))]);
    emperor.heard_times(&blog, "worker-ready", &[], 4);
    assert_eq!(emperor.workers(&blog).len(), 3);
    emperor.touch(&blog.file);
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.workers(&blog).len(), 2);
    assert_eq!(emperor.status_of(&blog)["scaling"]["workers"], 2);
}

#[test]
fn a_worker_that_is_one_too_many_finishes_its_request() {
    let emperor = Emperor::start();
    let options = "processes = 3\ncheaper = 1\ncheaper-initial = 2\n\
        cheaper-overload = \"300ms\"\ncheaper-rss-limit-hard = \"1M\"";
    let blog = emperor.serve("blog", options, &waiting());
    let asked: Vec<Connection> = (0..2).map(|_| ask(&emperor, &blog)).collect();
    let reason = scaled(&emperor, &blog, 1);
    assert_eq!(
        reason,
        "the workers' memory is above `cheaper-rss-limit-hard`"
    );
    let_go(&blog);
    all_answered(asked);
    emperor.heard(&blog, "worker-exited", &[("expected", json!(true))]);
}

#[test]
fn busyness_and_backlog_bring_workers_too() {
    let emperor = Emperor::start();
    for (name, algorithm) in [("blog", "busyness"), ("shop", "backlog")] {
        let options = format!("processes = 2\ncheaper = 1\ncheaper-algo = \"{algorithm}\"");
        let vassal = emperor.serve(name, &options, &waiting());
        let asked: Vec<Connection> = (0..2).map(|_| ask(&emperor, &vassal)).collect();
        scaled(&emperor, &vassal, 2);
        let_go(&vassal);
        all_answered(asked);
    }
}

#[test]
fn the_next_emperor_knows_how_many_there_are() {
    let mut emperor = Emperor::start();
    let options = "processes = 2\ncheaper = 1\ncheaper-overload = \"1h\"";
    let blog = emperor.serve("blog", options, &waiting());
    let asked: Vec<Connection> = (0..2).map(|_| ask(&emperor, &blog)).collect();
    scaled(&emperor, &blog, 2);
    emperor.kill9();
    emperor.start_again();
    emperor.heard(&blog, "generation-adopted", &[]);
    assert_eq!(emperor.status_of(&blog)["scaling"]["workers"], 2);
    let_go(&blog);
    all_answered(asked);
}

fn switches(pid: u32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let switches = status.lines().find(|line| line.starts_with("voluntary"));
    switches.expect("the kernel tells it").to_owned()
}

#[test]
fn while_nothing_happens_nobody_looks() {
    let emperor = Emperor::start();
    let options = "processes = 3\ncheaper = 1\nheartbeat = 0\nidle = 3600";
    let blog = emperor.serve("blog", options, &waiting());
    let master = emperor.master(&blog);
    let mut connection = connect(&emperor.address(&blog)).expect("it listens");
    connection.get("/now").expect("it is answered");
    // The bell of this one request, and the rest after it.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let before = switches(master);
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert_eq!(switches(master), before);
}
