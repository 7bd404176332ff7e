//! Back to the last vassal file that worked by itself: the newest has failed, and nothing serves.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{color, colored, is_rolled_back, red_then_blue, roll_back};
use crate::harness::{DEADLINE, Emperor, Setup, Vassal, get, signal, write_python, write_whole};

/// A vassal that serves by a red file; code that fails to be imported stands beside its app.
fn red(emperor: &Emperor) -> Vassal {
    let blog = emperor.serve("blog", "env = [\"COLOR=red\"]", &color());
    write_python(&blog.app.with_file_name("bad.py"), "import nowhere_at_all");
    blog
}

/// A file that is blue and by which this module is imported.
fn with_module(vassal: &Vassal, module: &str) -> String {
    Emperor::text_for(
        vassal,
        &format!("env = [\"COLOR=blue\"]\nmodule = {module:?}"),
    )
}

/// It serves by the red file, and tells why the newest one does not.
#[track_caller]
fn is_red_because_of(emperor: &Emperor, blog: &Vassal, kind: &str, failed: u64) {
    assert_eq!(emperor.get(blog), "red");
    let status = emperor.status_of(blog);
    let error = &status["error"];
    assert_eq!(
        (&status["state"], &status["rolled_back"]),
        (&json!("degraded"), &json!(true)),
        "{status}"
    );
    assert_eq!(
        (&error["kind"], &error["generation"]),
        (&json!(kind), &json!(failed)),
        "{status}"
    );
}

/// kill -9 of the emperor, then of the master; with whatever is done in between.
#[track_caller]
fn kill_both(emperor: &mut Emperor, blog: &Vassal, meanwhile: impl FnOnce()) {
    let master = emperor.master(blog);
    emperor.kill9();
    meanwhile();
    assert!(signal(master, Signal::KILL).ends_within(DEADLINE));
}

#[test]
fn a_master_that_dies_while_the_newest_file_has_failed_comes_back_by_the_one_that_worked() {
    let emperor = Emperor::start();
    let blog = red(&emperor);
    for (text, kind) in [
        (with_module(&blog, "bad"), "import"),
        ("no = [".to_owned(), "config"),
    ] {
        let before = emperor.status_of(&blog)["generation"].as_u64();
        let before = before.expect("a number");
        write_whole(&blog.file, &text);
        let failed = emperor.failed_after(&blog, before).generation;
        assert_eq!(emperor.state_of(&blog), "degraded");
        signal(emperor.master(&blog), Signal::KILL);
        emperor.ready_after(&blog, failed);
        emperor.heard(&blog, "vassal-rolled-back", &[]);
        is_red_because_of(&emperor, &blog, kind, failed);
    }
    // And once more, by the same file.
    let (failed, serving) = (
        emperor.status_of(&blog)["error"]["generation"].as_u64(),
        emperor.status_of(&blog)["generation"].as_u64(),
    );
    signal(emperor.master(&blog), Signal::KILL);
    emperor.ready_after(&blog, serving.expect("a number"));
    is_red_because_of(&emperor, &blog, "config", failed.expect("a number"));
    // The next change of the file ends that.
    let serving = emperor.status_of(&blog)["generation"].as_u64();
    write_whole(&blog.file, &colored(&blog, "green"));
    emperor.replaced(&blog, serving.expect("a number"));
    assert_eq!(emperor.get(&blog), "green");
    assert!(!is_rolled_back(&emperor, &blog));
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["state"], &status["error"]),
        (&json!("ready"), &Value::Null)
    );
}

#[test]
fn a_master_that_dies_before_the_newest_file_has_failed_comes_back_afterwards() {
    let emperor = Emperor::start();
    let blog = red(&emperor);
    write_python(
        &blog.app.with_file_name("slow.py"),
        "import time\nprint('importing', flush=True)\ntime.sleep(1)\nraise RuntimeError('bad')",
    );
    let master = emperor.master(&blog);
    write_whole(&blog.file, &with_module(&blog, "slow"));
    emperor.printed(&blog, |line| (line == "importing").then_some(()));
    signal(master, Signal::KILL);
    assert_eq!(emperor.failed_after(&blog, 1).generation, 2);
    assert_eq!(emperor.ready_after(&blog, 2), 3);
    is_red_because_of(&emperor, &blog, "import", 2);
}

