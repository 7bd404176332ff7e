//! `wsgi.input` is a file: the same as `io.BytesIo` over the same body, however that arrives.

use std::io::Write;
use std::net::Shutdown;

use crate::site::{Site, rest_of};

/// Reads its body in the ways of the path, and tells where it differs from `io.BytesIO` over what
/// the test is known to send: `line 0\nline 1\n…`, the last without an end.
const READER: &str = r"
import io

WAYS = [
    [('read',)],
    [('read', -1)],
    [('read', None)],
    [('read', 0), ('read', 1), ('read', 7), ('read', 8192), ('read', 1 << 20), ('read', 1 << 30), ('read', 1)],
    [('readline',)] * 12 + [('read',)],
    [('readline', 0), ('readline', 1), ('readline', 6), ('readline', 3), ('readline', 1 << 30), ('readline', -1),
     ('readline', None), ('read', 5), ('readlines',)],
    [('readlines',)],
    [('readlines', 0)],
    [('readlines', 1), ('readlines', 50), ('readlines', -1)],
    [('readlines', None), ('read',), ('readline',), ('readlines',)],
    [('list',)],
    [('next',), ('next',), ('read', 3), ('next',), ('list',), ('next',)],
    [('read', 65536)] * 40,
    [('read',), ('read',), ('readline',), ('readlines',), ('list',), ('next',)],
]

def do(file, name, *arguments):
    if name == 'list':
        return list(file)
    if name == 'next':
        return next(iter(file), None)
    return getattr(file, name)(*arguments)

def application(environ, start_response):
    size = int(environ['QUERY_STRING'])
    body = b''.join(b'line %d\n' % number for number in range(size // 6 + 1))[:size]
    want, got = io.BytesIO(body), environ['wsgi.input']
    differences = []
    for step in WAYS[int(environ['PATH_INFO'][1:])]:
        wanted, given = do(want, *step), do(got, *step)
        if wanted != given or type(wanted) is not type(given):
            differences.append('%r: %.100r instead of %.100r' % (step, given, wanted))
    start_response('200 OK', [])
    return [repr(differences).encode()]
";

const WAYS: usize = 14;

fn lines(size: usize) -> Vec<u8> {
    let mut body = Vec::new();
    let mut number = 0;
    while body.len() < size {
        writeln!(body, "line {number}").expect("memory");
        number += 1;
    }
    body.truncate(size);
    body
}

#[test]
fn every_way_of_reading_gives_what_a_file_gives() {
    let site = Site::new("", READER);
    // None, small, what is gathered before the call, more than that, and much more.
    for size in [0, 1, 6, 7, 65_536, 65_537, 1_000_003] {
        let body = lines(size);
        let mut chunks = Vec::new();
        for piece in body.chunks(10_007) {
            write!(chunks, "{:x}\r\n", piece.len()).expect("memory");
            chunks.extend(piece);
            chunks.extend(b"\r\n");
        }
        chunks.extend(b"0\r\n\r\n");
        for way in 0..WAYS {
            let mut connection = site.connect();
            for (framing, bytes) in [
                (format!("Content-Length: {size}"), &body),
                ("Transfer-Encoding: chunked".to_owned(), &chunks),
            ] {
                let head = format!("POST /{way}?{size} HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
                connection
                    .send(&[head.as_bytes(), bytes].concat())
                    .expect("it reads");
                let answer = connection.receive().expect("it answers");
                assert_eq!(answer.body, "[]", "way {way}, {size} bytes, {framing}");
            }
        }
    }
}

#[test]
fn reading_ends_with_the_body_not_with_the_next_request() {
    let site = Site::new(
        "",
        r"
def application(environ, start_response):
    body = environ['wsgi.input']
    start_response('200 OK', [])
    return [body.read() + b'|' + body.read() + b'|' + body.readline() + b'|' + b''.join(body)]
",
    );
    let mut connection = site.connect();
    connection
        .send(
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\none\
              POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n\
              GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        )
        .expect("it reads");
    for body in ["one|||", "two|||", "|||"] {
        assert_eq!(connection.receive().expect("it answers").body, body);
    }
}

#[test]
fn what_an_app_keeps_of_a_request_is_of_no_use_later() {
    let site = Site::new(
        "",
        r"
kept = []
def application(environ, start_response):
    if environ['PATH_INFO'] == '/keep':
        kept.append((environ['wsgi.input'], start_response('200 OK', []), start_response))
        return [b'kept']
    told = []
    for body, write, start in kept:
        told.append(repr(body.read()))
        for late in (lambda: write(b'intruder'), lambda: start('200 OK', [])):
            try:
                late()
                told.append('no complaint')
            except Exception as error:
                told.append(type(error).__name__)
    start_response('200 OK', [])
    return [' '.join(told).encode()]
",
    );
    let mut connection = site.connect();
    connection
        .send(b"POST /keep HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nsecret")
        .expect("it reads");
    assert_eq!(connection.receive().expect("it answers").body, "kept");
    let told = connection.get("/").expect("it answers").body;
    assert_eq!(told, "b'' RuntimeError AssertionError");
}

#[test]
fn a_body_that_breaks_off_is_an_error_the_app_may_catch() {
    let site = Site::new(
        "",
        r"
def application(environ, start_response):
    body, total = environ['wsgi.input'], 0
    try:
        while True:
            piece = body.read(1000)
            if not piece:
                break
            total += len(piece)
        print('whole', total, flush=True)
    except OSError as error:
        print('broken', type(error).__name__, flush=True)
    start_response('200 OK', [])
    return [b'seen']
",
    );
    let mut stream = site.stream();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{}",
        "x".repeat(70_000)
    )
    .expect("it reads");
    stream.shutdown(Shutdown::Write).expect("it is open");
    site.printed("broken ConnectionResetError");
    let _whatever_is_still_said = rest_of(&mut stream);
    assert_eq!(site.get("/").body, "seen");
}
