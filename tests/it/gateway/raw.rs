//! What no web server sends, straight to the sockets: it never reaches the app nor harms the worker.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use super::APP;
use super::front::Behind;
use crate::harness::DEADLINE;

/// A request by the uwsgi protocol.
pub(crate) fn uwsgi(variables: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut block = Vec::new();
    for text in variables.iter().flat_map(|(name, value)| [name, value]) {
        let length = u16::try_from(text.len()).expect("short");
        block.extend(length.to_le_bytes());
        block.extend(text.as_bytes());
    }
    let size = u16::try_from(block.len()).expect("short").to_le_bytes();
    [&[0, size[0], size[1], 0], &*block, body].concat()
}

pub(crate) fn scgi(variables: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let each = variables
        .iter()
        .map(|(name, value)| format!("{name}\0{value}\0"));
    let block: String = each.collect();
    [format!("{}:{block},", block.len()).as_bytes(), body].concat()
}

/// A record of `FastCGI` with so much padding.
fn record(kind: u8, id: u8, content: &[u8], padding: u8) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("short").to_be_bytes();
    let head = [1, kind, 0, id, length[0], length[1], padding, 0];
    [&head, content, &vec![0; padding.into()]].concat()
}

fn pairs(variables: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in variables {
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("short"));
        }
        block.extend([name.as_bytes(), value.as_bytes()].concat());
    }
    block
}

/// A whole request by records.
pub(crate) fn fastcgi(id: u8, flags: u8, variables: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let begin = record(1, id, &[0, 1, flags, 0, 0, 0, 0, 0], 0);
    let first = record(4, id, &pairs(variables), 5);
    let last = record(4, id, b"", 0);
    let body = if body.is_empty() {
        Vec::new()
    } else {
        record(5, id, body, 3)
    };
    [begin, first, last, body, record(5, id, b"", 0)].concat()
}

const GET: &[(&str, &str)] = &[("CONTENT_LENGTH", ""), ("SCGI", "1"), ("PATH_INFO", "/")];

fn stream(behind: &Behind, protocol: &str) -> UnixStream {
    let stream = UnixStream::connect(behind.emperor.at(protocol)).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a deadline");
    stream
}

/// Everything that comes back for these bytes, the client's side closed behind them or not.
fn everything(behind: &Behind, protocol: &str, bytes: &[u8], closes: bool) -> Vec<u8> {
    let mut stream = stream(behind, protocol);
    // Whoever refuses need not read all of it.
    let _unread = stream.write_all(bytes);
    if closes {
        let _gone = stream.shutdown(Shutdown::Write);
    }
    let mut answer = Vec::new();
    let _broken = stream.read_to_end(&mut answer);
    answer
}

fn contains(answer: &[u8], words: &str) -> bool {
    String::from_utf8_lossy(answer).contains(words)
}

/// Bytes for a protocol, and what the answer has; nothing: no answer at all.
fn hostile() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let long = "x".repeat(40_000);
    let begin = record(1, 1, &[0, 1, 0, 0, 0, 0, 0, 0], 0);
    let with_length = |said: &str| uwsgi(&[("CONTENT_LENGTH", said)], b"");
    vec![
        (
            "uwsgi",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            " 501 ",
        ),
        (
            "scgi",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            " 400 ",
        ),
        (
            "fastcgi",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
            " 400 ",
        ),
        ("uwsgi", vec![5, 0, 0, 0], " 501 "),
        ("uwsgi", vec![173, 1, 0, 0], " 501 "),
        ("uwsgi", uwsgi(&[("A", &long)], b""), " 431 "),
        ("uwsgi", vec![0, 3, 0, 0, 9, 0, b'A'], " 400 "),
        ("uwsgi", uwsgi(&[("A", "a\0b")], b""), " 400 "),
        ("uwsgi", with_length("-1"), " 400 "),
        ("uwsgi", with_length("99999999999999999999"), " 400 "),
        ("uwsgi", uwsgi(&[("REQUEST_METHOD", "A B")], b""), " 400 "),
        ("uwsgi", uwsgi(&[("HTTP_X", "a\r\nB: c")], b""), " 400 "),
        ("uwsgi", uwsgi(&[("REQUEST_URI", "/a b")], b""), " 400 "),
        ("scgi", b"99999999999:".to_vec(), " 431 "),
        (
            "scgi",
            scgi(&[("SCGI", "1"), ("CONTENT_LENGTH", "0")], b""),
            " 400 ",
        ),
        ("scgi", b"3:A\0B;".to_vec(), " 400 "),
        ("fastcgi", vec![9; 64], " 400 "),
        ("fastcgi", [begin.clone(), begin.clone()].concat(), " 400 "),
        (
            "fastcgi",
            [begin.clone(), record(5, 1, b"early", 0)].concat(),
            " 400 ",
        ),
        (
            "fastcgi",
            [begin, record(4, 1, &[255; 9], 0), record(4, 1, b"", 0)].concat(),
            " 400 ",
        ),
        (
            "fastcgi",
            fastcgi(1, 0, &[("CONTENT_LENGTH", "1")], b"abc"),
            " 400 ",
        ),
    ]
}

