//! `ready-path`: a generation that comes up but does not work does not take over.

use serde_json::json;

use rustix::process::Signal;

use crate::harness::{Emperor, Failure, answering, hello, signal};

const OPTIONS: &str = "ready-path = \"/health?deep=1\"";

/// An app whose answer to `/health` is this.
fn with_health(statements: &str) -> String {
    let lines = statements.replace('\n', "\n        ");
    format!(
        "import os, sys, time\n\
         def application(environ, start_response):\n    \
             if environ['PATH_INFO'] == '/health':\n        {lines}\n    \
             start_response('200 OK', [('Content-Length', '3')])\n    \
             return [b'new']\n"
    )
}

/// A vassal that serves gets this code, which does not take over; then it is mended.
#[track_caller]
fn does_not_take_over(options: &str, code: &str) -> Failure {
    let emperor = Emperor::start();
    let blog = emperor.serve("blog", options, &hello("old"));
    emperor.deploy(&blog, code);
    let failure = emperor.failed_after(&blog, 1);
    emperor.heard(&blog, "state-changed", &[("to", json!("degraded"))]);
    let status = emperor.status_of(&blog);
    assert_eq!(
        (&status["generation"], &status["error"]["kind"]),
        (&json!(1), &json!(failure.kind))
    );
    assert_eq!(emperor.get(&blog), "old");
    emperor.deploy(&blog, &with_health("pass"));
    emperor.replaced(&blog, 2);
    assert_eq!(emperor.get(&blog), "new");
    assert_eq!(emperor.status_of(&blog)["error"], json!(null));
    failure
}

#[test]
fn a_generation_whose_ready_path_fails_does_not_take_over() {
    let failure = does_not_take_over(
        OPTIONS,
        &with_health(
            "start_response('503 Service Unavailable', [])\nreturn [b'no database\\n', b'at all']",
        ),
    );
    failure.says("ready-path", &[]);
    assert_eq!(
        failure.message,
        "`/health?deep=1` answered 503 (`ready-path`)"
    );
    assert!(
        failure
            .detail
            .starts_with("it said:\n  no database\n  at all\nhint: "),
        "{failure:?}"
    );
    failure.hints("each of its workers answers with a status below 500");
}

#[test]
fn a_generation_that_raises_at_its_ready_path_does_not_take_over() {
    let raises = with_health("raise RuntimeError('no cache')");
    does_not_take_over(OPTIONS, &raises).says("ready-path", &["answered 500"]);
    let options = format!("{OPTIONS}\nthreads = 2\nlazy-apps = true\nprocesses = 2");
    does_not_take_over(&options, &raises).says("ready-path", &["answered 500"]);
}

#[test]
fn a_generation_that_ends_at_its_ready_path_does_not_take_over() {
    does_not_take_over(OPTIONS, &with_health("os._exit(3)")).says(
        "ready-path",
        &["was not answered, the connection was closed"],
    );
}

#[test]
fn a_ready_path_that_hangs_ends_with_the_start_timeout() {
    let options = format!("{OPTIONS}\nstart-timeout = \"1s\"");
    let failure = does_not_take_over(&options, &with_health("time.sleep(600)"));
    failure.says("timeout", &["not ready after 1 s"]);
    failure.hints("answers `/health?deep=1` (`ready-path`)");
}

#[test]
fn every_worker_of_a_new_generation_is_asked_and_later_ones_are_not() {
    let emperor = Emperor::start();
    let said = "f'asked {os.getpid()} {[environ[k] for k in keys]} {environ[\"REMOTE_ADDR\"]!r}'";
    let code = "keys = ['REQUEST_METHOD', 'QUERY_STRING', 'HTTP_HOST', 'HTTP_USER_AGENT', 'SERVER_PROTOCOL']\n"
        .to_owned()
        + &answering(&format!(
            "environ['PATH_INFO'] == '/health' and print({said}, flush=True) or 'x'"
        ));
    let options = format!("{OPTIONS}\nprocesses = 3\naccess-log = \"all\"");
    let blog = emperor.serve("blog", &options, &code);
    let workers = emperor.workers(&blog);
    for worker in &workers {
        let expected =
            format!("asked {worker} ['GET', 'deep=1', 'localhost', 'lictor', 'HTTP/1.1'] ''");
        emperor.printed(&blog, |line| (line == expected).then_some(()));
    }
    // They do not count, but are in the access log.
    emperor.printed(&blog, |line| {
        line.starts_with("unix - \"GET /health?deep=1 HTTP/1.1\" 200 1")
            .then_some(())
    });
    for shown in emperor.status_of(&blog)["workers"]
        .as_array()
        .expect("a list")
    {
        assert_eq!(shown["requests"], 0);
    }
    signal(workers[0], Signal::KILL);
    let ready = emperor.heard_times(&blog, "worker-ready", &[], 4);
    let replacement = format!("asked {} ", ready[3]["pid"]);
    assert_eq!(emperor.get(&blog), "x");
    let lines = emperor.output().so_far();
    let was_asked = |line: &serde_json::Value| {
        line["line"]
            .as_str()
            .is_some_and(|l| l.starts_with(&replacement))
    };
    assert!(!lines.iter().any(was_asked), "{lines:?}");
}

#[test]
fn a_status_below_500_is_good_enough_however_long_the_answer_is() {
    for health in [
        "start_response('404 Not Found', [])\nreturn [b'']",
        "start_response('301 Moved', [('Location', 'https://elsewhere/')])\nreturn [b'']",
        "start_response('200 OK', [])\nreturn (b'x' * 65536 for _ in range(10))",
        "start_response('200 OK', [])\nreturn (b'x' * 65536 for _ in range(100000))",
    ] {
        let emperor = Emperor::start();
        let blog = emperor.serve("blog", OPTIONS, &with_health(health));
        assert_eq!(emperor.get(&blog), "new", "{health}");
    }
}

#[test]
fn a_first_generation_whose_ready_path_fails_is_tried_again() {
    let emperor = Emperor::start();
    let code = with_health("start_response('500 No', [])\nreturn [b'']");
    let blog = emperor.add("blog", OPTIONS, &code);
    emperor
        .failed_after(&blog, 1)
        .says("ready-path", &["answered 500"]);
    emperor.deploy(&blog, &with_health("pass"));
    emperor.ready_after(&blog, 2);
    assert_eq!(emperor.get(&blog), "new");
}
