//! The command line as people use it: answers, refusals and exit codes.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{Emperor, Setup, hello, lictor, write_python, write_whole};

/// The same with what differs from run to run replaced by what it is.
fn masked(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(masked).collect(),
        Value::Object(fields) => fields
            .into_iter()
            .map(|(name, value)| {
                let value = match (name.as_str(), &value) {
                    ("pid", Value::Number(_)) => json!("a process id"),
                    ("rss", Value::Number(bytes)) if bytes.as_u64() > Some(1_000_000) => {
                        json!("some megabytes")
                    }
                    ("since" | "started_at", Value::String(time)) if is_time(time) => {
                        json!("a time")
                    }
                    ("python", Value::String(version)) if version.starts_with("3.") => {
                        json!("a version")
                    }
                    _ => masked(value),
                };
                (name, value)
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

fn is_time(text: &str) -> bool {
    text.len() == 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T'
}

#[test]
fn the_status_has_the_shape_of_its_contract() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    emperor.get(&blog);
    let shown = emperor.lictor(&["status", "--json"]).with_code(0).stdout;
    let status: Value = serde_json::from_str(&shown).expect("it is JSON");
    assert_eq!(status["emperor"]["pid"], emperor.pid());
    let expected = json!({
        "emperor": {
            "pid": "a process id",
            "version": env!("CARGO_PKG_VERSION"),
            "started_at": "a time",
            "upgrades": 0,
            "upgrade_failure": null,
            "warnings": [],
            "sources": ["vassals"],
        },
        "vassals": [{
            "name": blog.name,
            "file": format!("vassals/{}.toml", blog.name),
            "state": "ready",
            "generation": 1,
            "since": "a time",
            "pid": "a process id",
            "python": "a version",
            "interface": "wsgi",
            "restarts": 0,
            "sockets": [{"protocol": "http", "address": emperor.address(&blog)}],
            "workers": [{
                "id": 1,
                "pid": "a process id",
                "generation": 1,
                "state": "idle",
                "requests": 1,
                "errors": 0,
                "rss": "some megabytes",
                "since": "a time",
            }],
            "error": null,
            "rolled_back": false,
        }],
    });
    assert_eq!(masked(status), expected);
}

#[test]
fn the_status_of_one_shows_its_traceback_and_its_last_words() {
    let emperor = Emperor::start();
    let blog = emperor.serve(
        "blog",
        "",
        &("print('hello from blog')\n".to_owned() + &hello("x")),
    );
    emperor.deploy(&blog, "raise RuntimeError('broken on purpose')");
    emperor.failed_after(&blog, 1);
    let table = emperor.lictor(&["status"]).with_code(0).stdout;
    assert!(table.starts_with("NAME "), "{table}");
    assert!(
        table.contains("degraded") && table.contains("import: RuntimeError: broken on purpose"),
        "{table}"
    );
    assert!(
        table.contains(&format!("hint: lictor status {}", blog.name)),
        "{table}"
    );
    let one = emperor.lictor(&["status", &blog.name]).with_code(0).stdout;
    assert!(one.contains("app.py\", line 1, in <module>"), "{one}");
    assert!(
        one.contains("hello from blog") && one.contains("degraded"),
        "{one}"
    );
}

#[test]
fn an_unknown_name_suggests_the_nearest() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let misspelt = blog.name.replace("blog", "blgo");
    for command in ["status", "reload", "stop", "start", "retry", "rollback"] {
        let ran = emperor.lictor(&[command, &misspelt]).with_code(1);
        assert!(
            ran.stderr
                .contains(&format!("there is no vassal `{misspelt}`")),
            "{}",
            ran.stderr
        );
        assert!(
            ran.stderr
                .contains(&format!("did you mean `{}`?", blog.name)),
            "{}",
            ran.stderr
        );
    }
    emperor.lictor(&["status", "something-else"]).with_code(1);
}

#[test]
fn reload_waits_for_the_new_generation_or_says_why_not() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let ran = emperor
        .lictor(&["reload", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(ran.stdout, format!("{}: generation 2 serves\n", blog.name));
    write_python(&blog.app, "import redsi");
    let ran = emperor
        .lictor(&["reload", "--wait", &blog.name])
        .with_code(1);
    assert!(
        ran.stderr.contains("generation 3") && ran.stderr.contains("No module named 'redsi'"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("app.py\", line 1"), "{}", ran.stderr);
    let ran = emperor.lictor(&["reload", &blog.name]).with_code(0);
    assert_eq!(
        ran.stdout,
        format!("{}: generation 4 is coming up\n", blog.name)
    );
    emperor.failed_after(&blog, 3);
    write_python(&blog.app, &hello("mended"));
    emperor
        .lictor(&["retry", "--wait", &blog.name])
        .with_code(0);
    emperor.heard(&blog, "master-exited", &[("generation", json!(2))]);
    assert_eq!(emperor.get(&blog), "mended");
}

#[test]
fn reload_waits_no_longer_than_told() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    write_python(&blog.app, "import time\ntime.sleep(600)");
    let ran = emperor
        .lictor(&["reload", "--wait=200ms", &blog.name])
        .with_code(1);
    assert!(
        ran.stderr.contains("is not done after 0.2 s; it goes on"),
        "{}",
        ran.stderr
    );
    assert_eq!(emperor.get(&blog), "x");
}

#[test]
fn several_are_reloaded_at_once_and_each_is_reported() {
    let emperor = Emperor::start();
    let good = emperor.serve("good", "", &hello("x"));
    let bad = emperor.serve("bad", "", &hello("x"));
    write_python(&bad.app, "raise RuntimeError('broken')");
    let ran = emperor
        .lictor(&["reload", "--wait", &good.name, &bad.name])
        .with_code(1);
    assert_eq!(ran.stdout, format!("{}: generation 2 serves\n", good.name));
    assert!(
        ran.stderr.contains(&bad.name) && ran.stderr.contains("RuntimeError: broken"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_stopped_vassal_stays_stopped_until_it_is_started() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let address = emperor.address(&blog);
    let ran = emperor.lictor(&["stop", "--wait", &blog.name]).with_code(0);
    assert_eq!(ran.stdout, format!("{}: stopped\n", blog.name));
    crate::harness::connect(&address).expect_err("nobody listens any more");
    assert_eq!(emperor.state_of(&blog), "stopped");
    // Stopping twice is no mistake; a reload is.
    emperor.lictor(&["stop", "--wait", &blog.name]).with_code(0);
    let ran = emperor.lictor(&["reload", &blog.name]).with_code(1);
    assert!(
        ran.stderr
            .contains(&format!("`lictor start {}` starts it", blog.name)),
        "{}",
        ran.stderr
    );
    // Neither a touch nor a reload of all starts it.
    emperor.touch(&blog.file);
    let other = emperor.serve("other", "", &hello("x"));
    emperor.signal(rustix::process::Signal::HUP);
    emperor.ready_after(&other, 1);
    assert_eq!(emperor.state_of(&blog), "stopped");
    write_python(&blog.app, &hello("new"));
    emperor
        .lictor(&["start", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "new");
    let ran = emperor
        .lictor(&["start", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(
        ran.stdout,
        format!("{}: nothing had to be done\n", blog.name)
    );
}

#[test]
fn a_waiting_vassal_is_tried_again_at_once() {
    let emperor = Emperor::start();
    let blog = emperor.add("blog", "", "raise RuntimeError('broken')");
    // By then the wait is long enough for the order to come before it ends.
    for generation in 0..5 {
        emperor.failed_after(&blog, generation);
    }
    write_python(&blog.app, &hello("mended"));
    emperor
        .lictor(&["retry", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(emperor.get(&blog), "mended");
    let ran = emperor
        .lictor(&["retry", "--wait", &blog.name])
        .with_code(0);
    assert_eq!(
        ran.stdout,
        format!("{}: nothing had to be done\n", blog.name)
    );
}

#[test]
fn a_second_emperor_on_a_run_directory_is_refused() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let ran = emperor.lictor(&["emperor", "vassals"]).with_code(75);
    assert!(
        ran.stderr
            .contains("another emperor holds the run directory"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
    assert_eq!(emperor.get(&blog), "x");
    emperor.lictor(&["status"]).with_code(0);
}

#[test]
fn without_an_emperor_it_is_said() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for command in [&["status"][..], &["reload", "blog"], &["events"], &["logs"]] {
        let mut arguments = command.to_vec();
        arguments.extend(["--run-dir", "run"]);
        let ran = lictor(directory.path(), &arguments).with_code(69);
        assert!(
            ran.stderr.contains("no emperor") && ran.stderr.contains("hint: "),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn what_was_left_by_a_killed_emperor_is_in_nobody_s_way() {
    let emperor = Emperor::start();
    let run = emperor.at("run");
    emperor.signal(rustix::process::Signal::KILL);
    let setup = Setup::new();
    fs::create_dir(setup.at("run")).expect("it is ours");
    for entry in fs::read_dir(&run).expect("it is there") {
        let entry = entry.expect("it can be listed");
        // The lock and the socket of the dead one.
        fs::rename(entry.path(), setup.at("run").join(entry.file_name())).expect("it is ours");
    }
    assert!(!emperor.ended().success());
    let second = setup.start();
    second.lictor(&["status"]).with_code(0);
    assert!(second.stop().success());
}

#[test]
fn usage_is_explained() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ran = lictor(directory.path(), &["stauts"]).with_code(2);
    assert!(ran.stderr.contains("'status'"), "{}", ran.stderr);
    lictor(directory.path(), &["emperor", "--nonsense"]).with_code(2);
    lictor(directory.path(), &["emperor"]).with_code(2);
    lictor(directory.path(), &["serve"]).with_code(2);
    lictor(directory.path(), &["reload", "x", "--wait=soon"]).with_code(2);
    let ran = lictor(directory.path(), &["--version"]).with_code(0);
    assert_eq!(
        ran.stdout,
        format!("lictor {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert!(
        lictor(directory.path(), &["--help"])
            .with_code(0)
            .stdout
            .contains("Exit codes")
    );
}

#[test]
fn a_source_that_is_not_there_is_told() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ran = lictor(
        directory.path(),
        &["emperor", "nowhere", "--run-dir", "run"],
    )
    .with_code(1);
    assert!(
        ran.stderr.contains("`nowhere`") && ran.stderr.contains("No such file or directory"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("hint: "), "{}", ran.stderr);
}

#[test]
fn files_are_checked_without_running_them() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| directory.path().join(name);
    write_whole(
        &at("good.toml"),
        "module = \"app\"\nhttp = \"127.0.0.1:8000\"\n",
    );
    write_whole(
        &at("bad.toml"),
        "modul = \"app\"\nhttp = \"127.0.0.1:8000\"\n",
    );
    lictor(directory.path(), &["check", "good.toml"]).with_code(0);
    let ran = lictor(directory.path(), &["check", "bad.toml"]).with_code(65);
    let all = ran.stdout + &ran.stderr;
    assert!(
        all.contains("bad.toml:1:1") && all.contains("^^^^^") && all.contains("`module`"),
        "{all}"
    );
    lictor(directory.path(), &["check", "."]).with_code(65);
    write_whole(
        &at("two/good.toml"),
        "module = \"app\"\nhttp = \"127.0.0.1:8000\"\n",
    );
    write_whole(&at("two/good.ini"), "[uwsgi]\nmodule = app\nhttp = :8001\n");
    let ran = lictor(directory.path(), &["check", "two"]).with_code(65);
    let all = ran.stdout + &ran.stderr;
    assert!(
        all.contains("good.toml") && all.contains("good.ini"),
        "{all}"
    );
    // What cannot be read is a failure, not a mistake in it.
    lictor(directory.path(), &["check", "missing.toml"]).with_code(1);
}

#[test]
fn options_are_explained() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ran = lictor(directory.path(), &["explain", "venv"]).with_code(0);
    assert!(ran.stdout.contains("virtualenv"), "{}", ran.stdout);
    let ran = lictor(directory.path(), &["explain", "procesess"]).with_code(1);
    assert!(ran.stderr.contains("processes"), "{}", ran.stderr);
}

#[test]
fn events_tell_the_story_in_order() {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", "", &hello("x"));
    let shown = emperor
        .lictor(&["events", "--json", &blog.name])
        .with_code(0)
        .stdout;
    let events: Vec<Value> = shown
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect();
    let names: Vec<_> = events
        .iter()
        .filter_map(|event| event["event"].as_str())
        .collect();
    let expected = [
        "vassal-added",
        "sockets-bound",
        "master-spawned",
        "master-booted",
        "worker-spawned",
        "worker-ready",
        "generation-ready",
        "state-changed",
    ];
    assert_eq!(names, expected);
    assert!(events.is_sorted_by_key(|event| event["seq"].as_u64()));
    let text = emperor.lictor(&["events"]).with_code(0).stdout;
    assert!(
        text.contains(&format!("{}: generation 1: ready, wsgi\n", blog.name)),
        "{text}"
    );
}

#[test]
fn the_control_socket_is_for_its_user_alone() {
    use std::os::unix::fs::PermissionsExt;
    let emperor = Emperor::start();
    let mode = |path: &str| {
        fs::metadata(emperor.at(path))
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!((mode("run"), mode("run/emperor.sock")), (0o700, 0o600));
}
