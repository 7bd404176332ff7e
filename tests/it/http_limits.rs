//! What HTTP refuses, and clients that are slow, greedy or gone.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use crate::site::{Site, rest_of};

const READ_ALL: &str = r"
def application(environ, start_response):
    body = environ['wsgi.input'].read()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [b'%d bytes' % len(body)]
";

/// The status in an answer.
fn status_of(answer: &str) -> &str {
    answer.get(9..12).unwrap_or("none")
}

#[test]
fn nonsense_is_a_400_and_the_end() {
    let site = Site::new("", READ_ALL);
    let refused: [&[u8]; 22] = [
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n: a\r\n\r\n",
        b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nab",
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ];
    for bytes in refused {
        // What follows must never be taken for a request of its own.
        let answer = site.everything(&[bytes, b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(status_of(&answer), "400", "{shown:?}: {answer}");
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1,
            "{shown:?}: {answer}"
        );
    }
    assert_eq!(site.get("/").body, "0 bytes");
}

#[test]
fn bad_chunks_are_the_clients_fault() {
    let site = Site::new("", READ_ALL);
    for chunks in [
        "zz\r\nab",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "ffffffffffffffffff\r\nab",
        "-1\r\n\r\n",
    ] {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = site.everything(format!("{head}{chunks}").as_bytes());
        assert_eq!(status_of(&answer), "400", "{chunks:?}: {answer}");
    }
    assert_eq!(site.get("/").body, "0 bytes");
}

#[test]
fn a_large_head_is_a_431() {
    let site = Site::new("buffer-size = \"8K\"", READ_ALL);
    let fields = |bytes: usize| {
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\nConnection: close\r\n\r\n",
            "x".repeat(bytes)
        )
    };
    assert_eq!(status_of(&site.everything(fields(7000).as_bytes())), "200");
    assert_eq!(status_of(&site.everything(fields(9000).as_bytes())), "431");
    let many = format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "X: y\r\n".repeat(101)
    );
    assert_eq!(status_of(&site.everything(many.as_bytes())), "431");
    // Without an end, it is refused as soon as it is too much.
    let mut stream = site.stream();
    stream
        .write_all(format!("GET /{}", "x".repeat(9000)).as_bytes())
        .expect("it reads");
    let status = rest_of(&mut stream);
    assert!(["414", "431"].contains(&status_of(&status)), "{status}");
}

#[test]
fn a_large_body_is_a_413() {
    let site = Site::new("limit-post = \"100K\"", READ_ALL);
    let declared = |bytes: usize| {
        let head = format!(
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {bytes}\r\n\r\n"
        );
        [head.as_bytes(), &vec![b'x'; bytes]].concat()
    };
    let chunked = |bytes: usize| {
        let head =
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
        [
            format!("{head}{bytes:x}\r\n").as_bytes(),
            &vec![b'x'; bytes],
            b"\r\n0\r\n\r\n",
        ]
        .concat()
    };
    let limit = 100 * 1024;
    for (bytes, status) in [(limit, "200"), (limit + 1, "413"), (limit * 20, "413")] {
        // The answer arrives although the client is still sending.
        assert_eq!(
            status_of(&site.everything(&declared(bytes))),
            status,
            "{bytes} declared"
        );
        assert_eq!(
            status_of(&site.everything(&chunked(bytes))),
            status,
            "{bytes} in chunks"
        );
    }
    let early =
        b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 200000\r\n\r\n";
    assert_eq!(status_of(&site.everything(early)), "413");
}

#[test]
fn a_body_may_end_too_early() {
    let site = Site::new("", READ_ALL);
    for (declared, head) in [
        (10, "Content-Length: 10"),
        (200_000, "Content-Length: 200000"),
        (0, "Transfer-Encoding: chunked"),
    ] {
        let mut stream = site.stream();
        let start = if declared == 0 { "a\r\n" } else { "" };
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: a\r\n{head}\r\n\r\n{start}hello"
        )
        .expect("it reads");
        stream.shutdown(Shutdown::Write).expect("it is open");
        let answer = rest_of(&mut stream);
        // Refused, or just closed; never taken for a whole request.
        assert!(
            answer.is_empty() || status_of(&answer) == "400",
            "{head}: {answer}"
        );
    }
    assert_eq!(site.get("/").body, "0 bytes");
}

#[test]
fn slow_clients_stop_nobody() {
    let site = Site::new("", READ_ALL);
    let slow: Vec<TcpStream> = (0..200)
        .map(|number| {
            let mut stream = site.stream();
            let part: &[u8] = match number % 4 {
                0 => b"",
                1 => b"GET / HT",
                2 => b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow",
                _ => b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nhalf",
            };
            stream.write_all(part).expect("it reads");
            stream
        })
        .collect();
    for _ in 0..50 {
        assert_eq!(site.get("/").body, "0 bytes");
    }
    // They are not lost either.
    for (number, mut stream) in slow.into_iter().enumerate() {
        let rest = match number % 4 {
            0 => "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(),
            1 => "TP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".to_owned(),
            2 => ": yes\r\nConnection: close\r\n\r\n".to_owned(),
            _ => "x".repeat(996),
        };
        stream.write_all(rest.as_bytes()).expect("it reads");
        if number % 4 == 3 {
            stream.shutdown(Shutdown::Write).expect("it is open");
        }
        let answer = rest_of(&mut stream);
        assert!(
            answer.ends_with(if number % 4 == 3 {
                "1000 bytes"
            } else {
                "0 bytes"
            }),
            "{number}: {answer}"
        );
    }
}

#[test]
fn a_client_that_leaves_at_once_is_no_trouble() {
    let site = Site::new("", READ_ALL);
    for number in 0..100 {
        let mut stream = site.stream();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("it reads");
        if number % 2 == 0 {
            // With the answer unread, the kernel resets the connection.
            stream.read_exact(&mut [0]).expect("it answers");
        }
    }
    assert_eq!(site.get("/").body, "0 bytes");
}
