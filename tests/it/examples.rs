//! The vassals of `vassals.example`: each answers, from a copy with ports that the kernel chooses.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::harness::{Emperor, Setup, Vassal, Watched, connect, get, lictor, signal, write_whole};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vassals.example")
}

/// Every file of `vassals.example`, with the ports that it names.
fn files() -> Vec<(String, String)> {
    let entries = fs::read_dir(examples()).expect("it is part of the tree");
    let paths = entries
        .map(|entry| entry.expect("it can be listed").path())
        .filter(|path| path.is_file());
    paths
        .map(|path| {
            let name = path
                .file_name()
                .expect("it has one")
                .to_string_lossy()
                .into_owned();
            (name, fs::read_to_string(path).expect("it is text"))
        })
        .collect()
}

/// The text with every port of the examples (`127.0.0.1:81NN`) replaced by 0.
fn with_free_ports(text: &str) -> String {
    let mut parts = text.split("127.0.0.1:81");
    let mut freed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        freed.push_str("127.0.0.1:0");
        freed.push_str(part.get(2..).expect("two more digits"));
    }
    freed
}

/// An emperor over a copy of the examples.
fn copied() -> Emperor {
    let setup = Setup::new();
    let files = files();
    assert!(files.len() >= 8, "{files:?}");
    for (name, text) in files {
        write_whole(&setup.at("vassals").join(name), &with_free_ports(&text));
    }
    setup.start()
}

/// A vassal of the examples, which serves from now on.
fn serving(emperor: &Emperor, file: &str) -> Vassal {
    let file = emperor.at("vassals").join(file);
    let name = file
        .file_stem()
        .expect("it has one")
        .to_string_lossy()
        .into_owned();
    let vassal = Vassal {
        name,
        app: file.clone(),
        file,
    };
    emperor.ready_after(&vassal, 0);
    vassal
}

#[test]
fn the_examples_are_good_as_they_stand() {
    let ran = lictor(
        Path::new(env!("CARGO_MANIFEST_DIR")),
        &["check", "vassals.example"],
    )
    .with_code(0);
    assert!(ran.stderr.is_empty(), "{ran:?}");
    assert!(ran.stdout.contains("checked 4 files: good"), "{ran:?}");
}

#[test]
fn their_ports_are_their_own() {
    let mut ports = Vec::new();
    for (name, text) in files() {
        let mut told: Vec<&str> = text
            .split("127.0.0.1:81")
            .skip(1)
            .filter_map(|rest| rest.get(..2))
            .collect();
        told.dedup();
        let is_vassal = Path::new(&name)
            .extension()
            .is_none_or(|extension| extension != "py");
        assert_eq!(
            told.len(),
            usize::from(is_vassal),
            "{name} and its ports: {told:?}"
        );
        ports.extend(told.first().map(|port| (*port).to_owned()));
    }
    let count = ports.len();
    ports.sort();
    ports.dedup();
    assert_eq!(ports.len(), count, "two examples share a port");
}

#[test]
fn hello_says_hello() {
    let emperor = copied();
    let hello = serving(&emperor, "hello.toml");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        emperor.get(&hello),
        format!("hello from lictor/{version}\n")
    );
}

#[test]
fn the_clock_streams() {
    let emperor = copied();
    let clock = serving(&emperor, "clock.ini");
    let mut connection = connect(&emperor.address(&clock)).expect("it listens");
    connection
        .send(b"GET / HTTP/1.1\r\nHost: test\r\n\r\n")
        .expect("it reads");
    let (status, headers) = connection.head().expect("it answers");
    assert_eq!(status, 200);
    assert!(
        headers.contains(&("transfer-encoding".to_owned(), "chunked".to_owned())),
        "{headers:?}"
    );
    for tick in 1..=3 {
        let line = String::from_utf8(connection.chunk().expect("a tick")).expect("it is text");
        assert!(line.ends_with(&format!("tick {tick} of 3\n")), "{line:?}");
    }
    assert!(connection.chunk().expect("an end").is_empty());
}

#[test]
fn every_option_answers_and_names_every_option() {
    let emperor = copied();
    let vassal = serving(&emperor, "every-option.toml");
    assert_eq!(emperor.get(&vassal), "every option\n");
    let shown = fs::read_to_string(examples().join("every-option.toml")).expect("it is text");
    assert_eq!(shown, lictor_core::config::every_option_example());
}

/// A worker that does not run until this is dropped.
struct Halted(Watched);

impl Halted {
    fn new(pid: u32) -> Self {
        let halted = Self(signal(pid, Signal::STOP));
        // The signal is sent, not yet obeyed; it is obeyed within microseconds.
        while !state_in_kernel(pid).eq("T") {
            std::thread::yield_now();
        }
        halted
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        self.0.signal(Signal::CONT);
    }
}

fn state_in_kernel(pid: u32) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the worker is there");
    let (_, fields) = stat.rsplit_once(") ").expect("as in proc(5)");
    fields.get(..1).expect("as in proc(5)").to_owned()
}

#[test]
fn guests_are_seen_by_both_workers() {
    let emperor = copied();
    let guestbook = serving(&emperor, "guestbook.yaml");
    let address = emperor.address(&guestbook);
    let mut connection = connect(&address).expect("it listens");
    connection
        .send(b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 17\r\nConnection: close\r\n\r\nname=Ada+%3CA%26B")
        .expect("it reads");
    let signed = connection.receive().expect("it answers");
    assert_eq!(
        (signed.status, signed.header("location")),
        (303, Some("/")),
        "{signed:?}"
    );
    let workers = emperor.workers(&guestbook);
    assert_eq!(workers.len(), 2);
    for worker in workers {
        let _other_has_to_answer = Halted::new(worker);
        assert!(get(&address, "/").contains("<li>Ada &lt;A&amp;B</li>"));
    }
}
