//! Bodies of every size, both ways, and clients that leave in the middle of one.

use std::io::Write;
use std::process::{Command, Stdio};

use super::APP;
use super::front::{Behind, get, post};
use crate::harness::connect;

const SIZES: [usize; 6] = [0, 1, 100, 70_000, 1_000_000, 20_000_000];

/// What the app says of a body, by another program.
pub(super) fn sum_of(body: &[u8]) -> String {
    let mut child = Command::new("md5sum")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("md5sum is everywhere");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    stdin.write_all(body).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8(output.stdout).expect("text");
    let (digest, _) = text.split_once(' ').expect("a digest");
    format!("{} {digest}", body.len())
}

pub(super) fn body(size: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..size).map(|_| next()).collect()
}

#[test]
fn bodies_arrive_as_they_were_sent() {
    let behind = Behind::new("", APP);
    for size in SIZES {
        let body = body(size);
        let sum = sum_of(&body);
        for (what, address) in &behind.fronts {
            for path in ["/sum", "/unbuffered/sum"] {
                let answer = post(address, path, &body);
                assert_eq!(
                    (answer.status, &answer.body),
                    (200, &sum),
                    "{what} {path} {size}"
                );
            }
        }
    }
    let body = body(100_000_000);
    let sum = sum_of(&body);
    assert_eq!(
        post(&behind.fronts[0].1, "/unbuffered/sum", &body).body,
        sum
    );
}

#[test]
fn answers_of_every_size_come_through() {
    let behind = Behind::new("", APP);
    for (what, address) in &behind.fronts {
        for pieces in [0, 1, 10, 200] {
            for path in ["/much", "/unbuffered/much"] {
                let answer = get(address, &format!("{path}?{pieces}"));
                let length = answer.body.len();
                assert_eq!(
                    (answer.status, length),
                    (200, pieces * 100_000),
                    "{what} {path}"
                );
                assert!(answer.body.bytes().all(|byte| byte == b'y'));
            }
        }
    }
    let answer = get(&behind.fronts[2].1, "/much?1000");
    assert_eq!(answer.body.len(), 100_000_000);
}

#[test]
fn files_come_through() {
    let behind = Behind::new("", APP);
    let lines: Vec<String> = (0..500_000)
        .map(|number| format!("{number:07}\n"))
        .collect();
    let text = lines.concat();
    std::fs::write(behind.vassal.app.with_file_name("big"), &text).expect("it is ours");
    for (what, address) in &behind.fronts {
        for path in ["/file", "/unbuffered/file"] {
            let answer = get(address, path);
            assert_eq!(answer.status, 200, "{what} {path}");
            assert!(answer.body == text, "{what} {path}: {}", answer.body.len());
        }
    }
}

/// The body comes byte by byte, past nginx's own buffers.
#[test]
fn slow_uploads_are_waited_for() {
    let behind = Behind::new("", APP);
    for (what, address) in &behind.fronts {
        let mut connection = connect(address).expect("nginx listens");
        let head = "POST /unbuffered/sum HTTP/1.1\r\nHost: s\r\nContent-Length: 30\r\n\r\n";
        connection.send(head.as_bytes()).expect("it reads");
        for _ in 0..30 {
            connection.send(b"z").expect("it reads");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        let answer = connection.receive().expect("it answers");
        assert_eq!(answer.body, sum_of(&[b'z'; 30]), "{what}");
    }
}

/// The app hears of it, and its only thread goes on.
#[test]
fn clients_may_leave_in_the_middle() {
    let behind = Behind::new("threads = 1", APP);
    for (what, address) in &behind.fronts {
        let printed = behind.emperor.output();
        let mut connection = connect(address).expect("nginx listens");
        let head = "POST /unbuffered/sum HTTP/1.1\r\nHost: s\r\nContent-Length: 1000000\r\n\r\n";
        connection.send(head.as_bytes()).expect("it reads");
        connection.send(&vec![b'x'; 100_000]).expect("it reads");
        drop(connection);
        printed.wait("the app hears that the upload ended", |line| {
            let line = line["line"].as_str()?;
            line.contains("sum ended by").then_some(())
        });
        let mut connection = connect(address).expect("nginx listens");
        let head = "GET /unbuffered/much?10000 HTTP/1.1\r\nHost: s\r\n\r\n";
        connection.send(head.as_bytes()).expect("it reads");
        assert_eq!(connection.head().expect("a head").0, 200, "{what}");
        drop(connection);
        assert_eq!(get(address, "/").body, "hello", "{what}");
    }
}
