//! `overlap = false`: old and new code never serve side by side, and the old one comes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{
    Emperor, Vassal, connect, get, hello, signal, slow, try_get, write_python, write_whole,
};

const ALONE: &str = "overlap = false";

/// An app that can be imported, and whose workers die before they can serve.
fn stillborn() -> String {
    "import os\nos.register_at_fork(after_in_child=lambda: os._exit(3))\n".to_owned() + &hello("x")
}

/// Asks on and on, on new connections; gives what failed, and every answer in its order.
struct Client {
    is_over: Arc<AtomicBool>,
    asking: JoinHandle<(Vec<String>, Vec<String>)>,
}

impl Client {
    fn of(address: &str) -> Self {
        let is_over = Arc::<AtomicBool>::default();
        let (over, address) = (Arc::clone(&is_over), address.to_owned());
        let asking = std::thread::spawn(move || {
            let (mut failures, mut answers) = (Vec::new(), Vec::new());
            while !over.load(Ordering::Relaxed) && failures.len() < 5 {
                match try_get(&address, "/") {
                    Ok(answer) if answer.status == 200 => answers.push(answer.body),
                    other => failures.push(format!("{other:?}")),
                }
            }
            answers.dedup();
            (failures, answers)
        });
        Self { is_over, asking }
    }

    /// Stops asking; nothing may have failed. Gives the answers, repeated ones once.
    #[track_caller]
    fn nothing_failed(self) -> Vec<String> {
        self.is_over.store(true, Ordering::Relaxed);
        let (failures, answers) = self.asking.join().expect("a client does not panic");
        assert_eq!(failures, Vec::<String>::new());
        answers
    }
}

/// The place in the stream of events.
fn seq(event: &Value) -> u64 {
    event["seq"].as_u64().expect("a number")
}

#[track_caller]
fn heard(emperor: &Emperor, vassal: &Vassal, sort: &str, generation: u64) -> u64 {
    seq(&emperor.heard(vassal, sort, &[("generation", json!(generation))]))
}

#[test]
fn the_new_workers_start_when_the_old_ones_are_gone() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", &format!("{ALONE}\nprocesses = 2"), &slow("old"));
    let mut request = emperor.begin(&blog);
    emperor.deploy(&blog, &hello("new"));
    let paused = heard(&emperor, &blog, "generation-paused", 1);
    assert_eq!(emperor.state_of(&blog), "reloading");
    assert_eq!(request.receive().expect("it is finished").body, "old");
    emperor.ready_after(&blog, 1);
    let events = emperor.events().so_far();
    let of = |sort: &str, generation: u64| -> Vec<u64> {
        let is_it = |event: &&Value| event["event"] == sort && event["generation"] == generation;
        events.iter().filter(is_it).map(seq).collect()
    };
    let (ended, started) = (of("worker-exited", 1), of("worker-spawned", 2));
    assert_eq!((ended.len(), started.len()), (2, 2));
    assert!(ended.iter().all(|seq| *seq > paused));
    assert!(ended.iter().max() < started.iter().min(), "{events:?}");
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "new");
    assert_eq!(emperor.state_of(&blog), "ready");
}

#[test]
fn clients_wait_and_none_fails() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", ALONE, &hello("0"));
    let client = Client::of(&emperor.address(&blog));
    for round in 1..=5 {
        emperor.deploy(&blog, &hello(&round.to_string()));
        emperor.replaced(&blog, round);
    }
    assert_eq!(emperor.get(&blog), "5");
    // Each in its turn: no old answer after a new one.
    let expected: Vec<String> = (0..=5).map(|round| round.to_string()).collect();
    let answers = client.nothing_failed();
    let mut sorted = answers.clone();
    sorted.sort();
    assert_eq!(answers, sorted);
    assert!(answers.iter().all(|answer| expected.contains(answer)));
}

#[test]
fn one_that_cannot_be_imported_pauses_nobody() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", ALONE, &hello("good"));
    let workers = emperor.workers(&blog);
    write_python(&blog.app, "import redsi_not_there");
    let ran = emperor
        .lictor(&["reload", "--wait", &blog.name])
        .with_code(1);
    assert!(ran.stderr.contains("redsi_not_there"), "{}", ran.stderr);
    assert_eq!(emperor.state_of(&blog), "degraded");
    assert_eq!(emperor.workers(&blog), workers);
    assert_eq!(emperor.count(&blog, "generation-paused"), 0);
    assert_eq!(emperor.get(&blog), "good");
}

#[test]
fn the_old_code_comes_back_when_the_new_workers_fail() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", &format!("{ALONE}\nprocesses = 2"), &hello("good"));
    let client = Client::of(&emperor.address(&blog));
    write_python(&blog.app, &stillborn());
    let ran = emperor
        .lictor(&["reload", "--wait", &blog.name])
        .with_code(1);
    assert!(ran.stderr.contains("generation 2"), "{}", ran.stderr);
    let paused = heard(&emperor, &blog, "generation-paused", 1);
    assert!(heard(&emperor, &blog, "generation-resumed", 1) > paused);
    assert_eq!(emperor.get(&blog), "good");
    assert_eq!(client.nothing_failed(), ["good"]);
    let status = emperor.status_of(&blog);
    assert_eq!(
        (
            &status["state"],
            &status["generation"],
            &status["error"]["kind"]
        ),
        (&json!("degraded"), &json!(1), &json!("crash"))
    );
    assert_eq!(emperor.workers(&blog).len(), 2);
    // It pauses again for one that is good.
    write_python(&blog.app, &hello("mended"));
    emperor
        .lictor(&["reload", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "mended");
    assert_eq!(emperor.status_of(&blog)["error"], json!(null));
}

