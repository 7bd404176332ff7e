//! Back to the last vassal file that worked, until the file changes again.

mod fallen_back;

use std::fs;

use rustix::process::Signal;
use serde_json::json;

use crate::harness::{Emperor, Ran, Vassal, answering, hello, signal, write_python, write_whole};

/// An app that answers with a variable of its vassal file.
fn color() -> String {
    answering("os.environ.get('COLOR')")
}

fn colored(vassal: &Vassal, color: &str) -> String {
    Emperor::text_for(vassal, &format!("env = [\"COLOR={color}\"]"))
}

/// A vassal that serves by a blue file, and served by a red one before.
fn red_then_blue(emperor: &Emperor) -> Vassal {
    let blog = emperor.serve("blog", "env = [\"COLOR=red\"]", &color());
    write_whole(&blog.file, &colored(&blog, "blue"));
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "blue");
    blog
}

#[track_caller]
fn roll_back(emperor: &Emperor, vassal: &Vassal) -> Ran {
    emperor.lictor(&["rollback", "--wait", &vassal.name])
}

#[track_caller]
fn is_rolled_back(emperor: &Emperor, vassal: &Vassal) -> bool {
    emperor.status_of(vassal)["rolled_back"] == json!(true)
}

#[test]
fn a_file_that_failed_gives_way_to_the_one_that_served() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "env = [\"COLOR=red\"]", &color());
    let broken = colored(&blog, "blue") + "module = \"nowhere\"\n";
    write_whole(&blog.file, &broken);
    emperor.failed_after(&blog, 1);
    assert!(!is_rolled_back(&emperor, &blog));
    let ran = roll_back(&emperor, &blog).with_code(0);
    assert_eq!(ran.stdout, format!("{}: generation 3 serves\n", blog.name));
    emperor.heard(&blog, "vassal-rolled-back", &[]);
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["state"], &status["error"], &status["rolled_back"]),
        (&json!("ready"), &json!(null), &json!(true))
    );
    assert_eq!(emperor.get(&blog), "red");
    assert_eq!(fs::read_to_string(&blog.file).expect("it is there"), broken);
}

#[test]
fn an_app_that_fails_by_its_new_file_gives_way_too() {
    let emperor = Emperor::start();
    let code = "import os\nassert os.environ['COLOR'] != 'blue'\n".to_owned() + &color();
    let blog = emperor.serve("blog", "env = [\"COLOR=red\"]", &code);
    write_whole(&blog.file, &colored(&blog, "blue"));
    emperor
        .failed_after(&blog, 1)
        .says("import", &["AssertionError"]);
    roll_back(&emperor, &blog).with_code(0);
    assert_eq!(emperor.state_of(&blog), "ready");
    assert_eq!(emperor.get(&blog), "red");
}

#[test]
fn a_file_that_serves_gives_way_to_the_one_before() {
    let emperor = Emperor::start();
    let blog = red_then_blue(&emperor);
    roll_back(&emperor, &blog).with_code(0);
    assert_eq!(emperor.get(&blog), "red");
    let one = emperor.lictor(&["status", &blog.name]).with_code(0).stdout;
    assert!(one.contains("(rolled back to an earlier text"), "{one}");
    let all = emperor.lictor(&["status"]).with_code(0).stdout;
    assert!(all.contains("rolled back to an earlier file"), "{all}");
    // Further back there is nothing.
    let refused = roll_back(&emperor, &blog).with_code(1);
    assert!(
        refused.stderr.contains("is rolled back already; touch `"),
        "{}",
        refused.stderr
    );
}

