//! Loggers, rotation, and what is done to lines on their way.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{Timespec, poll};
use rustix::process::Signal;

use crate::harness::{Emperor, answering, get, signal, write_whole};

/// Prints what was asked for.
const PRINTS: &str = "print(environ['QUERY_STRING'], flush=True) or 'x'";

/// Between two looks.
const MOMENT: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 10_000_000,
};

fn pause() {
    poll(&mut [], Some(&MOMENT)).expect("nothing to wait for but time");
}

/// What a file says, once it says this.
fn text_with(path: &Path, expected: &str) -> String {
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.contains(expected) {
            return text;
        }
        assert!(
            Instant::now() < until,
            "{expected:?} in {}: {text:?}",
            path.display()
        );
        pause();
    }
}

/// The files of a directory whose names begin like this.
fn names(directory: &Path, beginning: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("it is there");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    let mut names: Vec<_> = names.filter(|name| name.starts_with(beginning)).collect();
    names.sort();
    names
}

#[test]
fn lines_go_to_every_logger_and_those_about_requests_apart() {
    let emperor = Emperor::start();
    let options = "logto = \"../blog.log\"\n\
        logger = [\"file:../second.log\", \"slow file:../slow.log\", \"stdio\"]\n\
        req-logger = \"file:../requests.log\"\n\
        log-route = \"slow ^took [0-9]+ s\"\nlog-drain = \"^drop\"\nlogfile-chmod = \"604\"\n\
        access-log = \"all\"\nlog-date = \"%Y\"\nlog-prefix = \"P\"";
    let blog = emperor.serve("blog", options, &answering(PRINTS));
    let address = emperor.address(&blog);
    for line in [
        "first",
        "took+7+s",
        "took%207%20s",
        "drop",
        "took 7 s",
        "last",
    ] {
        let path = format!("/?{}", line.replace(' ', "+"));
        get(&address, &path);
    }
    for file in ["blog.log", "second.log"] {
        let text = text_with(&emperor.at(file), "last");
        assert!(
            text.contains(" - P - first\n") && text.starts_with("20"),
            "{text}"
        );
        assert!(!text.contains("drop"), "{text}");
        assert!(!text.contains("GET /"), "{text}");
        let mode = fs::metadata(emperor.at(file))
            .expect("it is there")
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o604);
    }
    emperor.printed(&blog, |line| line.ends_with(" - P - last").then_some(()));
    let requests = text_with(&emperor.at("requests.log"), "/?last");
    assert!(
        requests.starts_with("127.0.0.1 - \"GET /?first HTTP/1.1\" 200"),
        "{requests}"
    );
    assert!(!requests.contains(" - P - "), "{requests}");
}

#[test]
fn routes_lead_lines_and_encoders_make_them() {
    let emperor = Emperor::start();
    let options = "logger = [\"file:../all.log\", \"slow file:../slow.log\"]\n\
        log-route = \"slow slow\"\n\
        log-encoder = ['json:slow {\"line\":\"${msg}\"}', \"suffix !\", \"nl\"]";
    let blog = emperor.serve("blog", options, &answering(PRINTS));
    let address = emperor.address(&blog);
    for path in ["/?a", "/?slow=b", "/?c"] {
        get(&address, path);
    }
    let all = text_with(&emperor.at("all.log"), "c!\n");
    assert_eq!(all, "a!\nc!\n");
    let slow = text_with(&emperor.at("slow.log"), "\n");
    assert_eq!(slow, "{\"line\":\"slow=b\"}!\n");
}

#[test]
fn a_file_that_is_full_is_put_aside_and_few_are_kept() {
    let emperor = Emperor::start();
    let options = "logto = \"../blog.log\"\nlog-maxsize = 100\nlog-backups = 2";
    let blog = emperor.serve("blog", options, &answering(PRINTS));
    let address = emperor.address(&blog);
    fs::write(emperor.at("blog.log.not-ours"), "kept").expect("it is ours");
    for number in 0..6 {
        get(&address, &format!("/?{number}{}", "x".repeat(120)));
        // Each has a file of its own.
        let until = Instant::now() + Duration::from_secs(30);
        let is_aside = || {
            let present = names(&emperor.at("."), "blog.log.");
            present.iter().any(|name| {
                let text = fs::read_to_string(emperor.at(name)).unwrap_or_default();
                text.starts_with(&number.to_string())
            })
        };
        while !is_aside() {
            assert!(Instant::now() < until, "{number}");
            pause();
        }
    }
    get(&address, "/?end");
    assert_eq!(text_with(&emperor.at("blog.log"), "end"), "end\n");
    let backups = names(&emperor.at("."), "blog.log.");
    assert_eq!(backups.len(), 3, "{backups:?}");
    assert!(
        backups.contains(&"blog.log.not-ours".to_owned()),
        "{backups:?}"
    );
}

