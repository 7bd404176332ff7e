//! A deploy cannot take a site down.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{
    Connection, Emperor, Load, Watched, answering, connect, get, hello, slow, write_python,
    write_whole,
};

#[test]
fn ten_reloads_under_load_fail_not_one_request() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "processes = 2", &hello("0"));
    let address = emperor.address(&blog);
    let load = Load::on(&address);
    for round in 1..=10 {
        emperor.deploy(&blog, &hello(&round.to_string()));
        assert_eq!(emperor.replaced(&blog, round), round + 1);
    }
    let (failures, asked) = load.stop();
    assert_eq!(failures, Vec::<String>::new(), "of {asked} requests");
    assert!(asked > 20, "{asked}");
    assert_eq!(get(&address, "/"), "10");
    assert_eq!(emperor.status_of(&blog)["error"], json!(null));
}

#[test]
fn failing_reloads_under_load_fail_not_one_request() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("good"));
    let address = emperor.address(&blog);
    let load = Load::on(&address);
    for round in 1..=4 {
        emperor.deploy(&blog, "raise RuntimeError('broken')");
        assert_eq!(emperor.failed_after(&blog, round).generation, round + 1);
    }
    let (failures, asked) = load.stop();
    assert_eq!(failures, Vec::<String>::new(), "of {asked} requests");
    assert_eq!(get(&address, "/"), "good");
}

#[test]
fn a_slow_request_is_finished_across_a_reload() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &slow("old and whole"));
    let mut request = emperor.begin(&blog);
    emperor.deploy(&blog, &hello("new"));
    emperor.ready_after(&blog, 1);
    assert_eq!(
        request.receive().expect("it is finished").body,
        "old and whole"
    );
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "new");
}

#[test]
fn a_queued_connection_that_is_still_silent_is_answered_by_a_worker_that_leaves() {
    let emperor = Emperor::start();
    let released = emperor.at("released");
    let wait = format!("iter(lambda: time.sleep(0.01) or os.path.exists({released:?}), True)");
    let code = answering(&format!(
        "environ['PATH_INFO'] == '/slow' and (print('began', flush=True) or list({wait})) and 'whole' or 'whole'"
    ));
    let blog = emperor.serve("blog", "", &code);
    let address = emperor.address(&blog);
    let ask = |connection: &mut Connection, path| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        connection.send(request.as_bytes()).expect("it is queued");
    };
    // Accepted long before, so that its request keeps the worker from the queue.
    let mut first = connect(&address).expect("it listens");
    first.get("/").expect("it is answered");
    ask(&mut first, "/slow");
    emperor.printed(&blog, |line| (line == "began").then_some(()));
    // Two in the queue of the kernel; nobody else can take them.
    let mut second = connect(&address).expect("it listens");
    ask(&mut second, "/");
    let mut silent = connect(&address).expect("it listens");
    let worker = Watched::new(emperor.workers(&blog)[0]).expect("it is in a request");
    emperor.lictor(&["stop", &blog.name]).with_code(0);
    emperor.heard(&blog, "generation-draining", &[]);
    while emperor.status_of(&blog)["workers"][0]["state"] != "draining" {}
    write_whole(&released, "");
    for request in [&mut first, &mut second] {
        assert_eq!(request.receive().expect("it is finished").body, "whole");
    }
    // It has a moment for its request, during which the worker stays.
    assert!(!worker.ends_within(Duration::from_millis(200)));
    assert_eq!(silent.get("/").expect("it is answered").body, "whole");
    emperor.heard(&blog, "master-exited", &[("expected", json!(true))]);
}

#[test]
fn a_request_longer_than_the_mercy_is_ended() {
    let emperor = Emperor::start();
    let code = answering("print('began', flush=True) or time.sleep(120)");
    let blog = emperor.serve("blog", "reload-mercy = \"200ms\"", &code);
    let mut request = emperor.begin(&blog);
    emperor.deploy(&blog, &hello("new"));
    emperor.replaced(&blog, 1);
    request.receive().expect_err("the worker was ended");
    assert_eq!(emperor.get(&blog), "new");
}