#[test]
fn reload_retry_and_crashes_stay_with_the_earlier_file() {
    let emperor = Emperor::start();
    let blog = red_then_blue(&emperor);
    roll_back(&emperor, &blog).with_code(0);
    for command in ["reload", "reload"] {
        emperor
            .lictor(&[command, "--wait", &blog.name])
            .with_code(0);
        assert_eq!(emperor.get(&blog), "red");
    }
    let generation = emperor.status_of(&blog)["generation"].as_u64();
    let generation = generation.expect("a number");
    signal(emperor.master(&blog), Signal::KILL);
    let next = emperor.ready_after(&blog, generation);
    assert_eq!(emperor.get(&blog), "red");
    emperor.signal(Signal::HUP);
    emperor.ready_after(&blog, next);
    assert_eq!(emperor.get(&blog), "red");
    assert!(is_rolled_back(&emperor, &blog));
    emperor.lictor(&["stop", "--wait", &blog.name]).with_code(0);
    let refused = roll_back(&emperor, &blog).with_code(1);
    assert!(refused.stderr.contains("lictor start"), "{refused:?}");
    emperor
        .lictor(&["start", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "red");
}

#[test]
fn a_touch_goes_forward_again() {
    let emperor = Emperor::start();
    let blog = red_then_blue(&emperor);
    roll_back(&emperor, &blog).with_code(0);
    emperor.touch(&blog.file);
    emperor.replaced(&blog, 3);
    assert_eq!(emperor.get(&blog), "blue");
    assert!(!is_rolled_back(&emperor, &blog));
    // And back once more.
    roll_back(&emperor, &blog).with_code(0);
    assert_eq!(emperor.get(&blog), "red");
}

#[test]
fn a_change_ends_it_too() {
    let emperor = Emperor::start();
    let blog = red_then_blue(&emperor);
    roll_back(&emperor, &blog).with_code(0);
    write_whole(&blog.file, &colored(&blog, "green"));
    emperor.replaced(&blog, 3);
    assert_eq!(emperor.get(&blog), "green");
    // One that does not work is refused as ever, and what serves is what is gone back to.
    write_whole(&blog.file, "no = [");
    let failure = emperor.failed_after(&blog, 4);
    assert!(!is_rolled_back(&emperor, &blog));
    assert_eq!(emperor.state_of(&blog), "degraded");
    roll_back(&emperor, &blog).with_code(0);
    emperor.ready_after(&blog, failure.generation);
    assert_eq!(emperor.get(&blog), "green");
}

#[test]
fn without_an_earlier_file_it_is_refused_with_the_reason() {
    let emperor = Emperor::start();
    let never = emperor.add("never", "", "import nowhere_at_all");
    emperor.failed_after(&never, 0);
    let refused = roll_back(&emperor, &never).with_code(1);
    assert!(refused.stderr.contains("has not served yet"), "{refused:?}");

    let blog = emperor.serve("blog", "", &hello("x"));
    let refused = roll_back(&emperor, &blog).with_code(1);
    assert!(
        refused.stderr.contains("served by no other file"),
        "{refused:?}"
    );

    emperor.deploy(&blog, "import nowhere_at_all");
    emperor.failed_after(&blog, 1);
    let refused = roll_back(&emperor, &blog).with_code(1);
    assert!(
        refused
            .stderr
            .contains("serves by the very file that is there"),
        "{refused:?}"
    );
    assert_eq!(emperor.get(&blog), "x");
}

#[test]
fn code_that_is_broken_by_then_is_told_and_what_serves_goes_on() {
    let emperor = Emperor::start();
    let blog = red_then_blue(&emperor);
    write_python(&blog.app, "raise RuntimeError('broken meanwhile')");
    let ran = roll_back(&emperor, &blog).with_code(1);
    assert!(ran.stderr.contains("broken meanwhile"), "{}", ran.stderr);
    assert!(ran.stderr.contains("app.py\", line 1"), "{}", ran.stderr);
    assert_eq!(emperor.state_of(&blog), "degraded");
    assert_eq!(emperor.get(&blog), "blue");
}

#[test]
fn the_earlier_file_may_have_another_format() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "env = [\"COLOR=red\"]", &color());
    let directory = blog.app.parent().expect("it has one").display();
    let text = format!(
        "[uwsgi]\nmodule = app\nchdir = {directory}\nhttp = 127.0.0.1:0\nenv = COLOR=blue\n"
    );
    // The same vassal, from another file.
    write_whole(&blog.file.with_extension("ini"), &text);
    emperor.failed_after(&blog, 1);
    fs::remove_file(&blog.file).expect("it is there");
    emperor.replaced(&blog, 1);
    assert_eq!(emperor.get(&blog), "blue");
    roll_back(&emperor, &blog).with_code(0);
    let rolled_back = emperor.heard(&blog, "vassal-rolled-back", &[]);
    let file = rolled_back["file"].as_str().map(std::path::Path::new);
    assert_eq!(
        file.and_then(std::path::Path::file_name),
        blog.file.file_name()
    );
    assert_eq!(emperor.get(&blog), "red");
}

#[test]
fn the_next_emperor_stays_with_the_earlier_file() {
    let mut emperor = Emperor::start();
    let blog = red_then_blue(&emperor);
    roll_back(&emperor, &blog).with_code(0);
    emperor.replaced(&blog, 2);
    emperor.lictor(&["upgrade"]).with_code(0);
    emperor.follow_anew();
    emperor.heard(&blog, "generation-adopted", &[]);
    assert!(is_rolled_back(&emperor, &blog));
    emperor
        .lictor(&["reload", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "red");
    // It also knows what worked.
    let broken = colored(&blog, "blue") + "module = \"nowhere\"\n";
    write_whole(&blog.file, &broken);
    let failure = emperor.failed_after(&blog, 4);
    assert!(!is_rolled_back(&emperor, &blog));
    roll_back(&emperor, &blog).with_code(0);
    emperor.ready_after(&blog, failure.generation);
    assert_eq!(emperor.get(&blog), "red");
}

#[test]
fn a_master_that_dies_after_a_bad_file_was_adopted_is_replaced() {
    let mut emperor = Emperor::start();
    let blog = emperor.serve("blog", "env = [\"COLOR=red\"]", &color());
    write_whole(&blog.file, "no = [");
    let failure = emperor.failed_after(&blog, 1);
    emperor.lictor(&["upgrade"]).with_code(0);
    emperor.follow_anew();
    emperor.heard(&blog, "generation-adopted", &[]);
    assert_eq!(emperor.state_of(&blog), "degraded");
    signal(emperor.master(&blog), Signal::KILL);
    emperor.ready_after(&blog, failure.generation);
    assert_eq!(emperor.get(&blog), "red");
}

#[test]
fn one_that_was_stopped_meanwhile_starts_by_the_earlier_file() {
    let mut emperor = Emperor::start();
    let blog = red_then_blue(&emperor);
    roll_back(&emperor, &blog).with_code(0);
    emperor.lictor(&["stop", "--wait", &blog.name]).with_code(0);
    emperor.lictor(&["upgrade"]).with_code(0);
    emperor.follow_anew();
    assert_eq!(emperor.state_of(&blog), "stopped");
    emperor
        .lictor(&["start", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "red");
    assert!(is_rolled_back(&emperor, &blog));
}