#[test]
fn logrotate_may_rename_touch_or_truncate() {
    let emperor = Emperor::start();
    let options = "logto = \"../blog.log\"\ntouch-logreopen = \"../reopen\"\n\
        touch-logrotate = \"../rotate\"\nlog-backupname = \"../blog.log.old\"";
    let blog = emperor.serve("blog", options, &answering(PRINTS));
    let (address, log) = (emperor.address(&blog), emperor.at("blog.log"));
    get(&address, "/?one");
    text_with(&log, "one\n");
    // Renamed, and touched.
    fs::rename(&log, emperor.at("blog.log.1")).expect("it is ours");
    fs::write(emperor.at("reopen"), "").expect("it is ours");
    let until = Instant::now() + Duration::from_secs(30);
    while !log.exists() {
        assert!(Instant::now() < until, "it is not opened anew");
        get(&address, "/?two");
    }
    assert!(text_with(&log, "two\n").starts_with("two\n"));
    // Emptied in place: what follows stands at the beginning.
    fs::write(&log, "").expect("it is ours");
    get(&address, "/?three");
    assert_eq!(
        text_with(&log, "three\n").trim_start_matches("two\n"),
        "three\n"
    );
    // Rotated by a touch.
    fs::write(emperor.at("rotate"), "").expect("it is ours");
    assert!(text_with(&emperor.at("blog.log.old"), "three\n").ends_with("three\n"));
    get(&address, "/?four");
    assert_eq!(text_with(&log, "four\n"), "four\n");
}

#[test]
fn lines_are_sent_as_datagrams() {
    let emperor = Emperor::start();
    let syslog = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let local = UnixDatagram::bind(emperor.at("reader.sock")).expect("a socket");
    let patience = Some(Duration::from_secs(30));
    syslog.set_read_timeout(patience).expect("a deadline");
    local.set_read_timeout(patience).expect("a deadline");
    let options = format!(
        "logger = [\"rsyslog:{},blog\", \"socket:../reader.sock,pre:\"]",
        syslog.local_addr().expect("it has one"),
    );
    let blog = emperor.serve("blog", &options, &answering(PRINTS));
    get(&emperor.address(&blog), "/?sent");
    let mut buffer = [0; 2048];
    let count = syslog.recv(&mut buffer).expect("a datagram");
    let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
    assert!(
        text.starts_with("<29>") && text.ends_with(" blog: sent"),
        "{text}"
    );
    let count = local.recv(&mut buffer).expect("a datagram");
    assert_eq!(&buffer[..count], b"pre:sent\n");
}

#[test]
fn a_writer_that_is_killed_comes_back_and_nothing_is_lost() {
    let emperor = Emperor::start();
    let options = "logto = \"../blog.log\"\nthreaded-logger = true";
    let blog = emperor.serve("blog", options, &answering(PRINTS));
    let address = emperor.address(&blog);
    get(&address, "/?before");
    text_with(&emperor.at("blog.log"), "before\n");
    let writer = children(emperor.master(&blog))
        .into_iter()
        .find(|pid| !emperor.workers(&blog).contains(pid))
        .expect("a writer");
    signal(writer, Signal::KILL);
    get(&address, "/?meanwhile");
    assert_eq!(
        text_with(&emperor.at("blog.log"), "meanwhile\n"),
        "before\nmeanwhile\n"
    );
}

/// The children of a process.
fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let text = text.expect("it lives");
    text.split_whitespace()
        .filter_map(|it| it.parse().ok())
        .collect()
}

#[test]
fn a_full_disk_is_told_and_stops_no_app() {
    let emperor = Emperor::start();
    let options = "logger = [\"file:/dev/full\", \"file:../good.log\"]";
    let blog = emperor.serve("blog", options, &answering(PRINTS));
    for path in ["/?one", "/?two"] {
        assert_eq!(get(&emperor.address(&blog), path), "x");
    }
    emperor
        .failed_after(&blog, 0)
        .says("logto", &["one of its loggers", "No space left on device"]);
    emperor.printed(&blog, |line| {
        line.contains("could not write to the log `/dev/full`")
            .then_some(())
    });
    assert_eq!(text_with(&emperor.at("good.log"), "two\n"), "one\ntwo\n");
}

#[test]
fn a_logger_that_cannot_be_opened_is_told_and_files_may_begin_empty() {
    let emperor = Emperor::start();
    fs::write(emperor.at("blog.log"), "old\n").expect("it is ours");
    let options = "logto = \"../blog.log\"\nlog-truncate = true";
    let blog = emperor.serve("blog", options, &answering(PRINTS));
    get(&emperor.address(&blog), "/?new");
    assert_eq!(text_with(&emperor.at("blog.log"), "new\n"), "new\n");
    write_whole(
        &blog.file,
        &Emperor::text_for(&blog, "req-logger = \"file:../missing/x.log\""),
    );
    emperor.failed_after(&blog, 1).says(
        "config",
        &["missing/x.log` of `logger`", "No such file or directory"],
    );
}
