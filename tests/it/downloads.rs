//! Large files on their way: slow clients, fast ones, those that leave, and files that change.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::harness::{answering, try_get};
use crate::site::rest_of;
use crate::static_files::{site_of, site_with};

/// More than the buffers of both ends of a connection hold.
const LARGE_BYTES: usize = 32 * 1024 * 1024;

/// Bytes that tell where they stand.
fn pattern(length: usize) -> Vec<u8> {
    (0..=250_u8)
        .flat_map(|byte| [byte; 7])
        .cycle()
        .take(length)
        .collect()
}

fn large(path: &Path) -> Vec<u8> {
    let bytes = pattern(LARGE_BYTES);
    fs::write(path, &bytes).expect("it is ours");
    bytes
}

#[test]
fn a_slow_download_occupies_no_thread_and_outlives_a_reload() {
    let (site, base) = site_with(&[], |base| {
        format!("check-static = {base:?}\nprocesses = 1\nthreads = 1")
    });
    let bytes = large(&base.join("large.bin"));
    let mut stream = site.stream();
    stream
        .write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut first = [0; 4096];
    stream.read_exact(&mut first).expect("it answers");
    // The only thread of the only worker is free meanwhile.
    for _ in 0..3 {
        assert_eq!(site.get("/other").body, "app /other");
    }
    site.emperor
        .deploy(&site.vassal, &answering("'new ' + environ['PATH_INFO']"));
    site.emperor.ready_after(&site.vassal, 1);
    assert_eq!(site.get("/other").body, "new /other");
    let mut rest = Vec::new();
    stream
        .read_to_end(&mut rest)
        .expect("it answers and closes");
    let all = [&first[..], &rest].concat();
    let body = all
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .expect("a head")
        + 4;
    assert!(all[body..] == bytes, "{} bytes came", all.len() - body);
}

#[test]
fn a_file_that_shrinks_cuts_the_connection() {
    let (site, base) = site_with(&[], |base| format!("check-static = {base:?}"));
    let path = base.join("large.bin");
    large(&path);
    let mut stream = site.stream();
    stream
        .write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    let mut first = [0; 4096];
    stream.read_exact(&mut first).expect("it answers");
    File::options()
        .write(true)
        .truncate(true)
        .open(&path)
        .expect("it is ours");
    // It ends, whether by a close or by a reset.
    let mut rest = Vec::new();
    let _ended = stream.read_to_end(&mut rest);
    assert!(rest.len() < LARGE_BYTES / 2, "{} bytes came", rest.len());
    assert_eq!(site.get("/other").body, "app /other");
}

