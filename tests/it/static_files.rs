//! Files that are sent without the app: `static-map`, `check-static`, and what HTTP says about them.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::harness::{Connection, Emperor, Response, answering, try_get};
use crate::site::{Site, rest_of};

/// More than the buffers of both ends of a connection hold.
const LARGE_BYTES: usize = 32 * 1024 * 1024;

/// A site whose app says which path it was asked for, with files below a directory of its own.
#[track_caller]
pub(crate) fn site_with(
    files: &[(&str, &str)],
    options: impl Fn(&Path) -> String,
) -> (Site, PathBuf) {
    site_of(files, options, &answering("'app ' + environ['PATH_INFO']"))
}

/// The same with this app.
#[track_caller]
pub(crate) fn site_of(
    files: &[(&str, &str)],
    options: impl Fn(&Path) -> String,
    code: &str,
) -> (Site, PathBuf) {
    let emperor = Emperor::start();
    let base = emperor.vassal("site").app.with_file_name("served");
    for (name, text) in files {
        write(&base.join(name), text);
    }
    fs::create_dir_all(&base).expect("it is ours");
    let vassal = emperor.serve("site", &options(&base), code);
    let address = emperor.address(&vassal);
    let site = Site {
        emperor,
        vassal,
        address,
    };
    (site, base)
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("it has one")).expect("it is ours");
    fs::write(path, text).expect("it is ours");
}

/// The answer to a request with these fields on a kept connection.
#[track_caller]
fn ask(connection: &mut Connection, target: &str, fields: &str) -> Response {
    let request = format!("GET {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
    connection.send(request.as_bytes()).expect("it reads");
    connection.receive().expect("it answers")
}

/// The head of an answer without a body: to HEAD, or with status 304.
#[track_caller]
fn ask_head(connection: &mut Connection, method: &str, target: &str, fields: &str) -> Response {
    let request = format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
    connection.send(request.as_bytes()).expect("it reads");
    let (status, headers) = connection.head().expect("it answers");
    Response {
        status,
        headers,
        body: String::new(),
    }
}

#[test]
fn a_file_is_sent_once_and_asked_for_again() {
    let (site, _) = site_with(&[("site.css", "body { }")], |base| {
        format!(
            "static-map = {:?}\nstatic-max-age = \"1h\"",
            format!("/static={}", base.display())
        )
    });
    let mut connection = site.connect();
    let whole = ask(&mut connection, "/static/site.css?v=1", "");
    assert_eq!((whole.status, whole.body.as_str()), (200, "body { }"));
    for (name, value) in [
        ("content-type", "text/css; charset=utf-8"),
        ("content-length", "8"),
        ("accept-ranges", "bytes"),
        ("cache-control", "max-age=3600"),
        ("vary", "Accept-Encoding"),
    ] {
        assert_eq!(whole.header(name), Some(value), "{whole:?}");
    }
    let etag = whole.header("etag").expect("a file has one").to_owned();
    let modified = whole
        .header("last-modified")
        .expect("a file has one")
        .to_owned();
    assert!(
        etag.starts_with('"') && modified.ends_with(" GMT"),
        "{whole:?}"
    );

    for fields in [
        format!("If-None-Match: \"x\", W/{etag}\r\n"),
        format!("If-Modified-Since: {modified}\r\n"),
    ] {
        let same = ask_head(&mut connection, "GET", "/static/site.css", &fields);
        assert_eq!(same.status, 304, "{fields}");
        assert_eq!(same.header("etag"), Some(etag.as_str()));
        assert_eq!(same.header("content-type"), None);
    }
    let changed = ask(
        &mut connection,
        "/static/site.css",
        &format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {modified}\r\n"),
    );
    assert_eq!(changed.status, 200);
    for fields in [
        "If-Match: \"x\"\r\n",
        "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    ] {
        assert_eq!(ask(&mut connection, "/static/site.css", fields).status, 412);
    }

    let head = ask_head(&mut connection, "HEAD", "/static/site.css", "");
    assert_eq!(
        (head.status, head.header("content-length")),
        (200, Some("8"))
    );
    // On the same connection: HEAD left no body behind.
    assert_eq!(
        ask(&mut connection, "/static/none.css", "").body,
        "app /static/none.css"
    );
    let post = b"POST /static/site.css HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab";
    connection.send(post).expect("it reads");
    let posted = connection.receive().expect("it answers");
    assert_eq!(posted.body, "app /static/site.css");
}

#[test]
fn a_part_is_sent_to_those_who_have_the_rest() {
    let (site, base) = site_with(&[("a.txt", "0123456789")], |base| {
        format!("check-static = {base:?}")
    });
    let mut connection = site.connect();
    let part = ask(&mut connection, "/a.txt", "Range: bytes=2-4\r\n");
    assert_eq!((part.status, part.body.as_str()), (206, "234"));
    assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    let etag = part.header("etag").expect("a file has one").to_owned();
    for (range, expected) in [("bytes=-3", "789"), ("bytes=7-", "789"), ("bytes=0-0", "0")] {
        let part = ask(&mut connection, "/a.txt", &format!("Range: {range}\r\n"));
        assert_eq!(
            (part.status, part.body.as_str()),
            (206, expected),
            "{range}"
        );
    }
    for range in ["bytes=0-1,4-5", "bytes=5-2", "lines=1-2"] {
        let whole = ask(&mut connection, "/a.txt", &format!("Range: {range}\r\n"));
        assert_eq!((whole.status, whole.body.len()), (200, 10), "{range}");
    }
    let beyond = ask(&mut connection, "/a.txt", "Range: bytes=10-\r\n");
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), Some("bytes */10"));
    let resume = format!("Range: bytes=5-\r\nIf-Range: {etag}\r\n");
    assert_eq!(ask(&mut connection, "/a.txt", &resume).body, "56789");
    write(&base.join("a.txt"), "abcdefghij");
    let anew = ask(&mut connection, "/a.txt", &resume);
    assert_eq!((anew.status, anew.body.as_str()), (200, "abcdefghij"));
}

