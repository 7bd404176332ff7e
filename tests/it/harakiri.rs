//! `harakiri`: a request that takes too long is ended, its client told, and nothing else lost.

use std::io::{Read, Write};
use std::thread::{JoinHandle, spawn};

use serde_json::{Value, json};

use crate::harness::{Connection, Emperor, Python, Response, connect, get, pythons, try_get};
use crate::site::{Site, rest_of};

const APP: &str = r"
import ctypes, os, re, signal, time

def sleep():
    time.sleep(600)

def hold():
    ctypes.PyDLL(None).sleep(600)

def compute():
    sum(range(10 ** 15))

def backtrack():
    re.match('(a+)+$', 'a' * 64 + 'b')

def deafen():
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
    time.sleep(600)

def wait(environ):
    print('waits', environ['QUERY_STRING'], flush=True)
    with open('gate', 'rb', 0) as gate:
        gate.read(1)

def begin():
    yield b'begun'
    time.sleep(600)

def application(environ, start_response):
    path = environ['PATH_INFO']
    if path in ('/sleep', '/hold', '/compute', '/backtrack', '/deafen'):
        print('began', path, environ['QUERY_STRING'], flush=True)
        globals()[path[1:]]()
    if path == '/read':
        environ['wsgi.input'].read()
    if path == '/wait':
        wait(environ)
    if path == '/second':
        time.sleep(1)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return begin() if path == '/begin' else [str(os.getpid()).encode()]
";

/// A worker's number in an answer.
fn pid(response: &Response) -> u32 {
    assert_eq!(response.status, 200, "{response:?}");
    response.body.parse().expect("a process id")
}

/// Waits until a request has been ended, and gives the event.
#[track_caller]
fn overdue(site: &Site, path: &str) -> Value {
    site.emperor
        .heard(&site.vassal, "request-overdue", &[("path", json!(path))])
}

/// How many requests have been ended.
fn count(site: &Site) -> usize {
    site.emperor.count(&site.vassal, "request-overdue")
}

/// Asks in a thread of its own.
fn ask(site: &Site, path: &'static str) -> JoinHandle<Response> {
    let address = site.address.clone();
    spawn(move || try_get(&address, path).expect("it answers"))
}

