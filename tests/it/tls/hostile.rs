//! Clients that speak no TLS, stand still, go away, or ask too much.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use super::{LARGE, LARGE_BYTES, TELL, Tls};

#[test]
fn what_is_not_tls_is_answered_or_cut() {
    let site = Tls::new("", TELL);
    let mut stream = site.stream();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
        .expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    let body = answer.split("\r\n\r\n").nth(1).expect("a body");
    assert!(
        answer.contains(&format!("content-length: {}\r\n", body.len())),
        "{answer}"
    );
    for garbage in [
        &b"\0\0\0\0\0\0\0\0"[..],
        b"\x16\x03\x01\xff\xff",
        b"\x16\x03\x01\x00\x05hello",
        b"\x80\x2e\x01\x00\x02",
        &[0xff; 4096],
        b"\x17\x03\x03\x00\x01a",
    ] {
        let mut stream = site.stream();
        // It may be refused before all of it is sent.
        drop(stream.write_all(garbage));
        drop(stream.shutdown(std::net::Shutdown::Write));
        let mut answer = Vec::new();
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
        }
        // An alert, or nothing; never HTTP.
        assert!(
            answer.is_empty() || answer[0] == 21,
            "{garbage:?}: {answer:?}"
        );
    }
    site.emperor.printed(&site.vassal, |line| {
        line.contains("a TLS handshake with 127.0.0.1 failed")
            .then_some(())
    });
    assert_eq!(site.told(&[])["HTTPS"], "on");
}

#[test]
fn handshakes_that_stand_still_keep_nobody_waiting() {
    let site = Tls::new("", TELL);
    let mut silent: Vec<TcpStream> = (0..200).map(|_| site.stream()).collect();
    for (number, stream) in silent.iter_mut().enumerate() {
        // The beginning of a hello, or nothing at all.
        if number % 2 == 0 {
            stream
                .write_all(b"\x16\x03\x01\x02\x00\x01")
                .expect("it reads");
        }
    }
    assert_eq!(site.told(&[])["HTTPS"], "on");
    drop(silent);
    assert_eq!(site.told(&[])["HTTPS"], "on");
}

#[test]
fn clients_that_go_away_harm_nobody() {
    let site = Tls::new("threads = 2", LARGE);
    site.python(
        r"
import struct
for number in range(20):
    tls = connect()
    tls.sendall(b'GET /known HTTP/1.1\r\nHost: a.test\r\n\r\n')
    tls.recv(100)
    tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, number % 2))
    tls.close()
",
    );
    assert_eq!(site.curl("/known", &[]).stdout.len(), LARGE_BYTES);
}

#[test]
fn an_overdue_request_is_cut_and_never_answered_in_plain() {
    let site = Tls::new(
        "harakiri = 1\naccess-log = \"errors\"",
        "import time\ndef application(environ, start_response):\n    \
         if environ['PATH_INFO'] == '/stuck':\n        time.sleep(600)\n    \
         start_response('200 OK', [('Content-Length', '2')])\n    return [b'ok']\n",
    );
    let output = site.curl("/stuck", &[]);
    assert!(
        !output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    let error = String::from_utf8_lossy(&output.stderr);
    // Not `wrong version number`, which is what plain text looks like.
    assert!(
        !error.contains("wrong version") && !error.contains("decryption"),
        "{error}"
    );
    site.emperor.printed(&site.vassal, |line| {
        line.contains("is encrypted or had not taken").then_some(())
    });
    assert_eq!(site.curl("/", &[]).stdout, b"ok");
}