const REACHED: &str = r"
import os
def application(environ, start):
    if environ['PATH_INFO'] != '/pid':
        print('reached', environ, flush=True)
    start('200 OK', [])
    return [str(os.getpid()).encode()]
";

#[test]
fn hostile_bytes_never_reach_the_app() {
    let behind = Behind::new("processes = 1\naccess-log = \"errors\"", REACHED);
    let pid = super::front::get(&behind.fronts[0].1, "/pid").body;
    for (protocol, bytes, words) in hostile() {
        for closes in [false, true] {
            let answer = everything(&behind, protocol, &bytes, closes);
            let shown = String::from_utf8_lossy(&answer);
            assert!(contains(&answer, words), "{protocol} {bytes:?}: {shown}");
        }
    }
    // Cut anywhere, nothing comes of it.
    for (protocol, whole) in [
        ("uwsgi", uwsgi(GET, b"")),
        ("scgi", scgi(&[("CONTENT_LENGTH", "0"), ("SCGI", "1")], b"")),
        ("fastcgi", fastcgi(1, 0, GET, b"")),
    ] {
        for length in 0..whole.len() - 8 {
            let answer = everything(&behind, protocol, &whole[..length], true);
            assert!(!contains(&answer, " 200 "), "{protocol} {length}");
        }
    }
    assert_eq!(super::front::get(&behind.fronts[0].1, "/pid").body, pid);
    let printed = behind.emperor.output();
    printed.wait("refusals are told", |line| {
        let line = line["line"].as_str()?;
        line.contains("over uwsgi is refused").then_some(())
    });
    let lines = printed.so_far();
    let reached = lines
        .iter()
        .find(|line| line.to_string().contains("reached"));
    assert_eq!(reached, None);
}

#[test]
fn requests_may_come_byte_by_byte() {
    let behind = Behind::new("", APP);
    for (protocol, whole) in [
        (
            "uwsgi",
            uwsgi(&[("CONTENT_LENGTH", "2"), ("PATH_INFO", "/sum")], b"hi"),
        ),
        (
            "scgi",
            scgi(
                &[
                    ("CONTENT_LENGTH", "2"),
                    ("SCGI", "1"),
                    ("PATH_INFO", "/sum"),
                ],
                b"hi",
            ),
        ),
        (
            "fastcgi",
            fastcgi(
                9,
                0,
                &[("CONTENT_LENGTH", "2"), ("PATH_INFO", "/sum")],
                b"hi",
            ),
        ),
    ] {
        let mut stream = stream(&behind, protocol);
        for byte in whole {
            stream.write_all(&[byte]).expect("it reads");
        }
        let mut answer = Vec::new();
        stream
            .read_to_end(&mut answer)
            .expect("it answers and closes");
        assert!(
            contains(&answer, "2 49f68a5c8493ec2c0bf489821c21fc3b"),
            "{protocol}"
        );
    }
}

#[test]
fn half_closed_clients_are_answered() {
    let behind = Behind::new("", APP);
    for (protocol, whole) in [
        ("uwsgi", uwsgi(GET, b"")),
        (
            "scgi",
            scgi(
                &[("CONTENT_LENGTH", "0"), ("SCGI", "1"), ("PATH_INFO", "/")],
                b"",
            ),
        ),
        ("fastcgi", fastcgi(1, 0, GET, b"")),
    ] {
        let answer = everything(&behind, protocol, &whole, true);
        assert!(
            contains(&answer, "hello"),
            "{protocol} {}",
            String::from_utf8_lossy(&answer)
        );
    }
}

/// The next record that comes: its kind, its id, its content.
fn next_record(stream: &mut UnixStream) -> (u8, u8, Vec<u8>) {
    let mut head = [0; 8];
    stream.read_exact(&mut head).expect("a record");
    let length = u16::from_be_bytes([head[4], head[5]]);
    let mut content = vec![0; usize::from(length) + usize::from(head[6])];
    stream.read_exact(&mut content).expect("its content");
    content.truncate(length.into());
    (head[1], head[3], content)
}

