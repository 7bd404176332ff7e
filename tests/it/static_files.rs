//! Files that are sent without the app: `static-map`, `check-static`, and what HTTP says about them.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::harness::{Connection, Emperor, Response, answering};
use crate::site::Site;

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
}

#[test]
fn only_get_and_head_are_answered_from_files() {
    let (site, _) = site_with(&[("site.css", "body { }")], |base| {
        format!("static-map = {{ \"/static\" = {base:?} }}")
    });
    let mut connection = site.connect();
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
    // What lies near is sent along.
    let joined = ask(&mut connection, "/a.txt", "Range: bytes=0-1,4-5\r\n");
    assert_eq!((joined.status, joined.body.as_str()), (206, "012345"));
    for range in ["bytes=5-2", "lines=1-2"] {
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

/// What names no file below the directory, and must not name another.
const LEADING_ELSEWHERE: [&str; 26] = [
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
];

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
    for target in LEADING_ELSEWHERE {
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
    ];
    let (site, _) = site_with(&files, |base| format!("check-static = {base:?}"));
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
        let fields = format!("Accept-Encoding: {accept}\r\n");
        let answer = ask(&mut connection, "/app.js", &fields);
        assert_eq!(answer.body, body, "{accept}");
        assert_eq!(answer.header("content-encoding"), coding, "{accept}");
        assert_eq!(answer.header("vary"), Some("Accept-Encoding"));
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("text/javascript; charset=utf-8"));
        etags.push(answer.header("etag").expect("a file has one").to_owned());
    }
    etags.sort();
    etags.dedup();
    assert_eq!(etags.len(), 4, "{etags:?}");
}

#[test]
fn an_encoding_that_is_old_or_of_no_use_is_left_alone() {
    let files = [
        ("app.js.gz", "old gzip"),
        ("app.js", "changed since"),
        ("photo.jpg", "jpeg"),
        ("photo.jpg.gz", "gzip"),
    ];
    let (site, base) = site_with(&files, |base| format!("check-static = {base:?}"));
    let changed = SystemTime::now() + Duration::from_secs(1);
    let file = File::options().append(true).open(base.join("app.js"));
    file.and_then(|file| file.set_modified(changed))
        .expect("it is ours");
    let mut connection = site.connect();
    for (target, body) in [("/app.js", "changed since"), ("/photo.jpg", "jpeg")] {
        let answer = ask(&mut connection, target, "Accept-Encoding: gzip\r\n");
        assert_eq!(answer.body, body, "{target}");
        assert_eq!(answer.header("content-encoding"), None, "{target}");
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
