//! Many files at start: a few come up at a time, those first that somebody waits for, and the
//! emperor answers throughout.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use crate::harness::{Emperor, Setup, connect, get, hello, write_python, write_whole};

const MANY: usize = 60;

fn name_of(number: usize) -> String {
    format!("v{number:02}")
}

/// Lays out a vassal that is not started yet and was changed an hour ago.
fn lay_out(setup: &Setup, name: &str, app: &Path) {
    let file = setup.at(format!("vassals/{}.toml", setup.name(name)));
    let app = app.display().to_string();
    let text = format!("wsgi-file = {app:?}\nhttp = \"127.0.0.1:0\"\n");
    write_whole(&file, &text);
    change_at(&file, SystemTime::now() - Duration::from_hours(1));
}

fn change_at(file: &Path, time: SystemTime) {
    let file = File::options().append(true).open(file);
    let file = file.expect("it is there");
    file.set_modified(time).expect("it is ours");
}

/// An app that is imported only once a file is there.
fn gated(gate: &Path) -> String {
    format!(
        "import os, time\nuntil = time.time() + 30\n\
         while not os.path.exists({:?}) and time.time() < until:\n    time.sleep(0.01)\n{}",
        gate.display().to_string(),
        hello("behind the gate")
    )
}

/// The names of the vassals in the order in which their masters were started.
fn order_of_starts(emperor: &Emperor) -> Vec<String> {
    let events = emperor.events().so_far();
    let spawned = events
        .iter()
        .filter(|event| event["event"] == "master-spawned");
    spawned
        .map(|event| event["vassal"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn the_one_that_a_client_waits_for_starts_next_and_nobody_is_refused() {
    let setup = Setup::new().flags(&["--parallel-starts", "1"]);
    let (app, gate) = (setup.at("hello.py"), setup.at("gate"));
    write_python(&app, &hello("one of many"));
    write_python(&setup.at("gated.py"), &gated(&gate));
    for number in 1..MANY {
        lay_out(&setup, &name_of(number), &app);
    }
    // Changed last, so that it starts first and keeps the others waiting.
    lay_out(&setup, "gated", &setup.at("gated.py"));
    let first = setup.at(format!("vassals/{}.toml", setup.name("gated")));
    change_at(&first, SystemTime::now());
    let emperor = setup.start();
    emperor.heard(&emperor.vassal("gated"), "master-spawned", &[]);
    let last = emperor.vassal(&name_of(MANY - 1));
    assert_eq!(emperor.state_of(&last), "starting");
    let mut client = connect(&emperor.address(&last)).expect("its socket listens already");
    client
        .send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        .expect("the kernel takes it");
    write_whole(&gate, "");
    let answer = client.receive().expect("it is answered");
    assert_eq!(answer.body, "one of many");
    let order = order_of_starts(&emperor);
    let place = order.iter().position(|name| *name == last.name);
    assert!(place.is_some_and(|place| place < 10), "{place:?} {order:?}");
    for number in 1..MANY {
        emperor.ready_after(&emperor.vassal(&name_of(number)), 0);
    }
}

#[test]
fn the_status_is_answered_while_many_come_up() {
    let setup = Setup::new();
    let app = setup.at("hello.py");
    write_python(&app, &hello("one of many"));
    for number in 0..MANY {
        lay_out(&setup, &name_of(number), &app);
    }
    let emperor = setup.start();
    let (mut slowest, mut answers_meanwhile) = (Duration::ZERO, 0);
    loop {
        let asked = Instant::now();
        let status = emperor.status();
        slowest = slowest.max(asked.elapsed());
        let vassals = status["vassals"].as_array().expect("a list").clone();
        assert_eq!(vassals.len(), MANY);
        let is_ready = |vassal: &&Value| vassal["state"] == "ready";
        if vassals.iter().filter(is_ready).count() == MANY {
            break;
        }
        answers_meanwhile += 1;
    }
    assert!(answers_meanwhile > 2, "{answers_meanwhile}");
    // Half a second for the masters to answer, and what a busy machine takes.
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
}

#[test]
fn no_more_come_up_at_a_time_than_allowed() {
    let setup = Setup::new().flags(&["--parallel-starts", "2"]);
    let app = setup.at("hello.py");
    write_python(&app, &hello("x"));
    for number in 0..20 {
        lay_out(&setup, &name_of(number), &app);
    }
    let emperor = setup.start();
    for number in 0..20 {
        emperor.ready_after(&emperor.vassal(&name_of(number)), 0);
    }
    let (mut coming, mut most) = (0, 0);
    for event in emperor.events().so_far() {
        match event["event"].as_str() {
            Some("master-spawned") => coming += 1,
            Some("generation-ready") => coming -= 1,
            _ => {}
        }
        most = most.max(coming);
    }
    assert_eq!(most, 2);
}

#[test]
fn the_most_recently_used_starts_first() {
    let setup = Setup::new().flags(&["--parallel-starts", "1"]);
    let app = setup.at("hello.py");
    write_python(&app, &hello("x"));
    for name in ["busy", "idle", "old", "touched"] {
        lay_out(&setup, name, &app);
    }
    let touched = setup.at(format!("vassals/{}.toml", setup.name("touched")));
    change_at(&touched, SystemTime::now() - Duration::from_mins(5));
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .expect("it is later")
        .as_secs();
    let known = json!({ setup.name("old"): now - 7200, setup.name("busy"): now });
    write_whole(&setup.at("run/last-used.json"), &known.to_string());
    let emperor = setup.start();
    for name in ["busy", "idle", "old", "touched"] {
        emperor.ready_after(&emperor.vassal(name), 0);
    }
    let expected = ["busy", "touched", "idle", "old"].map(|name| emperor.name(name));
    assert_eq!(order_of_starts(&emperor), expected);
}

#[test]
fn who_was_used_is_remembered_for_the_next_emperor() {
    let kept = tempfile::tempdir().expect("a temporary directory");
    let setup = Setup::new();
    symlink(kept.path(), setup.at("run")).expect("it is ours");
    let emperor = setup.start();
    let used = emperor.serve("used", "", &hello("x"));
    emperor.serve("unused", "", &hello("x"));
    assert_eq!(emperor.get(&used), "x");
    assert!(emperor.stop().success());
    let text = std::fs::read_to_string(kept.path().join("last-used.json"));
    let known: Value = serde_json::from_str(&text.expect("it was written")).expect("it is JSON");
    let names: Vec<&String> = known.as_object().expect("an object").keys().collect();
    assert_eq!(names, [&used.name]);
}

#[test]
fn starts_wait_for_memory_while_the_emperor_answers() {
    // More than there can be, so that the wait does not end by itself.
    let setup = Setup::new().flags(&["--min-free-memory", "100%"]);
    let app = setup.at("hello.py");
    write_python(&app, &hello("x"));
    for number in 0..3 {
        lay_out(&setup, &name_of(number), &app);
    }
    let emperor = setup.start();
    let paused = emperor.events().wait("starts are paused", |event| {
        (event["event"] == "starts-paused").then(|| event.clone())
    });
    assert_eq!(paused["waiting"], 3);
    let reason = paused["reason"].as_str().expect("a reason");
    assert!(reason.contains("`--min-free-memory`"), "{reason}");
    let blog = emperor.vassal(&name_of(0));
    assert_eq!(emperor.state_of(&blog), "starting");
    connect(&emperor.address(&blog)).expect("clients wait with it");
    // Nobody waits any more.
    for number in 0..3 {
        let file = emperor.vassal(&name_of(number)).file;
        std::fs::remove_file(file).expect("it is there");
    }
    let resumed = emperor.events().wait("the pause ends", |event| {
        (event["event"] == "starts-resumed").then(|| event.clone())
    });
    assert_eq!(resumed["waiting"], 0);
    assert_eq!(order_of_starts(&emperor), [""; 0]);
}

#[test]
fn a_socket_of_a_vassal_that_waits_is_its_own() {
    let setup = Setup::new().flags(&["--min-free-memory", "100%"]);
    let app = setup.at("hello.py");
    write_python(&app, &hello("x"));
    lay_out(&setup, "first", &app);
    let emperor = setup.start();
    let first = emperor.vassal("first");
    let address = emperor.address(&first);
    let second = emperor.add("second", &format!("http = \"{address}\""), &hello("x"));
    let failure = emperor.failed_after(&second, 0);
    failure.says("socket", &[&address]);
    failure.hints(&format!("vassal `{}` listens there", first.name));
}

#[test]
fn without_a_limit_memory_is_not_looked_at() {
    let emperor = Setup::new().flags(&["--min-free-memory", "0"]).start();
    let blog = emperor.serve("blog", "", &hello("x"));
    assert_eq!(get(&emperor.address(&blog), "/"), "x");
}