#[test]
fn fastcgi_does_one_thing_after_another() {
    let behind = Behind::new("", APP);
    let mut stream = stream(&behind, "fastcgi");
    // What it can do, before any request.
    let asked = record(
        9,
        0,
        &pairs(&[("FCGI_MPXS_CONNS", ""), ("FCGI_MAX_REQS", "")]),
        0,
    );
    stream.write_all(&asked).expect("it reads");
    let said = pairs(&[("FCGI_MPXS_CONNS", "0")]);
    assert_eq!(next_record(&mut stream), (10, 0, said));
    for id in [1, 1, 7] {
        // A second request within the first is refused, the first goes on.
        let whole = fastcgi(id, 1, GET, b"");
        let (first, rest) = whole.split_at(16);
        stream.write_all(first).expect("it reads");
        stream
            .write_all(&fastcgi(id + 1, 1, GET, b""))
            .expect("it reads");
        let refused = (3, id + 1, vec![0, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(next_record(&mut stream), refused);
        stream.write_all(rest).expect("it reads");
        let text = answer_in_records(&mut stream, id);
        assert!(contains(&text, "Status: 200") && contains(&text, "hello"));
    }
}

/// What the records of one answer hold, the last of which says that it is complete.
fn answer_in_records(stream: &mut UnixStream, id: u8) -> Vec<u8> {
    let mut text = Vec::new();
    loop {
        let (kind, of, content) = next_record(stream);
        assert_eq!(of, id);
        if kind == 3 {
            assert_eq!(content, [0; 8]);
            return text;
        }
        assert_eq!(kind, 6);
        text.extend(content);
    }
}

/// A web server that has sent a body which nobody wanted may send its next request behind it.
#[test]
fn a_kept_connection_outlives_a_body_that_is_refused() {
    let behind = Behind::new("limit-post = 10", APP);
    let mut stream = stream(&behind, "fastcgi");
    let post = [("CONTENT_LENGTH", "20"), ("REQUEST_METHOD", "POST")];
    for _ in 0..2 {
        let whole = fastcgi(1, 1, &post, &[0; 20]);
        let (head, body) = whole.split_at(whole.len() - 20);
        stream.write_all(head).expect("it reads");
        let refused = answer_in_records(&mut stream, 1);
        assert!(contains(&refused, "Status: 413"), "{refused:?}");
        stream.write_all(body).expect("it still reads");
        ask_by_records(&mut stream);
    }
}

/// The same for variables that are too many.
#[test]
fn a_kept_connection_outlives_variables_that_are_refused() {
    let behind = Behind::new("buffer-size = 1024", APP);
    let mut stream = stream(&behind, "fastcgi");
    let (begin, end) = ([0, 1, 1, 0, 0, 0, 0, 0], record(4, 1, b"", 0));
    for body in [1, 3000] {
        let half = record(4, 1, &[b'x'; 600], 0);
        let first = [record(1, 1, &begin, 0), half.repeat(2)].concat();
        stream.write_all(&first).expect("it reads");
        let refused = answer_in_records(&mut stream, 1);
        assert!(contains(&refused, "Status: 431"), "{refused:?}");
        let body = record(5, 1, &vec![0; body], 0);
        let rest = [half, end.clone(), body, record(5, 1, b"", 0)].concat();
        stream.write_all(&rest).expect("it still reads");
        ask_by_records(&mut stream);
    }
}

fn ask_by_records(stream: &mut UnixStream) {
    let whole = fastcgi(1, 1, GET, b"");
    stream.write_all(&whole).expect("it reads");
    let text = answer_in_records(stream, 1);
    assert!(contains(&text, "Status: 200") && contains(&text, "hello"));
}

#[test]
fn who_says_nothing_is_not_waited_for() {
    let options = "http-headers-timeout = 1\nsocket-timeout = 1\nhttp-keepalive = 1";
    let behind = Behind::new(options, APP);
    for (protocol, whole) in [
        (
            "uwsgi",
            uwsgi(&[("CONTENT_LENGTH", "9"), ("PATH_INFO", "/sum")], b"hi"),
        ),
        (
            "scgi",
            scgi(
                &[
                    ("CONTENT_LENGTH", "9"),
                    ("SCGI", "1"),
                    ("PATH_INFO", "/sum"),
                ],
                b"hi",
            ),
        ),
        (
            "fastcgi",
            fastcgi(9, 1, &[("CONTENT_LENGTH", "9"), ("PATH_INFO", "/sum")], b"")[..60].to_vec(),
        ),
    ] {
        for length in [0, 3, 20, whole.len()] {
            let answer = everything(&behind, protocol, &whole[..length.min(whole.len())], false);
            let shown = String::from_utf8_lossy(&answer);
            assert!(!contains(&answer, " 200 "), "{protocol} {length} {shown}");
        }
    }
}