#[test]
fn a_stuck_request_gets_504_and_its_worker_is_replaced() {
    let site = Site::new("harakiri = \"1s\"", APP);
    let before = pid(&site.get("/"));
    let answer = site.get("/sleep?a=b");
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (504, "504 Gateway Timeout\n")
    );
    assert_eq!(answer.header("connection"), Some("close"));
    // The event has it all.
    let event = overdue(&site, "/sleep?a=b");
    assert_eq!(
        (&event["method"], &event["worker"], &event["pid"]),
        (&json!("GET"), &json!(1), &json!(before))
    );
    assert!(event["milliseconds"].as_u64() >= Some(1000), "{event}");
    let traceback = event["traceback"].as_str().expect("a text");
    let lines: Vec<&str> = traceback.lines().collect();
    assert!(lines[1].ends_with("app.py\", line 5 in sleep"), "{lines:?}");
    assert!(
        lines.last().expect("some").ends_with("in application"),
        "{lines:?}"
    );
    // So has the log, in which the request is one line of the access log as well.
    let said = site.printed("lictor: harakiri: `GET /sleep?a=b` took ");
    assert!(said.contains("the client got status 504"), "{said}");
    site.printed("app.py\", line 5 in sleep");
    let line = site.printed("\"GET /sleep?a=b HTTP/1.1\" 504 20 ");
    assert!(line.starts_with("127.0.0.1 - "), "{line}");
    // The next request meets another worker of the same generation.
    assert_ne!(pid(&site.get("/")), before);
    let exited = [("pid", json!(before))];
    site.emperor.heard(&site.vassal, "worker-exited", &exited);
    let status = site.emperor.status_of(&site.vassal);
    assert_eq!(
        (&status["generation"], &status["restarts"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(count(&site), 1);
}

#[test]
fn other_requests_of_the_worker_are_finished_first() {
    let (site, mut gate) = Site::gated("harakiri = \"5s\"\nthreads = 3", APP);
    let before = pid(&site.get("/"));
    let stuck = ask(&site, "/sleep");
    site.printed("began /sleep");
    // Time passes, in which others come and go, and one comes that stays.
    for _ in 0..3 {
        assert_eq!(pid(&site.get("/second")), before);
    }
    let other = ask(&site, "/wait?other");
    site.printed("waits other");
    assert_eq!(stuck.join().expect("it does not panic").status, 504);
    assert_eq!(overdue(&site, "/sleep")["pid"], before);
    // The lost thread does not keep the other one from finishing, nor from the worker it is in.
    gate.let_go(1);
    assert_eq!(pid(&other.join().expect("it does not panic")), before);
    let exited = [("pid", json!(before))];
    site.emperor.heard(&site.vassal, "worker-exited", &exited);
    assert_ne!(pid(&site.get("/")), before);
    assert_eq!(count(&site), 1);
}

#[test]
fn fast_requests_do_not_reset_the_clock_of_a_slow_one() {
    let site = Site::new("harakiri = \"2s\"\nthreads = 4", APP);
    let stuck = ask(&site, "/sleep");
    let mut kept = site.connect();
    while !stuck.is_finished() {
        if kept.get("/").map_or(0, |answer| answer.status) != 200 {
            // The worker leaves.
            kept = site.connect();
        }
        assert_eq!(site.get("/").status, 200);
    }
    assert_eq!(stuck.join().expect("it does not panic").status, 504);
    overdue(&site, "/sleep");
    assert_eq!(count(&site), 1);
}

#[test]
fn code_that_holds_the_interpreter_is_ended_too() {
    for path in ["/hold", "/compute", "/backtrack"] {
        let site = Site::new("harakiri = \"1s\"\nthreads = 2", APP);
        let before = pid(&site.get("/"));
        assert_eq!(site.get(path).status, 504);
        let event = overdue(&site, path);
        let traceback = event["traceback"].as_str().expect("a text");
        let place = format!("in {}\n", path.trim_start_matches('/'));
        assert!(traceback.contains(&place), "{traceback}");
        let exited = [("pid", json!(before))];
        site.emperor.heard(&site.vassal, "worker-exited", &exited);
        assert_ne!(pid(&site.get("/")), before);
    }
}

#[test]
fn a_thread_that_takes_no_signal_is_lost_without_an_answer() {
    let site = Site::new("harakiri = \"1s\"", APP);
    let before = pid(&site.get("/"));
    try_get(&site.address, "/deafen").expect_err("there is nobody to answer");
    let event = overdue(&site, "/deafen");
    assert_eq!(
        (&event["method"], &event["pid"]),
        (&json!("GET"), &json!(before))
    );
    site.printed("its thread takes no signals");
    pid(&site.get("/"));
}

#[test]
fn every_python_ends_a_stuck_request_in_any_thread() {
    for Python { executable, .. } in pythons() {
        let options = format!("harakiri = \"1s\"\nthreads = 2\npython = {executable:?}");
        let site = Site::new(&options, APP);
        // One in the main thread, one in the other.
        let requests = [ask(&site, "/sleep?1"), ask(&site, "/sleep?2")];
        for request in requests {
            assert_eq!(request.join().expect("it does not panic").status, 504);
        }
        for path in ["/sleep?1", "/sleep?2"] {
            let event = overdue(&site, path);
            let traceback = event["traceback"].as_str().expect("a text");
            assert!(traceback.contains("line 5 in sleep\n"), "{event}");
            assert!(traceback.ends_with("in application\n"), "{event}");
        }
        pid(&site.get("/"));
    }
}

#[test]
fn an_answer_that_has_begun_is_cut() {
    let site = Site::new("harakiri = \"1s\"", APP);
    for protocol in ["HTTP/1.1", "HTTP/1.0"] {
        let mut stream = site.stream();
        let request = format!("GET /begin?{protocol} {protocol}\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut bytes = Vec::new();
        let error = stream.read_to_end(&mut bytes).expect_err("it is cut");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("200 OK") && text.contains("begun"), "{text}");
        assert!(!text.contains("504"), "{text}");
        let path = format!("/begin?{protocol}");
        overdue(&site, &path);
        let said = site.printed(&format!("lictor: harakiri: `GET {path}` took "));
        assert!(
            said.contains("begun with status 200, was cut off"),
            "{said}"
        );
        site.printed(&format!("\"GET {path} {protocol}\" 200 5 "));
        pid(&site.get("/"));
    }
}

#[test]
fn a_request_that_ends_in_time_is_left_alone() {
    let site = Site::new("harakiri = \"5s\"\nthreads = 2", APP);
    let mut kept = site.connect();
    let before = pid(&kept.get("/").expect("it answers"));
    // More than the limit together, each within it.
    for _ in 0..6 {
        assert_eq!(pid(&kept.get("/second").expect("it answers")), before);
    }
    assert_eq!(count(&site), 0);
    assert_eq!(site.emperor.status_of(&site.vassal)["restarts"], 0);
}

#[test]
fn pipelined_requests_get_what_belongs_to_them() {
    let site = Site::new("harakiri = \"1s\"", APP);
    let request = |path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let all = ["/", "/sleep", "/"].map(request).concat();
    let text = site.everything(all.as_bytes());
    let statuses: Vec<&str> = text
        .split("HTTP/1.1 ")
        .filter_map(|answer| answer.get(..3))
        .collect();
    assert_eq!(statuses, ["200", "504"], "{text}");
    assert!(text.ends_with("504 Gateway Timeout\n"), "{text}");
}

#[test]
fn what_the_app_says_too_late_is_dropped() {
    let (site, mut gate) = Site::gated("harakiri = \"5s\"\nthreads = 3", APP);
    let mut late = site.stream();
    let request = "GET /wait?late HTTP/1.1\r\nHost: a\r\n\r\n";
    late.write_all(request.as_bytes()).expect("it reads");
    site.printed("waits late");
    for _ in 0..3 {
        site.get("/second");
    }
    // The worker stays for this one, so that the other can come to its end as well.
    let other = ask(&site, "/wait?other");
    site.printed("waits other");
    let event = overdue(&site, "/wait?late");
    gate.let_go(2);
    pid(&other.join().expect("it does not panic"));
    let text = rest_of(&mut late);
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
    assert!(text.ends_with("504 Gateway Timeout\n"), "{text}");
    let exited = [("pid", event["pid"].clone())];
    site.emperor.heard(&site.vassal, "worker-exited", &exited);
    // Whatever it wrote has been read by now.
    let next = ask(&site, "/wait?end");
    let said = site.said_until("waits end");
    gate.let_go(1);
    pid(&next.join().expect("it does not panic"));
    let lines = said.iter().filter(|line| line.contains("/wait?late HTTP"));
    assert_eq!(lines.count(), 1, "{said:?}");
}

#[test]
fn an_upload_that_nobody_reads_gets_its_504() {
    let site = Site::new("harakiri = \"1s\"", APP);
    let mut connection = site.connect();
    let head = "POST /sleep HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";
    connection.send(head.as_bytes()).expect("it reads");
    connection
        .send(&vec![b'x'; 200_000])
        .expect("it is buffered");
    let answer = connection.receive().expect("it answers");
    assert_eq!(answer.status, 504);
    overdue(&site, "/sleep");
}

#[test]
fn a_client_that_sends_too_slowly_counts_as_well() {
    let site = Site::new("harakiri = \"1s\"", APP);
    let mut connection = site.connect();
    let head = "POST /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nonly this";
    connection.send(head.as_bytes()).expect("it reads");
    assert_eq!(connection.receive().expect("it answers").status, 504);
    let event = overdue(&site, "/read");
    assert_eq!(event["method"], "POST");
}

#[test]
fn idle_connections_get_their_moment() {
    let site = Site::new("harakiri = \"1s\"\nthreads = 2", APP);
    let mut kept = site.connect();
    let before = pid(&kept.get("/").expect("it answers"));
    let address = site.address.clone();
    assert_eq!(site.get("/sleep").status, 504);
    // The other thread is there for it, and then there is nothing left to finish.
    let mut others: Vec<Connection> = (0..3)
        .map(|_| connect(&address).expect("it listens"))
        .collect();
    if let Ok(answer) = kept.get("/") {
        assert_eq!(pid(&answer), before);
    }
    for other in &mut others {
        assert_eq!(other.get("/").expect("it answers").status, 200);
    }
    let exited = [("pid", json!(before))];
    site.emperor.heard(&site.vassal, "worker-exited", &exited);
}

#[test]
fn workers_are_lost_one_at_a_time_and_the_site_goes_on() {
    let site = Site::new("harakiri = \"1s\"\nprocesses = 2", APP);
    let paths = ["/sleep?1", "/sleep?2", "/sleep?3", "/sleep?4"];
    for path in paths {
        let stuck = ask(&site, path);
        // What comes while one worker is stuck meets the other.
        site.printed(&format!("began {}", path.replace('?', " ")));
        assert_eq!(site.get("/").status, 200);
        assert_eq!(stuck.join().expect("it does not panic").status, 504);
        overdue(&site, path);
    }
    assert_eq!(count(&site), paths.len());
    assert_eq!(site.emperor.state_of(&site.vassal), "ready");
}

#[test]
fn a_generation_that_leaves_ends_its_stuck_requests_too() {
    let site = Site::new("harakiri = \"3s\"", APP);
    let stuck = ask(&site, "/sleep");
    site.printed("began /sleep");
    site.emperor.touch(&site.vassal.file);
    site.emperor.ready_after(&site.vassal, 1);
    assert_eq!(stuck.join().expect("it does not panic").status, 504);
    assert_eq!(overdue(&site, "/sleep")["generation"], 1);
    // It does not wait for the end of `reload-mercy`: nothing is left to finish.
    let left = [("generation", json!(1))];
    site.emperor.heard(&site.vassal, "master-exited", &left);
    pid(&site.get("/"));
}

/// How often a process has waited for something, and the signals that it handles.
fn status_field(pid: u32, field: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it is there");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.expect("the kernel tells it").trim().to_owned()
}

#[test]
fn nothing_is_set_up_without_it_and_nobody_polls_with_it() {
    let emperor = Emperor::start();
    let plain = emperor.serve("plain", "", APP);
    let limited = emperor.serve(
        "limited",
        "harakiri = \"200ms\"\nthreads = 2\nheartbeat = 0",
        APP,
    );
    let handled = |pid| u64::from_str_radix(&status_field(pid, "SigCgt:"), 16).expect("a mask");
    // Signal 63.
    let bit = 1 << 62;
    assert_eq!(handled(emperor.workers(&plain)[0]) & bit, 0);
    assert_eq!(handled(emperor.workers(&limited)[0]) & bit, bit);
    let fds = |pid| {
        let links = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it is ours");
        links
            .filter_map(|link| link.ok()?.path().read_link().ok())
            .filter(|target| target.display().to_string().contains("lictor-traceback"))
            .count()
    };
    let (one, other) = (emperor.master(&plain), emperor.master(&limited));
    assert_eq!((fds(one), fds(other)), (0, 1));
    // A request of the one vassal is the clock for the other.
    let address = emperor.address(&limited);
    let clock = emperor.address(&plain);
    get(&address, "/");
    get(&clock, "/second");
    let before = status_field(other, "voluntary_ctxt_switches:");
    get(&clock, "/second");
    assert_eq!(status_field(other, "voluntary_ctxt_switches:"), before);
    // And it has not fallen asleep for good.
    assert_eq!(try_get(&address, "/sleep").expect("it answers").status, 504);
}
