//! HTTP/1.1 as bytes: where a message begins and ends, and which connection is kept.

use std::io::{Read, Write};
use std::net::Shutdown;

use serde_json::Value;

use crate::harness::{Emperor, connect};
use crate::site::{Site, json, rest_of};

/// Answers with what it got, as JSON; `/stream` by a generator, `/status/…` with that status.
const ECHO: &str = r"
import json

def application(environ, start_response):
    path = environ['PATH_INFO']
    if path.startswith('/status/'):
        start_response(path[8:], [('X-Status', path[8:11])])
        return [b'a body']
    if path == '/deaf':
        start_response('200 OK', [])
        return [b'not read']
    body = environ['wsgi.input'].read()
    if path == '/stream':
        start_response('200 OK', [])
        return (piece for piece in [b'one ', b'', b'two ', b'three'])
    told = {k: v for k, v in environ.items() if isinstance(v, str)}
    told['body'] = body.decode('latin-1')
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(told).encode()]
";

fn text<'a>(told: &'a Value, key: &str) -> &'a str {
    told.get(key)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("no {key} in {told}"))
}

#[test]
fn a_connection_is_kept_until_somebody_says_close() {
    let site = Site::new("", ECHO);
    let mut connection = site.connect();
    let ports: Vec<String> = (0..3)
        .map(|_| {
            text(
                &json(&connection.get("/").expect("it answers")),
                "REMOTE_PORT",
            )
            .to_owned()
        })
        .collect();
    assert!(ports.iter().all(|port| port == &ports[0]), "{ports:?}");
    connection
        .send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let last = connection.receive().expect("it answers");
    assert_eq!(last.header("connection"), Some("close"));
    assert_eq!(connection.line().expect("it closes"), "");
}

#[test]
fn every_answer_has_a_date_and_a_server() {
    let site = Site::new("", ECHO);
    for answer in [site.get("/"), site.get("/stream")] {
        let date = answer.header("date").expect("a date");
        assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
        assert_eq!(answer.header("server"), Some("lictor"));
    }
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let site = Site::new("", ECHO);
    let mut connection = site.connect();
    let mut sent = Vec::new();
    for number in 0..200 {
        match number % 4 {
            0 => write!(sent, "GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n"),
            1 => write!(sent, "POST /{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET "),
            2 => write!(
                sent,
                "POST /{number} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nGET \r\n0\r\n\r\n"
            ),
            // Not read by the app, and in the way of the next one.
            _ => write!(sent, "POST /deaf HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET "),
        }
        .expect("memory");
    }
    connection.send(&sent).expect("it reads");
    for number in 0..200 {
        let answer = connection.receive().expect("it answers");
        if number % 4 == 3 {
            assert_eq!(answer.body, "not read");
            continue;
        }
        let told = json(&answer);
        assert_eq!(text(&told, "PATH_INFO"), format!("/{number}"));
        assert_eq!(
            text(&told, "body"),
            if number % 4 == 0 { "" } else { "GET " }
        );
    }
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let site = Site::new("", ECHO);
    let mut stream = site.stream();
    stream.set_nodelay(true).expect("it is TCP");
    for byte in
        b"POST /slow HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
    {
        stream.write_all(&[*byte]).expect("it reads");
    }
    let answer = rest_of(&mut stream);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains(r#""body": "hello""#),
        "{answer}"
    );
}

#[test]
fn chunked_requests_are_decoded() {
    let site = Site::new("", ECHO);
    let mut connection = site.connect();
    connection
        .send(
            b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
              5;name=\"value\"\r\nhello\r\n0A\r\n, you all \r\n1\r\n!\r\n0\r\nX-Sum: 1\r\n\r\n",
        )
        .expect("it reads");
    let told = json(&connection.receive().expect("it answers"));
    assert_eq!(text(&told, "body"), "hello, you all !");
    for absent in [
        "CONTENT_LENGTH",
        "HTTP_CONTENT_LENGTH",
        "HTTP_TRANSFER_ENCODING",
        "HTTP_X_SUM",
    ] {
        assert_eq!(told.get(absent), None, "{told}");
    }
    assert_eq!(
        connection.get("/").expect("the connection is kept").status,
        200
    );
}