#[test]
fn no_path_leads_out_of_the_directory() {
    let files = [
        ("public/a.txt", "a"),
        ("public/dir/b.txt", "b"),
        ("secret.txt", "secret"),
        ("publicity/c.txt", "c"),
    ];
    let (site, base) = site_with(&files, |base| {
        let public = base.join("public");
        format!("static-map = {{ \"/s\" = {public:?} }}\ncheck-static = {public:?}")
    });
    let public = base.join("public");
    for (target, link) in [
        ("../secret.txt", "up.txt"),
        ("..", "up"),
        ("/etc", "etc"),
        ("/proc/self/fd", "fd"),
        ("dir/b.txt", "inside.txt"),
    ] {
        symlink(target, public.join(link)).expect("it is ours");
    }
    mknodat(
        CWD,
        public.join("fifo"),
        FileType::Fifo,
        Mode::from_raw_mode(0o644),
        0,
    )
    .expect("it is ours");
    assert_eq!(site.get("/s/a.txt").body, "a");
    assert_eq!(site.get("/s/inside.txt").body, "b");
    assert_eq!(site.get("/s/dir/%62.txt").body, "b");
    for target in [
        "/s/../secret.txt",
        "/s/dir/../a.txt",
        "/s/%2e%2e/secret.txt",
        "/s/.%2E/secret.txt",
        "/s/..%2fsecret.txt",
        "/s/%2e%2e%2fsecret.txt",
        "/s%2f..%2fsecret.txt",
        "/s/dir%2fb.txt",
        "/s/./a.txt",
        "/s//a.txt",
        "//s/a.txt",
        "/s/%5c..%5csecret.txt",
        "/s/..%5csecret.txt",
        "/s/a.txt%00.html",
        "/s/%252e%252e/secret.txt",
        "/sa.txt",
        "/s/a.txt/",
        "/s/up.txt",
        "/s/up/secret.txt",
        "/s/etc/passwd",
        "/s/fd/0",
        "/s/fifo",
        "/s/dir",
        "/s/dir/",
        "/s/",
        "/s",
    ] {
        let answer = site.get(target);
        assert_eq!(answer.status, 200, "{target}: {answer:?}");
        assert!(answer.body.starts_with("app "), "{target}: {answer:?}");
    }
    site.printed("`static-safe`");
}

#[test]
fn links_may_lead_to_safe_directories() {
    let files = [
        ("public/a.txt", "a"),
        ("shared/b.txt", "b"),
        ("secret.txt", "c"),
    ];
    let (site, base) = site_with(&files, |base| {
        let (public, shared) = (base.join("public"), base.join("shared"));
        format!("static-map = {{ \"/s\" = {public:?} }}\nstatic-safe = {shared:?}")
    });
    let public = base.join("public");
    symlink("../shared", public.join("shared")).expect("it is ours");
    symlink(base.join("shared/b.txt"), public.join("b.txt")).expect("it is ours");
    symlink("../secret.txt", public.join("c.txt")).expect("it is ours");
    assert_eq!(site.get("/s/b.txt").body, "b");
    assert_eq!(site.get("/s/shared/b.txt").body, "b");
    assert_eq!(site.get("/s/c.txt").body, "app /s/c.txt");
}

#[test]
fn a_directory_is_its_index() {
    let files = [
        ("index.html", "root"),
        ("docs/index.htm", "docs"),
        ("empty/a.txt", "a"),
    ];
    let (site, _) = site_with(&files, |base| {
        format!(
            "static-map = {{ \"/s\" = {base:?} }}\nstatic-index = [\"index.html\", \"index.htm\"]"
        )
    });
    let index = site.get("/s/");
    assert_eq!(
        (index.body.as_str(), index.header("content-type")),
        ("root", Some("text/html; charset=utf-8"))
    );
    assert_eq!(site.get("/s/docs/").body, "docs");
    for (target, location) in [
        ("/s", "/s/"),
        ("/s/docs?a=/b", "/s/docs/?a=/b"),
        ("/s/d%6fcs", "/s/d%6fcs/"),
    ] {
        let redirect = site.get(target);
        assert_eq!(
            (redirect.status, redirect.header("location")),
            (301, Some(location)),
            "{target}"
        );
    }
    assert_eq!(site.get("/s/empty/").body, "app /s/empty/");
    assert_eq!(site.get("/s/empty").body, "app /s/empty");
}

