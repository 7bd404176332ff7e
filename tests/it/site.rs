//! One vassal under one emperor: what tests of HTTP and WSGI stand on.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

use crate::harness::{Connection, DEADLINE, Emperor, Response, Vassal, connect};

/// A vassal and where it answers.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) emperor: Emperor,
    pub(crate) vassal: Vassal,
    pub(crate) address: String,
}

impl Site {
    /// An emperor with one vassal that serves.
    #[track_caller]
    pub(crate) fn new(options: &str, code: &str) -> Self {
        Self::over(Emperor::start(), options, code)
    }

    /// The same, of an emperor that is there.
    #[track_caller]
    pub(crate) fn over(emperor: Emperor, options: &str, code: &str) -> Self {
        let vassal = emperor.serve("site", options, code);
        let address = emperor.address(&vassal);
        Self {
            emperor,
            vassal,
            address,
        }
    }

    /// The same, with a gate for the app to wait at. To be dropped before the site.
    #[track_caller]
    pub(crate) fn gated(options: &str, code: &str) -> (Self, Gate) {
        let emperor = Emperor::start();
        let gate = Gate::new(&emperor.vassal("site").app.with_file_name("gate"));
        let vassal = emperor.serve("site", options, code);
        let address = emperor.address(&vassal);
        (
            Self {
                emperor,
                vassal,
                address,
            },
            gate,
        )
    }

    /// A new connection.
    #[track_caller]
    pub(crate) fn connect(&self) -> Connection {
        connect(&self.address).expect("it listens")
    }

    /// A new connection without any help; its reads and writes have the usual deadline.
    #[track_caller]
    pub(crate) fn stream(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a deadline can be set");
        stream
            .set_write_timeout(Some(DEADLINE))
            .expect("a deadline can be set");
        stream
    }

    /// The answer to these bytes on a new connection.
    #[track_caller]
    pub(crate) fn ask(&self, bytes: &[u8]) -> Response {
        let mut connection = self.connect();
        connection.send(bytes).expect("it reads");
        connection.receive().expect("it answers")
    }

    /// The answer to `GET path`.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Response {
        self.ask(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes())
    }

    /// Everything that comes back for these bytes until the server closes.
    #[track_caller]
    pub(crate) fn everything(&self, bytes: &[u8]) -> String {
        let mut stream = self.stream();
        stream.write_all(bytes).expect("it reads");
        rest_of(&mut stream)
    }

    /// Everything that was printed up to the first line with these words.
    #[track_caller]
    pub(crate) fn said_until(&self, words: &str) -> Vec<String> {
        let output = self.emperor.output();
        let is_last = |line: &Value| line.to_string().contains(words).then_some(());
        output.wait(&format!("`{words}` is printed"), is_last);
        let lines = output.so_far();
        lines
            .iter()
            .filter_map(|line| Some(line.get("line")?.as_str()?.to_owned()))
            .collect()
    }

    /// Waits until the app, or the worker about it, has printed a line with these words.
    #[track_caller]
    pub(crate) fn printed(&self, words: &str) -> String {
        self.emperor.printed(&self.vassal, |line| {
            line.contains(words).then(|| line.to_owned())
        })
    }
}

/// What comes until the server closes.
#[track_caller]
pub(crate) fn rest_of(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .expect("it answers and closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The JSON in an answer.
#[track_caller]
pub(crate) fn json(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{response:?}");
    serde_json::from_str(&response.body).unwrap_or_else(|error| panic!("{error}: {response:?}"))
}

/// A named pipe at which an app waits until the test lets it go on: `open('gate', 'rb', 0).read(1)`.
/// Dropped, it lets everybody go.
#[derive(Debug)]
pub(crate) struct Gate(File);

impl Gate {
    /// Makes the pipe, before the app runs.
    #[track_caller]
    pub(crate) fn new(path: &Path) -> Self {
        fs::create_dir_all(path.parent().expect("it has one")).expect("it is ours");
        mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("it is ours");
        // For both ways, so that opening waits for nobody and the end comes when this is dropped.
        Self(
            File::options()
                .read(true)
                .write(true)
                .open(path)
                .expect("it is there"),
        )
    }

    /// Lets this many go on.
    #[track_caller]
    pub(crate) fn let_go(&mut self, count: usize) {
        self.0
            .write_all(&vec![b'.'; count])
            .expect("a pipe takes a few bytes");
    }
}