#[test]
fn a_streamed_answer_is_chunked_and_a_list_has_a_length() {
    let site = Site::new("", ECHO);
    let mut connection = site.connect();
    connection
        .send(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    let (_, headers) = connection.head().expect("it answers");
    assert!(
        headers.contains(&("transfer-encoding".to_owned(), "chunked".to_owned())),
        "{headers:?}"
    );
    assert!(
        headers.iter().all(|(name, _)| name != "content-length"),
        "{headers:?}"
    );
    let mut chunks = Vec::new();
    while let Some(chunk) =
        Some(connection.chunk().expect("a chunk")).filter(|chunk| !chunk.is_empty())
    {
        chunks.push(String::from_utf8(chunk).expect("it is text"));
    }
    // An empty piece must not end the body.
    assert_eq!(chunks, ["one ", "two ", "three"]);
    let list = connection
        .get("/status/200%20OK")
        .expect("the connection is kept");
    assert_eq!(
        (
            list.header("content-length"),
            list.header("transfer-encoding")
        ),
        (Some("6"), None)
    );
}

#[test]
fn a_client_waits_for_leave_and_gets_it_when_the_app_reads() {
    let site = Site::new("", ECHO);
    let mut connection = site.connect();
    let head = "HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    connection
        .send(format!("POST / {head}").as_bytes())
        .expect("it reads");
    assert_eq!(
        connection.line().expect("leave"),
        "HTTP/1.1 100 Continue\r\n"
    );
    assert_eq!(connection.line().expect("leave"), "\r\n");
    connection.send(b"hello").expect("it reads");
    assert_eq!(
        text(&json(&connection.receive().expect("it answers")), "body"),
        "hello"
    );
    // An app that does not read gives no leave, and what follows is not taken for a request.
    let answer = site.everything(format!("POST /deaf {head}").as_bytes());
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(
        answer.to_lowercase().contains("connection: close\r\n"),
        "{answer}"
    );
}

#[test]
fn head_is_get_without_its_body() {
    let site = Site::new("", ECHO);
    let mut connection = site.connect();
    connection
        .send(b"HEAD /status/200%20OK HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    let (status, headers) = connection.head().expect("it answers");
    assert_eq!(status, 200);
    assert!(
        headers.contains(&("content-length".to_owned(), "6".to_owned())),
        "{headers:?}"
    );
    connection
        .send(b"HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    let (_, headers) = connection.head().expect("it answers");
    assert!(
        headers
            .iter()
            .all(|(name, value)| name != "content-length" || value != "0"),
        "{headers:?}"
    );
    assert_eq!(
        connection
            .get("/")
            .expect("nothing of a body is in the way")
            .status,
        200
    );
}

#[test]
fn some_statuses_have_no_body() {
    let site = Site::new("", ECHO);
    let mut connection = site.connect();
    for status in ["204 No Content", "304 Not Modified"] {
        let path = format!("/status/{}", status.replace(' ', "%20"));
        connection
            .send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())
            .expect("it reads");
        let (code, headers) = connection.head().expect("it answers");
        assert!(status.starts_with(&code.to_string()), "{code}");
        assert!(
            headers.iter().all(|(name, _)| name != "transfer-encoding"),
            "{headers:?}"
        );
    }
    assert_eq!(
        connection
            .get("/")
            .expect("nothing of a body is in the way")
            .status,
        200
    );
}

#[test]
fn http_1_0_closes_unless_asked() {
    let site = Site::new("", ECHO);
    let closed = site.everything(b"GET / HTTP/1.0\r\n\r\n");
    assert!(
        closed.contains(r#""SERVER_PROTOCOL": "HTTP/1.0""#),
        "{closed}"
    );
    let mut kept = site.connect();
    for _ in 0..2 {
        kept.send(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
            .expect("it reads");
        let answer = kept.receive().expect("it answers");
        assert_eq!(
            answer.header("connection"),
            Some("keep-alive"),
            "{answer:?}"
        );
    }
    // No chunks for those who do not know them: the end of the connection is the end.
    for request in [
        "GET /stream HTTP/1.0\r\n\r\n",
        "GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ] {
        let streamed = site.everything(request.as_bytes());
        assert!(streamed.ends_with("\r\n\r\none two three"), "{streamed}");
        assert!(
            !streamed.to_lowercase().contains("transfer-encoding"),
            "{streamed}"
        );
        assert!(
            !streamed.to_lowercase().contains("keep-alive"),
            "{streamed}"
        );
    }
}

#[test]
fn the_target_may_be_absolute() {
    let site = Site::new("", ECHO);
    let told = json(
        &site.ask(b"GET http://named.example:81/a%20b?c=d HTTP/1.1\r\nHost: other.example\r\n\r\n"),
    );
    for (key, value) in [
        ("HTTP_HOST", "named.example:81"),
        ("PATH_INFO", "/a b"),
        ("QUERY_STRING", "c=d"),
        ("REQUEST_URI", "/a%20b?c=d"),
        ("wsgi.url_scheme", "http"),
    ] {
        assert_eq!(text(&told, key), value, "{told}");
    }
    let told = json(&site.ask(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_eq!(
        (text(&told, "REQUEST_METHOD"), text(&told, "REQUEST_URI")),
        ("OPTIONS", "*")
    );
}

#[test]
fn a_name_with_an_underscore_cannot_pass_for_another() {
    let site = Site::new("", ECHO);
    let told = json(
        &site.ask(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: true\r\nX_Only: forged\r\n\r\n"),
    );
    assert_eq!(text(&told, "HTTP_X_FORWARDED_FOR"), "true");
    assert_eq!(told.get("HTTP_X_ONLY"), None);
    let both = site.ask(
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: true\r\nX_Forwarded_For: forged\r\n\r\n",
    );
    assert_eq!(both.status, 400);
}

#[test]
fn reasons_are_the_apps_own() {
    let site = Site::new("", ECHO);
    for status in [
        "418 I'm a teapot",
        "200 Fine",
        "599 Out of ideas",
        "999 \u{fc}ber",
    ] {
        let path = status.replace(' ', "%20").replace('\u{fc}', "%FC");
        let mut stream = site.stream();
        write!(
            stream,
            "GET /status/{path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        .expect("it reads");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("it answers");
        let line: String = bytes
            .split(|byte| *byte == b'\r')
            .next()
            .unwrap_or_default()
            .iter()
            .copied()
            .map(char::from)
            .collect();
        assert_eq!(line, format!("HTTP/1.1 {status}"));
    }
}

#[test]
fn a_client_may_close_its_half_and_still_be_answered() {
    let site = Site::new("", ECHO);
    let mut stream = site.stream();
    stream
        .write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        .expect("it reads");
    stream.shutdown(Shutdown::Write).expect("it is open");
    let answer = rest_of(&mut stream);
    assert!(
        answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.contains(r#""body": "hello""#),
        "{answer}"
    );
}

#[test]
fn a_unix_peer_has_no_address() {
    let emperor = Emperor::start();
    let abstract_name = format!("@{}", emperor.name("abstract"));
    let vassal = emperor.serve(
        "unix",
        &format!("http = [\"site.sock\", \"{abstract_name}\"]\n"),
        ECHO,
    );
    let addresses = emperor.addresses(&vassal);
    assert_eq!(addresses.len(), 2, "{addresses:?}");
    for address in addresses {
        let mut connection = connect(&address).expect("it listens");
        for _ in 0..2 {
            let told = json(&connection.get("/").expect("it answers"));
            assert_eq!(
                (text(&told, "REMOTE_ADDR"), text(&told, "REMOTE_PORT")),
                ("", "")
            );
        }
    }
}
