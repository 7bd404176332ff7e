//! Requests of an event loop that take too long: those that wait, and those that let nobody else run.

use std::io::{Read, Write};
use std::thread;

use serde_json::json;

use crate::asgi::app;
use crate::harness::{connect, try_get};
use crate::site::{Site, rest_of};

pub(super) const STUCK: &str = r"
async def http(scope, receive, send):
    if scope['path'] == '/begun':
        await start(send)
        await body(send, b'begun', True)
    if scope['path'] != '/':
        await outer(scope['path'])
    await answer(send, b'fine')

async def outer(path):
    try:
        if path == '/blocks':
            import time
            print('blocking', flush=True)
            time.sleep(600)
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        print('cancelled', path, flush=True)
        raise
";

#[test]
fn harakiri_ends_one_request_and_no_other() {
    let site = Site::new("harakiri = \"400ms\"\naccess-log = \"all\"\n", &app(STUCK));
    let pid = site.emperor.status_of(&site.vassal)["workers"][0]["pid"].clone();
    let mut stream = site.stream();
    stream
        .write_all(b"GET /begun HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    let mut connection = site.connect();
    connection
        .send(b"GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    assert_eq!(site.get("/").body, "fine");
    let answer = connection.receive().expect("it is answered");
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (504, "504 Gateway Timeout\n")
    );
    // The connection is as good as before.
    assert_eq!(connection.get("/").expect("it goes on").body, "fine");
    let text = rest_of(&mut stream);
    assert!(
        text.contains("begun") && !text.ends_with("0\r\n\r\n"),
        "{text}"
    );
    site.printed("harakiri: `GET /stuck` took more than 0.4 s; the client got status 504");
    site.printed("in outer");
    site.printed("harakiri: `GET /begun`");
    site.printed("cancelled /stuck");
    let status = site.emperor.status_of(&site.vassal);
    let worker = &status["workers"][0];
    assert_eq!(
        (&worker["pid"], &worker["errors"]),
        (&pid, &json!(2)),
        "{status}"
    );
}

#[test]
fn harakiri_ends_a_loop_that_is_blocked() {
    for options in ["loop = \"asyncio\"\n", "processes = 2\n"] {
        let options = format!("harakiri = \"500ms\"\naccess-log = \"all\"\n{options}");
        let site = Site::new(&options, &app(STUCK));
        let address = site.address.clone();
        let blocked = thread::spawn(move || try_get(&address, "/blocks?a=b"));
        site.printed("blocking");
        let answer = blocked.join().expect("it does not panic");
        let answer = answer.expect("it is answered");
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (504, "504 Gateway Timeout\n")
        );
        let path = [("path", json!("/blocks?a=b"))];
        let event = site.emperor.heard(&site.vassal, "request-overdue", &path);
        let traceback = event["traceback"].as_str().expect("a text");
        let lines: Vec<&str> = traceback.lines().collect();
        assert!(lines[1].ends_with("in outer"), "{lines:?}");
        assert!(
            lines.last().expect("some").ends_with("in application"),
            "{lines:?}"
        );
        let said = site.printed("lictor: harakiri: `GET /blocks?a=b` took ");
        assert!(
            said.contains("the client got status 504")
                && said.contains("whose event loop is blocked, is replaced"),
            "{said}"
        );
        site.printed("in outer");
        site.printed("\"GET /blocks?a=b HTTP/1.1\" 504 20 ");
        assert_eq!(site.get("/").body, "fine");
        let pid = [("pid", event["pid"].clone())];
        site.emperor.heard(&site.vassal, "worker-exited", &pid);
    }
}

#[test]
fn the_oldest_request_of_a_blocked_loop_is_answered() {
    let site = Site::new("harakiri = \"2s\"\n", &app(STUCK));
    let open = |path: &str| {
        let mut connection = site.connect();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        connection.send(request.as_bytes()).expect("it reads");
        connection
    };
    // Each of these stood first for a while, or ended behind the first.
    let mut begun = site.stream();
    begun
        .write_all(b"GET /begun HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    for _ in 0..3 {
        assert_eq!(site.get("/").body, "fine");
    }
    let mut oldest = open("/stuck?oldest");
    assert_eq!(oldest.receive().expect("it is answered").status, 504);
    site.printed("cancelled /stuck");
    assert!(rest_of(&mut begun).contains("begun"));
    // The record is handed on, and given back.
    let mut oldest = open("/stuck?next");
    assert_eq!(site.get("/").body, "fine");
    let _blocker = open("/blocks");
    site.printed("blocking");
    let answer = oldest.receive().expect("it is answered");
    assert_eq!(
        (answer.status, answer.header("connection")),
        (504, Some("close"))
    );
    let path = [("path", json!("/stuck?next"))];
    let event = site.emperor.heard(&site.vassal, "request-overdue", &path);
    let traceback = event["traceback"].as_str().expect("a text");
    // Whoever blocks it.
    assert!(traceback.contains("in outer"), "{traceback}");
    assert_eq!(site.emperor.count(&site.vassal, "request-overdue"), 1);
    assert_eq!(site.get("/").body, "fine");
}

#[test]
fn an_answer_of_a_blocked_loop_that_has_begun_is_cut() {
    let code = STUCK.replace("await outer(scope['path'])", "await outer('/blocks')");
    let site = Site::new("harakiri = \"500ms\"\n", &app(&code));
    let mut stream = site.stream();
    stream
        .write_all(b"GET /begun HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    let mut bytes = Vec::new();
    let error = stream.read_to_end(&mut bytes).expect_err("it is cut");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("begun") && !text.contains("504"), "{text}");
    let said = site.printed("lictor: harakiri: `GET /begun` took ");
    assert!(
        said.contains("begun with status 200, was cut off"),
        "{said}"
    );
}

#[test]
fn a_loop_that_is_blocked_is_replaced() {
    let site = Site::new("heartbeat = \"500ms\"\n", &app(STUCK));
    let address = site.address.clone();
    let blocked = thread::spawn(move || try_get(&address, "/blocks"));
    site.printed("blocking");
    site.emperor.heard(&site.vassal, "worker-retiring", &[]);
    assert!(blocked.join().expect("it does not panic").is_err());
    let mut connection = connect(&site.address).expect("it listens");
    assert_eq!(connection.get("/").expect("it answers").body, "fine");
}
