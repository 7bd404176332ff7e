//! Bodies that are larger than memory, answers that are older than their end, and threads.

use std::io::{Read, Write};

use serde_json::Value;

use crate::site::Site;

const TICKING: &str = r"
def wait():
    with open('gate', 'rb', 0) as gate:
        gate.read(1)

class Ticks:
    def __iter__(self):
        yield b'first'
        wait()
        yield b'second'
        wait()
        yield b'third'

    def close(self):
        print('closed', flush=True)

def application(environ, start_response):
    write = start_response('200 OK', [])
    if environ['PATH_INFO'] == '/write':
        write(b'first')
        wait()
        return [b'second']
    return Ticks()
";

#[test]
fn each_piece_arrives_before_the_next_is_made() {
    let (site, mut gate) = Site::gated("", TICKING);
    let mut connection = site.connect();
    connection
        .send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    connection.head().expect("it answers");
    for piece in ["first", "second", "third", ""] {
        assert_eq!(connection.chunk().expect("a piece"), piece.as_bytes());
        gate.let_go(usize::from(piece == "first" || piece == "second"));
    }
    connection
        .send(b"GET /write HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    connection.head().expect("it answers");
    assert_eq!(connection.chunk().expect("a piece"), b"first");
    gate.let_go(1);
    assert_eq!(connection.chunk().expect("a piece"), b"second");
}

#[test]
fn an_answer_is_closed_when_its_client_leaves() {
    let site = Site::new(
        "",
        r"
class Endless:
    def __iter__(self):
        while True:
            yield b'x' * 65536

    def close(self):
        print('closed', flush=True)

def application(environ, start_response):
    start_response('200 OK', [])
    if environ['PATH_INFO'] == '/endless':
        return Endless()
    print('the end', flush=True)
    return [b'next']
",
    );
    let mut stream = site.stream();
    stream
        .write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    stream
        .read_exact(&mut vec![0; 1_000_000])
        .expect("it streams");
    drop(stream);
    site.printed("closed");
    assert_eq!(site.get("/").body, "next");
    assert_eq!(site.said_until("the end"), ["closed", "the end"]);
}

/// The resident memory of the one worker, in bytes.
fn memory_of(site: &Site) -> u64 {
    let status = site.emperor.status_of(&site.vassal);
    status
        .pointer("/workers/0/rss")
        .and_then(Value::as_u64)
        .expect("the status shows it")
}

/// Reads its body in small pieces; tells its length, what was in it and the peak of its own memory.
const READER: &str = r"
import resource

def application(environ, start_response):
    body, total, high = environ['wsgi.input'], 0, 0
    if environ['PATH_INFO'] == '/wait':
        with open('gate', 'rb', 0) as gate:
            gate.read(1)
    while True:
        piece = body.read(65536)
        if not piece:
            break
        total += len(piece)
        high |= piece[0] | piece[-1]
    start_response('200 OK', [])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return [b'%d %d %d' % (total, high, peak)]
";
const PIECE: usize = 1 << 20;
const PIECES: usize = 200;

#[test]
fn an_upload_larger_than_memory_flows_through() {
    let site = Site::new("", READER);
    let before = memory_of(&site);
    let plain = vec![1; PIECE];
    let chunk = [format!("{PIECE:x}\r\n").as_bytes(), &plain, b"\r\n"].concat();
    let length = PIECE * PIECES;
    let declared = format!("Content-Length: {length}");
    for (framing, piece, end) in [
        (declared.as_str(), &plain, ""),
        ("Transfer-Encoding: chunked", &chunk, "0\r\n\r\n"),
    ] {
        let mut connection = site.connect();
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
        connection.send(head.as_bytes()).expect("it reads");
        for _ in 0..PIECES {
            connection.send(piece).expect("it reads");
        }
        connection.send(end.as_bytes()).expect("it reads");
        let body = connection.receive().expect("it answers").body;
        let told: Vec<u64> = body
            .split(' ')
            .filter_map(|number| number.parse().ok())
            .collect();
        assert_eq!(told[..2], [length as u64, 1]);
        // What a worker needs anyway, two buffers and a good deal of air.
        assert!(
            told[2] < before + 16 * 1024 * 1024,
            "from {before} to {} bytes",
            told[2]
        );
    }
}

#[test]
fn an_app_that_does_not_read_holds_its_client_back() {
    let (site, mut gate) = Site::gated("", READER);
    let length = PIECE * PIECES;
    let piece = vec![1; PIECE];
    let mut stream = site.stream();
    write!(
        stream,
        "POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
    )
    .expect("it reads");
    stream.set_nonblocking(true).expect("it is a socket");
    let mut sent = 0;
    // Until the kernel's buffers are full.
    while let Ok(count) = stream.write(&piece) {
        sent += count;
        assert!(sent < length, "nothing holds the client back");
    }
    stream.set_nonblocking(false).expect("it is a socket");
    gate.let_go(1);
    while sent < length {
        sent += stream
            .write(&piece[..PIECE.min(length - sent)])
            .expect("it reads");
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("it answers");
    assert_eq!(&answer, b"HTTP/1.1 200");
}

#[test]
fn a_large_answer_waits_for_its_reader() {
    let site = Site::new(
        "",
        r"
import resource

def application(environ, start_response):
    if environ['PATH_INFO'] == '/peak':
        start_response('200 OK', [])
        return [b'%d' % (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)]
    start_response('200 OK', [('Content-Length', str(100 << 20))])
    return (b'y' * (1 << 20) for _ in range(100))
",
    );
    let before = memory_of(&site);
    let mut stream = site.stream();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut whole = Vec::new();
    stream.read_to_end(&mut whole).expect("it answers");
    let head_end = whole
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .expect("a head")
        + 4;
    assert_eq!(whole.len() - head_end, 100 << 20);
    assert!(whole[head_end..].iter().all(|byte| *byte == b'y'));
    let peak: u64 = site.get("/peak").body.parse().expect("a number");
    assert!(
        peak < before + 16 * 1024 * 1024,
        "from {before} to {peak} bytes"
    );
}

#[test]
fn answers_are_read_while_more_is_written() {
    // Client and app both write without reading first; neither may wait for the other for ever.
    let site = Site::new(
        "",
        r"
def application(environ, start_response):
    start_response('200 OK', [])
    def echo():
        while True:
            piece = environ['wsgi.input'].read(65536)
            if not piece:
                return
            yield piece
    return echo()
",
    );
    let mut stream = site.stream();
    let mut writer = stream.try_clone().expect("a socket can be shared");
    let length = 20 << 20;
    let writing = std::thread::spawn(move || {
        write!(
            writer,
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        )?;
        writer.write_all(&vec![b'~'; length])
    });
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it answers");
    writing
        .join()
        .expect("it does not panic")
        .expect("it reads");
    // None of the signs around it is a tilde.
    answer.retain(|byte| *byte == b'~');
    assert_eq!(answer.len(), length);
}

#[test]
fn a_slow_request_delays_no_other_thread() {
    let (site, mut gate) = Site::gated(
        "threads = 2",
        r"
def application(environ, start_response):
    if environ['PATH_INFO'] == '/slow':
        print('begun', flush=True)
        with open('gate', 'rb', 0) as gate:
            gate.read(1)
    start_response('200 OK', [])
    return [environ['PATH_INFO'].encode()]
",
    );
    let mut kept = site.connect();
    assert_eq!(kept.get("/kept").expect("it answers").body, "/kept");
    let mut slow = site.connect();
    slow.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    site.printed("begun");
    for _ in 0..100 {
        assert_eq!(kept.get("/kept").expect("it answers").body, "/kept");
        assert_eq!(site.get("/new").body, "/new");
    }
    gate.let_go(1);
    assert_eq!(slow.receive().expect("it answers").body, "/slow");
}

#[test]
fn as_many_requests_run_at_once_as_there_are_threads() {
    let site = Site::new(
        "threads = 4",
        r"
import threading
together = threading.Barrier(4, timeout=60)

def application(environ, start_response):
    together.wait()
    start_response('200 OK', [])
    return [b'together']
",
    );
    let mut connections: Vec<_> = (0..4).map(|_| site.connect()).collect();
    for _ in 0..20 {
        for connection in &mut connections {
            connection
                .send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                .expect("it reads");
        }
        for connection in &mut connections {
            assert_eq!(connection.receive().expect("it answers").body, "together");
        }
    }
}
