//! Workers that keep ending are started less and less often, and the status says why.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Emperor, Vassal, get, hello, signal, write_whole};

/// An app that ends its process while it is imported, as long as a file is there.
fn ending(emperor: &Emperor, how: &str) -> String {
    let flag = emperor.at("flag");
    let flag = flag.display();
    format!("import os\nif os.path.exists('{flag}'):\n    {how}\n") + &hello("x")
}

/// What the emperor was told is wrong, in order.
fn troubles(emperor: &Emperor, vassal: &Vassal) -> Vec<Value> {
    let mut events = emperor.events().so_far();
    events.retain(|event| event["event"] == "generation-failed" && event["vassal"] == *vassal.name);
    events
        .into_iter()
        .map(|event| event["failure"].clone())
        .collect()
}

#[test]
fn a_worker_that_keeps_ending_waits_longer_each_time_and_status_says_so() {
    let emperor = Emperor::start();
    let code = ending(&emperor, "os._exit(3)");
    let blog = emperor.serve("blog", "processes = 2\nlazy-apps = true", &code);
    write_whole(&emperor.at("flag"), "");
    let workers = emperor.workers(&blog);
    signal(workers[0], Signal::KILL);
    // The killed one, one at once, and then one after each wait.
    emperor.heard_times(&blog, "worker-exited", &[], 6);
    let told = emperor.heard_times(&blog, "generation-failed", &[], 5);
    for (event, wait) in told.iter().zip([0.1, 0.2, 0.4, 0.8, 1.6]) {
        let message = event["failure"]["message"].as_str().expect("a text");
        let begin = "worker 1 keeps ending: exit status 3; it is tried again in ";
        let seconds = message
            .strip_prefix(begin)
            .and_then(|rest| rest.strip_suffix(" s"));
        let seconds: f64 = seconds.and_then(|s| s.parse().ok()).expect("a number");
        // Shortened by a quarter at most, and rounded.
        let range = 0.75 * wait - 0.05..=wait + 0.05;
        assert!(range.contains(&seconds), "{message}");
    }
    let status = emperor.status_of(&blog);
    assert_eq!(status["state"], "ready");
    assert_eq!(status["error"]["kind"], "crash");
    assert_eq!(status["error"]["detail"], "hint: see `lictor logs`");
    // The other one serves.
    assert_eq!(emperor.get(&blog), "x");
    // What makes it end is mended, and it comes back by itself.
    std::fs::remove_file(emperor.at("flag")).expect("it is there");
    emperor.heard_times(&blog, "worker-ready", &[], 3);
    // A new generation has no trouble.
    emperor.touch(&blog.file);
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.status_of(&blog)["error"], json!(null));
}

#[test]
fn a_worker_that_hangs_while_it_comes_up_is_ended_and_tried_again() {
    let emperor = Emperor::start();
    let code = ending(&emperor, "import time; time.sleep(600)");
    let options = "processes = 2\nlazy-apps = true\nstart-timeout = \"1s\"";
    let blog = emperor.serve("blog", options, &code);
    write_whole(&emperor.at("flag"), "");
    signal(emperor.workers(&blog)[0], Signal::KILL);
    let reason = "it was not ready within `start-timeout`";
    emperor.heard_times(&blog, "worker-retiring", &[("reason", json!(reason))], 2);
    let told = emperor.heard(&blog, "generation-failed", &[]);
    let message = told["failure"]["message"].as_str().expect("a text");
    assert!(message.starts_with(&format!(
        "worker 1 keeps ending: {reason}; it is tried again in"
    )));
    assert_eq!(emperor.get(&blog), "x");
    std::fs::remove_file(emperor.at("flag")).expect("it is there");
    emperor.heard_times(&blog, "worker-ready", &[], 3);
    assert_eq!(emperor.workers(&blog).len(), 2);
}

#[test]
fn a_worker_that_ends_once_is_no_trouble() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    signal(emperor.workers(&blog)[0], Signal::KILL);
    emperor.heard_times(&blog, "worker-ready", &[], 2);
    assert_eq!(troubles(&emperor, &blog), Vec::<Value>::new());
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["error"], &status["restarts"]),
        (&json!(null), &json!(1))
    );
}

#[test]
fn a_crash_loop_of_the_old_generation_does_not_hide_why_the_new_one_failed() {
    let emperor = Emperor::start();
    let code = ending(&emperor, "os.abort()");
    let blog = emperor.serve("blog", "processes = 2\nlazy-apps = true", &code);
    let address = emperor.address(&blog);
    write_whole(&emperor.at("flag"), "");
    emperor.touch(&blog.file);
    emperor.failed_after(&blog, 1).says("crash", &["SIGABRT"]);
    emperor.heard(&blog, "state-changed", &[("to", json!("degraded"))]);
    let failed = emperor.status_of(&blog)["error"].clone();
    signal(emperor.workers(&blog)[0], Signal::KILL);
    emperor.events().wait("the old one is in trouble", |event| {
        let is_it = event["event"] == "generation-failed" && event["generation"] == 1;
        is_it.then_some(())
    });
    assert_eq!(emperor.status_of(&blog)["error"], failed);
    assert_eq!(get(&address, "/"), "x");
}