#[test]
fn the_time_that_the_old_one_takes_does_not_count() {
    let emperor = Emperor::start();
    let code = slow("old").replace("0.5", "3");
    let options = format!("{ALONE}\nstart-timeout = \"2s\"");
    let blog = emperor.serve("blog", &options, &code);
    let mut request = emperor.begin(&blog);
    write_python(&blog.app, &hello("new"));
    emperor
        .lictor(&["reload", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(request.receive().expect("it is finished").body, "old");
    assert_eq!(emperor.get(&blog), "new");
}

#[test]
fn a_change_while_the_old_one_pauses_lets_it_serve_until_the_newest_is_there() {
    let emperor = Emperor::start();
    let code = slow("old").replace("0.5", "1.5 if environ['PATH_INFO'] == '/' else 0");
    let blog = emperor.serve("blog", &format!("{ALONE}\nprocesses = 2"), &code);
    let address = emperor.address(&blog);
    let mut request = emperor.begin(&blog);
    emperor.deploy(&blog, &hello("second"));
    heard(&emperor, &blog, "generation-paused", 1);
    // The next one takes its time to be imported; nobody waits for it.
    let gate = emperor.at("gate");
    let third = format!(
        "import os, time\nwhile not os.path.exists({:?}):\n    time.sleep(0.01)\n{}",
        gate.display().to_string(),
        hello("third")
    );
    emperor.deploy(&blog, &third);
    heard(&emperor, &blog, "generation-resumed", 1);
    assert_eq!(get(&address, "/fast"), "old");
    write_whole(&gate, "");
    assert_eq!(emperor.ready_after(&blog, 1), 3);
    assert_eq!(request.receive().expect("it is finished").body, "old");
    emperor.replaced(&blog, 1);
    assert_eq!(get(&address, "/"), "third");
}

#[test]
fn a_master_that_dies_while_it_pauses_makes_room() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", ALONE, &slow("old"));
    let mut request = emperor.begin(&blog);
    let master = emperor.master(&blog);
    emperor.deploy(&blog, &hello("new"));
    heard(&emperor, &blog, "generation-paused", 1);
    signal(master, Signal::KILL);
    assert_eq!(emperor.ready_after(&blog, 1), 2);
    // Its worker finishes by itself.
    assert_eq!(request.receive().expect("it is finished").body, "old");
    assert_eq!(emperor.get(&blog), "new");
}

#[test]
fn a_stop_while_it_pauses_finishes_the_request_and_ends_all() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", ALONE, &slow("whole"));
    let address = emperor.address(&blog);
    let mut request = emperor.begin(&blog);
    emperor.deploy(&blog, &hello("new"));
    heard(&emperor, &blog, "generation-paused", 1);
    emperor.lictor(&["stop", "--wait", &blog.name]).with_code(0);
    assert_eq!(request.receive().expect("it is finished").body, "whole");
    connect(&address).expect_err("nobody listens any more");
    emperor
        .lictor(&["start", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "new");
}

#[test]
fn a_removal_while_it_pauses_ends_all() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", ALONE, &slow("whole"));
    let mut request = emperor.begin(&blog);
    emperor.deploy(&blog, &hello("new"));
    heard(&emperor, &blog, "generation-paused", 1);
    std::fs::remove_file(&blog.file).expect("it is there");
    assert_eq!(request.receive().expect("it is finished").body, "whole");
    emperor.heard(&blog, "vassal-gone", &[]);
}

#[test]
fn a_rollback_waits_for_its_generation_too() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", ALONE, &hello("x"));
    let text = Emperor::text_for(&blog, &format!("{ALONE}\nprocesses = 2"));
    write_whole(&blog.file, &text);
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.workers(&blog).len(), 2);
    emperor
        .lictor(&["rollback", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(emperor.workers(&blog).len(), 1);
    heard(&emperor, &blog, "generation-paused", 2);
}

#[test]
fn what_the_new_file_says_counts() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    write_whole(&blog.file, &Emperor::text_for(&blog, ALONE));
    emperor.replaced(&blog, 1);
    heard(&emperor, &blog, "generation-paused", 1);
    write_whole(&blog.file, &Emperor::text_for(&blog, ""));
    emperor.replaced(&blog, 2);
    assert_eq!(emperor.count(&blog, "generation-paused"), 1);
}

#[test]
fn an_emperor_that_goes_while_it_pauses_leaves_a_site_that_serves() {
    let mut emperor = Emperor::start();
    let code = slow("old").replace("0.5", "1.5 if environ['PATH_INFO'] == '/' else 0");
    let blog = emperor.serve("blog", &format!("{ALONE}\nprocesses = 2"), &code);
    let address = emperor.address(&blog);
    let mut request = emperor.begin(&blog);
    emperor.deploy(&blog, &hello("new"));
    heard(&emperor, &blog, "generation-paused", 1);
    emperor.lictor(&["upgrade"]).with_code(0);
    emperor.follow_anew();
    // Whether by the old code or the new, somebody answers, and in the end it is the new.
    let answer = get(&address, "/fast");
    assert!(["old", "new"].contains(&answer.as_str()), "{answer}");
    assert_eq!(request.receive().expect("it is finished").body, "old");
    emperor.replaced(&blog, 1);
    assert_eq!(get(&address, "/"), "new");
    assert_eq!(emperor.state_of(&blog), "ready");
}