#[test]
fn the_longest_prefix_is_first_and_the_others_follow() {
    let files = [
        ("one/a.txt", "one"),
        ("one/only.txt", "only"),
        ("two/a.txt", "two"),
        ("two/media/a.txt", "kept"),
        ("icon", "icon"),
    ];
    let (site, _) = site_with(&files, |base| {
        let (one, two) = (base.join("one"), base.join("two"));
        let icon = base.join("icon");
        let (one, two, icon) = (one.display(), two.display(), icon.display());
        format!(
            "static-map = [\"/s={one}\", \"/s/deep={two}\", \"/favicon.ico={icon}\"]\n\
             static-map2 = \"/media={two}\"\ncheck-static = [\"{one}\", \"{two}\"]"
        )
    });
    for (target, body) in [
        ("/s/a.txt", "one"),
        ("/s/deep/a.txt", "two"),
        ("/s/deep/only.txt", "app /s/deep/only.txt"),
        ("/media/a.txt", "kept"),
        ("/favicon.ico", "icon"),
        ("/favicon.ico/", "app /favicon.ico/"),
        ("/only.txt", "only"),
        ("/a.txt", "one"),
        ("/none.txt", "app /none.txt"),
    ] {
        assert_eq!(site.get(target).body, body, "{target}");
    }
    assert_eq!(
        site.get("/favicon.ico").header("content-type"),
        Some("application/octet-stream")
    );
}

#[test]
fn an_encoding_beside_a_file_goes_to_those_who_take_it() {
    let files = [
        ("app.js", "plain"),
        ("app.js.br", "brotli"),
        ("app.js.zst", "zstd"),
        ("app.js.gz", "gzip"),
        ("old.js.gz", "old gzip"),
        ("photo.jpg", "jpeg"),
        ("photo.jpg.gz", "gzip"),
    ];
    let (site, base) = site_with(&files, |base| format!("check-static = {base:?}"));
    let now = rustix::fs::Timespec {
        tv_sec: 2_000_000_000,
        tv_nsec: 0,
    };
    write(&base.join("old.js"), "changed since");
    let later = rustix::fs::Timestamps {
        last_access: now,
        last_modification: now,
    };
    rustix::fs::utimensat(
        CWD,
        base.join("old.js"),
        &later,
        rustix::fs::AtFlags::empty(),
    )
    .expect("it is ours");
    let mut connection = site.connect();
    let mut etags = Vec::new();
    for (accept, body, coding) in [
        ("gzip, deflate, br, zstd", "brotli", Some("br")),
        ("gzip, zstd", "zstd", Some("zstd")),
        ("gzip;q=1, br;q=0.5", "gzip", Some("gzip")),
        ("br;q=0, gzip", "gzip", Some("gzip")),
        ("identity", "plain", None),
        ("gzip;q=0", "plain", None),
    ] {
        let answer = ask(
            &mut connection,
            "/app.js",
            &format!("Accept-Encoding: {accept}\r\n"),
        );
        assert_eq!(
            (answer.body.as_str(), answer.header("content-encoding")),
            (body, coding),
            "{accept}"
        );
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
        assert_eq!(
            answer.header("content-type"),
            Some("text/javascript; charset=utf-8")
        );
        etags.push(answer.header("etag").expect("a file has one").to_owned());
    }
    etags.sort();
    etags.dedup();
    assert_eq!(etags.len(), 4, "{etags:?}");
    for (target, body) in [("/old.js", "changed since"), ("/photo.jpg", "jpeg")] {
        let answer = ask(&mut connection, target, "Accept-Encoding: gzip\r\n");
        assert_eq!(
            (answer.body.as_str(), answer.header("content-encoding")),
            (body, None)
        );
    }
}

#[test]
fn files_are_logged_and_counted_like_other_answers() {
    let (site, _) = site_with(&[("a.txt", "0123")], |base| {
        format!("check-static = {base:?}\naccess-log = \"all\"\nprocesses = 1")
    });
    site.get("/a.txt");
    let line = site.printed("GET /a.txt");
    assert!(line.contains("\"GET /a.txt HTTP/1.1\" 200 4 "), "{line}");
    let shown = site.emperor.status_of(&site.vassal);
    assert_eq!(shown["workers"][0]["requests"], 1, "{shown}");
}

/// Bytes that tell where they stand.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 7 % 251) as u8).collect()
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
fn a_fast_download_gives_others_their_turn() {
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
