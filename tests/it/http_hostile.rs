//! Every rule of the wire, over raw sockets: what is refused with which status, and that no app ever
//! hears of it. `docs/http.md` has the same rules as a table.

mod rules;

use std::io::Write;

use self::rules::{SERVED, refused};
use crate::site::{Site, json, rest_of};

/// Remembers every request that reaches it; `/seen` tells and forgets them.
pub(crate) const RECORDER: &str = r"
import json
seen = []

def application(environ, start_response):
    if environ['PATH_INFO'] == '/seen':
        told = json.dumps(seen)
        seen.clear()
        start_response('200 OK', [('Content-Type', 'application/json')])
        return [told.encode()]
    path = environ['REQUEST_URI']
    seen.append([environ['REQUEST_METHOD'], path, None])
    body = environ['wsgi.input'].read()
    seen[-1][2] = body.decode('latin-1')
    start_response('200 OK', [])
    return [b'reached']
";

/// The bytes that characters stand for.
fn bytes(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| u8::try_from(c).expect("a byte"))
        .collect()
}

#[test]
fn what_breaks_a_rule_is_refused_and_reaches_no_app() {
    let site = Site::new("buffer-size = \"8K\"\nlimit-post = 100000", RECORDER);
    let table = refused();
    assert!(table.len() > 150, "only {} cases", table.len());
    let mut wrong = Vec::new();
    for (status, request) in table {
        // What follows must never be taken for a request of its own.
        let sent = bytes(&format!(
            "{request}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
        ));
        let answer = site.everything(&sent);
        let seen = json(&site.get("/seen")).to_string();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let has = |field: &str| head.to_ascii_lowercase().contains(&format!("\r\n{field}"));
        let is_right = head.starts_with(&format!("HTTP/1.1 {status} "))
            && body.starts_with(&format!("{status} "))
            && body.ends_with('\n')
            && answer.matches("HTTP/1.").count() == 1
            && [
                "connection: close\r\n",
                "server: lictor",
                "date: ",
                "content-type: text/plain",
                "content-length: ",
            ]
            .iter()
            .all(|field| has(field.trim_end()))
            && seen == "[]";
        if !is_right {
            wrong.push(format!(
                "{:?}\nshould be {status}; seen {seen}:\n{answer}",
                request.get(..200).unwrap_or(&request)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn what_is_unusual_and_right_is_served() {
    let site = Site::new("", RECORDER);
    for (request, seen) in SERVED {
        let answer = site.ask(&bytes(request));
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "reached"),
            "{request:?}"
        );
        assert_eq!(
            json(&site.get("/seen")).to_string(),
            format!("[{seen}]"),
            "{request:?}"
        );
    }
}

#[test]
fn requests_before_a_refused_one_are_answered_first() {
    let site = Site::new("", RECORDER);
    let good = "POST /good HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    for bad in [
        "GET /bad HTTP/1.1\nHost: a\n\n",
        "GET /bad HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    ] {
        let answer = site.everything(format!("{good}{good}{bad}{good}").as_bytes());
        let statuses: Vec<&str> = answer
            .split("HTTP/1.1 ")
            .skip(1)
            .filter_map(|after| after.get(..3))
            .collect();
        assert_eq!(statuses, ["200", "200", "400"], "{answer}");
        let seen = json(&site.get("/seen"));
        assert_eq!(seen.as_array().map(Vec::len), Some(2), "{seen}");
    }
}

#[test]
fn a_refused_head_may_come_byte_by_byte() {
    let site = Site::new("", RECORDER);
    let mut stream = site.stream();
    stream.set_nodelay(true).expect("it is TCP");
    for byte in b"GET /bad HTTP/1.1\r\nHost: a\r\nX : b" {
        // It may be refused before the end.
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
    }
    let _closed = stream.write_all(b"\r\n\r\n");
    let answer = rest_of(&mut stream);
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    assert_eq!(json(&site.get("/seen")).to_string(), "[]");
}

#[test]
fn a_chunk_that_breaks_while_the_app_reads_is_a_400_too() {
    let (site, mut gate) = Site::gated(
        "",
        r"
def application(environ, start_response):
    print('reading', flush=True)
    with open('gate', 'rb', 0) as gate:
        gate.read(1)
    try:
        environ['wsgi.input'].read()
    except OSError as error:
        print('broken off', flush=True)
        raise
    start_response('200 OK', [])
    return [b'never']
",
    );
    let mut stream = site.stream();
    stream
        .write_all(
            b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        )
        .expect("it reads");
    site.printed("reading");
    stream
        .write_all(b"5\nhello\r\n0\r\n\r\n")
        .expect("it reads");
    gate.let_go(1);
    let answer = rest_of(&mut stream);
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    site.printed("broken off");
}