#[test]
fn reload_and_retry_go_forward_to_the_newest_file() {
    let emperor = Emperor::start();
    let blog = red(&emperor);
    write_whole(&blog.file, &with_module(&blog, "bad"));
    emperor.failed_after(&blog, 1);
    signal(emperor.master(&blog), Signal::KILL);
    assert_eq!(emperor.ready_after(&blog, 2), 3);
    let ran = emperor.lictor(&["reload", "--wait", &blog.name]);
    assert!(ran.with_code(1).stderr.contains("nowhere_at_all"));
    // What serves goes on, and is what is fallen back to once more.
    assert_eq!(emperor.get(&blog), "red");
    assert_eq!(emperor.state_of(&blog), "degraded");
    signal(emperor.master(&blog), Signal::KILL);
    assert_eq!(emperor.ready_after(&blog, 4), 5);
    is_red_because_of(&emperor, &blog, "import", 4);
    // By order it stays, and is as it should be.
    roll_back(&emperor, &blog).with_code(0);
    assert_eq!(emperor.state_of(&blog), "ready");
    emperor
        .lictor(&["reload", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "red");
}

#[test]
fn retry_brings_the_newest_once_what_failed_is_mended_elsewhere() {
    let emperor = Emperor::start();
    let blog = red(&emperor);
    write_whole(&blog.file, &with_module(&blog, "bad"));
    emperor.failed_after(&blog, 1);
    signal(emperor.master(&blog), Signal::KILL);
    assert_eq!(emperor.ready_after(&blog, 2), 3);
    write_python(&blog.app.with_file_name("bad.py"), &color());
    emperor
        .lictor(&["retry", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "blue");
    assert!(!is_rolled_back(&emperor, &blog));
    assert_eq!(emperor.state_of(&blog), "ready");
}

#[test]
fn code_that_is_broken_by_then_does_not_hide_why_the_newest_file_failed() {
    let emperor = Emperor::start();
    let blog = red(&emperor);
    write_whole(&blog.file, "no = [");
    emperor.failed_after(&blog, 1);
    write_python(&blog.app, "raise RuntimeError('broken meanwhile')");
    signal(emperor.master(&blog), Signal::KILL);
    let failure = emperor.failed_after(&blog, 2);
    assert!(failure.message.contains("broken meanwhile"), "{failure:?}");
    let error = emperor.status_of(&blog)["error"].clone();
    assert_eq!(
        (&error["kind"], &error["generation"]),
        (&json!("config"), &json!(2))
    );
    // It is tried again and again, and is back when the code is.
    write_python(&blog.app, &color());
    emperor.ready_after(&blog, failure.generation);
    is_red_because_of(&emperor, &blog, "config", 2);
}

#[test]
fn a_vassal_that_was_stopped_by_order_starts_by_the_newest_file_or_not_at_all() {
    let emperor = Emperor::start();
    let blog = red(&emperor);
    emperor.lictor(&["stop", "--wait", &blog.name]).with_code(0);
    write_whole(&blog.file, &with_module(&blog, "bad"));
    let ran = emperor.lictor(&["start", "--wait", &blog.name]);
    assert!(ran.with_code(1).stderr.contains("nowhere_at_all"));
    // It is tried again, and nothing else is.
    let first = emperor.failed_after(&blog, 0).generation;
    emperor.failed_after(&blog, first);
    assert!(!is_rolled_back(&emperor, &blog));
    assert_eq!(emperor.count(&blog, "vassal-rolled-back"), 0);
}

#[test]
fn a_master_that_died_without_an_emperor_is_back_at_once_by_the_file_that_worked() {
    let mut emperor = Emperor::start();
    let blog = red(&emperor);
    let hangs = "import time\ntime.sleep(600)";
    write_python(&blog.app.with_file_name("hangs.py"), hangs);
    let text = with_module(&blog, "hangs") + "start-timeout = \"1s\"\n";
    write_whole(&blog.file, &text);
    assert_eq!(emperor.failed_after(&blog, 1).kind, "timeout");
    kill_both(&mut emperor, &blog, || {});
    emperor.start_again();
    assert_eq!(emperor.ready_after(&blog, 2), 3);
    is_red_because_of(&emperor, &blog, "timeout", 2);
    assert_eq!(emperor.count(&blog, "generation-failed"), 0, "tried first");
    assert_eq!(emperor.count(&blog, "vassal-rolled-back"), 1);
    // Again, by what is written down about one that has fallen back.
    kill_both(&mut emperor, &blog, || {});
    emperor.start_again();
    assert_eq!(emperor.ready_after(&blog, 3), 4);
    is_red_because_of(&emperor, &blog, "timeout", 2);
    assert_eq!(emperor.count(&blog, "generation-failed"), 0, "tried first");
}

#[test]
fn a_file_that_breaks_without_an_emperor_is_fallen_back_from_by_the_next() {
    let mut emperor = Emperor::start();
    let blog = red(&emperor);
    let broken = [
        ("no = [".to_owned(), "config"),
        (with_module(&blog, "bad"), "import"),
    ];
    for (text, kind) in broken {
        let before = emperor.status_of(&blog)["generation"].as_u64();
        let file = blog.file.clone();
        kill_both(&mut emperor, &blog, || write_whole(&file, &text));
        emperor.start_again();
        let failed = emperor.failed_after(&blog, before.expect("a number"));
        emperor.ready_after(&blog, failed.generation);
        is_red_because_of(&emperor, &blog, kind, failed.generation);
    }
}

#[test]
fn the_next_emperor_finds_one_that_has_fallen_back_as_it_is() {
    let mut emperor = Setup::new().own_program().start();
    let blog = red(&emperor);
    write_whole(&blog.file, &with_module(&blog, "bad"));
    emperor.failed_after(&blog, 1);
    signal(emperor.master(&blog), Signal::KILL);
    assert_eq!(emperor.ready_after(&blog, 2), 3);
    let address = emperor.address(&blog);
    emperor.kill9();
    assert_eq!(get(&address, "/"), "red");
    emperor.start_again();
    emperor.heard(&blog, "generation-adopted", &[]);
    is_red_because_of(&emperor, &blog, "import", 2);
    emperor.lictor(&["upgrade"]).with_code(0);
    emperor.follow_anew();
    emperor.heard(&blog, "generation-adopted", &[]);
    is_red_because_of(&emperor, &blog, "import", 2);
    signal(emperor.master(&blog), Signal::KILL);
    emperor.ready_after(&blog, 3);
    is_red_because_of(&emperor, &blog, "import", 2);
    // An order still goes forward.
    write_python(&blog.app.with_file_name("bad.py"), &color());
    emperor
        .lictor(&["reload", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "blue");
}

#[test]
fn a_rollback_by_order_outlives_the_emperor_and_all_masters() {
    let mut emperor = Emperor::start();
    let blog = red_then_blue(&emperor);
    roll_back(&emperor, &blog).with_code(0);
    emperor.replaced(&blog, 2);
    kill_both(&mut emperor, &blog, || {});
    emperor.start_again();
    emperor.ready_after(&blog, 3);
    assert_eq!(emperor.get(&blog), "red");
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["state"], &status["rolled_back"]),
        (&json!("ready"), &json!(true))
    );
    // A change meanwhile ends it.
    let text = fs::read_to_string(&blog.file).expect("it is there");
    let file = blog.file.clone();
    kill_both(&mut emperor, &blog, || write_whole(&file, &text));
    emperor.start_again();
    emperor.ready_after(&blog, 4);
    assert_eq!(emperor.get(&blog), "blue");
    assert!(!is_rolled_back(&emperor, &blog));
}

#[test]
fn a_file_that_was_mended_and_not_served_yet_is_what_the_next_emperor_begins_with() {
    let mut emperor = Emperor::start();
    let blog = red(&emperor);
    write_whole(&blog.file, "no = [");
    emperor.failed_after(&blog, 1);
    write_python(
        &blog.app.with_file_name("slow.py"),
        &format!(
            "import time\nprint('importing', flush=True)\ntime.sleep(1)\n{}",
            color()
        ),
    );
    write_whole(&blog.file, &with_module(&blog, "slow"));
    emperor.printed(&blog, |line| (line == "importing").then_some(()));
    kill_both(&mut emperor, &blog, || {});
    emperor.start_again();
    emperor.ready_after(&blog, 3);
    assert_eq!(emperor.get(&blog), "blue");
    assert_eq!(emperor.state_of(&blog), "ready");
}