#[test]
fn the_newest_of_many_touches_serves() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("0"));
    for round in 1..=20 {
        emperor.deploy(&blog, &hello(&round.to_string()));
    }
    emperor.deploy(&blog, &hello("the last"));
    emperor.heard(&blog, "master-exited", &[("generation", json!(1))]);
    emperor
        .lictor(&["reload", &blog.name, "--wait"])
        .with_code(0);
    let newest = emperor.status_of(&blog)["generation"]
        .as_u64()
        .expect("a number");
    emperor.replaced(&blog, newest - 1);
    assert_eq!(emperor.get(&blog), "the last");
}

#[test]
fn a_touch_while_a_generation_hangs_starts_the_next_one() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("old"));
    emperor.deploy(
        &blog,
        "import time\nprint('hangs', flush=True)\ntime.sleep(600)",
    );
    emperor.printed(&blog, |line| (line == "hangs").then_some(()));
    emperor.deploy(&blog, &hello("new"));
    assert_eq!(emperor.ready_after(&blog, 1), 3);
    emperor.heard(&blog, "master-exited", &[("generation", json!(2))]);
    emperor.heard(&blog, "master-exited", &[("generation", json!(1))]);
    assert_eq!(emperor.get(&blog), "new");
}

#[test]
fn a_touched_further_file_reloads() {
    let emperor = Emperor::start();
    let (first, later) = (emperor.at("first"), emperor.at("deploy/later"));
    write_whole(&first, "");
    std::fs::create_dir(emperor.at("deploy")).expect("it is ours");
    let options = format!("touch-reload = [{first:?}, {later:?}]");
    let blog = emperor.serve("blog", &options, &hello("old"));
    write_python(&blog.app, &hello("new"));
    emperor.touch(&first);
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "new");
    // One that was not there yet.
    write_whole(&later, "");
    assert_eq!(emperor.ready_after(&blog, 2), 3);
}

#[test]
fn sighup_reloads_all() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("old"));
    let shop = emperor.serve("shop", "", &hello("x"));
    write_python(&blog.app, &hello("new"));
    emperor.signal(Signal::HUP);
    emperor.replaced(&blog, 1);
    emperor.replaced(&shop, 1);
    assert_eq!(emperor.get(&blog), "new");
}

#[test]
fn sigterm_finishes_the_request_in_flight() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &slow("whole"));
    let address = emperor.address(&blog);
    let mut request = emperor.begin(&blog);
    emperor.signal(Signal::TERM);
    assert_eq!(request.receive().expect("it is finished").body, "whole");
    assert!(emperor.ended().success());
    connect(&address).expect_err("nobody listens any more");
}

#[test]
fn a_second_sigterm_ends_at_once() {
    let emperor = Emperor::start();
    let code = answering("print('began', flush=True) or time.sleep(120)");
    let blog = emperor.serve("blog", "", &code);
    let mut request = emperor.begin(&blog);
    emperor.signal(Signal::TERM);
    emperor.heard(&blog, "generation-draining", &[]);
    emperor.signal(Signal::TERM);
    assert!(emperor.ended().success());
    request.receive().expect_err("it was cut");
}

#[test]
fn new_code_of_the_same_size_in_the_same_second_is_new_code() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("old"));
    let directory = blog.app.parent().expect("it has one");
    // The module beside the app was compiled for an app before, a moment ago.
    let app = "import helper\n".to_owned() + &answering("helper.TEXT");
    write_python(&blog.app, &app);
    for (generation, text) in [(1, "one"), (2, "two"), (3, "six")] {
        std::fs::write(directory.join("helper.py"), format!("TEXT = '{text}'\n"))
            .expect("it is ours");
        emperor.touch(&blog.file);
        emperor.replaced(&blog, generation);
        assert_eq!(emperor.get(&blog), text);
    }
}