#[test]
fn pipelined_files_come_in_order() {
    let (site, base) = site_with(&[("small.txt", "small")], |base| {
        format!("check-static = {base:?}")
    });
    let first = pattern(300_000);
    fs::write(base.join("first.bin"), &first).expect("it is ours");
    let second = pattern(200_001);
    fs::write(base.join("second.bin"), &second).expect("it is ours");
    let mut stream = site.stream();
    for target in [
        "/first.bin",
        "/second.bin",
        "/small.txt",
        "/app",
        "/first.bin",
    ] {
        let end = if target == "/first.bin" {
            ""
        } else {
            "X-A: b\r\n"
        };
        stream
            .write_all(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{end}\r\n").as_bytes())
            .expect("it reads");
    }
    stream
        .write_all(b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("it answers and closes");
    let mut rest = all.as_slice();
    for body in [
        &first[..],
        &second,
        b"small",
        b"app /app",
        &first,
        b"app /last",
    ] {
        let end = rest
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("a head")
            + 4;
        let (got, after) = rest[end..].split_at(body.len());
        assert!(got == body, "{}", String::from_utf8_lossy(&rest[..end]));
        rest = after;
    }
    assert!(rest.is_empty());
}

#[test]
fn a_client_that_leaves_takes_nothing_with_it() {
    let (site, base) = site_with(&[], |base| {
        format!("check-static = {base:?}\nprocesses = 1")
    });
    large(&base.join("large.bin"));
    for _ in 0..5 {
        let mut stream = site.stream();
        stream
            .write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("it reads");
        stream.read_exact(&mut [0; 4096]).expect("it answers");
    }
    let mut stream = site.stream();
    stream
        .write_all(b"GET /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    assert!(rest_of(&mut stream).ends_with("app /other"));
    let shown = site.emperor.status_of(&site.vassal);
    assert_eq!(shown["workers"][0]["requests"], 6, "{shown}");
}

#[test]
fn an_app_that_gives_sigpipe_its_default_back_does_not_die_of_clients_that_leave() {
    let code = format!(
        "import signal\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)\n{}",
        answering("'app ' + environ['PATH_INFO']")
    );
    let (site, base) = site_of(
        &[],
        |base| format!("check-static = {base:?}\nprocesses = 1"),
        &code,
    );
    let bytes = large(&base.join("large.bin"));
    let before = site.emperor.workers(&site.vassal);
    for _ in 0..5 {
        let mut stream = site.stream();
        stream
            .write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("it reads");
        stream.read_exact(&mut [0; 4096]).expect("it answers");
    }
    let mut stream = site.stream();
    stream
        .write_all(b"GET /large.bin HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("it answers and closes");
    assert!(all.ends_with(&bytes), "{} bytes came", all.len());
    assert_eq!(site.emperor.workers(&site.vassal), before);
}

#[test]
fn others_are_answered_during_an_endless_download() {
    let (site, base) = site_with(&[], |base| {
        format!("check-static = {base:?}\nprocesses = 1\nthreads = 1")
    });
    // Sparse, and longer than anybody waits.
    let file = File::create(base.join("endless.bin")).expect("it is ours");
    file.set_len(1 << 42).expect("it is ours");
    let mut stream = site.stream();
    stream
        .write_all(b"GET /endless.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    stream.read_exact(&mut [0; 4096]).expect("it answers");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = vec![0; 1 << 20];
            while !is_over.load(Ordering::Relaxed) {
                assert!(stream.read(&mut buffer).is_ok_and(|got| got > 0));
            }
            drop(stream);
        });
        let answers: Vec<_> = (0..20).map(|_| try_get(&site.address, "/other")).collect();
        is_over.store(true, Ordering::Relaxed);
        for answer in answers {
            assert_eq!(answer.expect("it answers").body, "app /other");
        }
    });
}

#[test]
fn several_ranges_come_in_one_answer() {
    let (site, base) = site_with(&[], |base| format!("check-static = {base:?}"));
    let bytes = pattern(3_000_000);
    fs::write(base.join("file.bin"), &bytes).expect("it is ours");
    let mut connection = site.connect();
    // Small parts are read, large ones are sent by the kernel; and what follows is in its place.
    for _ in 0..2 {
        connection
            .send(b"GET /file.bin HTTP/1.1\r\nHost: a\r\nRange: bytes=10-19, 100000-2199999, 50000-50009, -40000\r\n\r\n")
            .expect("it reads");
        let (status, fields) = connection.head().expect("it answers");
        let field = |wanted: &str| {
            let found = fields.iter().find(|(name, _)| name == wanted);
            found.map_or("", |(_, value)| value)
        };
        let boundary = field("content-type")
            .strip_prefix("multipart/byteranges; boundary=")
            .expect("parts");
        assert_eq!((status, boundary.len()), (206, 32), "{fields:?}");
        assert_eq!(field("content-range"), "");
        let mut expected = Vec::new();
        for (first, last) in [
            (10, 19),
            (100_000, 2_199_999),
            (50_000, 50_009),
            (2_960_000, 2_999_999),
        ] {
            let lead = format!(
                "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {first}-{last}/3000000\r\n\r\n"
            );
            expected.extend(lead.into_bytes());
            expected.extend(&bytes[first..=last]);
        }
        expected.extend(format!("\r\n--{boundary}--\r\n").into_bytes());
        let length = field("content-length").parse().expect("a length");
        let body = connection.bytes(length).expect("all of it");
        assert!(
            body == expected,
            "{length} bytes instead of {}",
            expected.len()
        );
    }
    let ask = |range: &str| {
        site.ask(
            format!("GET /file.bin HTTP/1.1\r\nHost: a\r\nRange: bytes={range}\r\n\r\n").as_bytes(),
        )
    };
    let one = ask("0-99999,50000-199999");
    assert_eq!(
        (one.status, one.header("content-range")),
        (206, Some("bytes 0-199999/3000000"))
    );
    // Nobody gets the same bytes a thousand times over.
    let many = vec!["0-"; 1000].join(",");
    assert_eq!(
        (ask(&many).status, ask("5000000-,6000000-").status),
        (200, 416)
    );
}
