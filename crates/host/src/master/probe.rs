//! Asking a worker for `ready-path`, over a connection that nobody else knows, without waiting.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use lictor_core::ipc::{Channel, WorkerOrder};
use lictor_core::observe::{Failure, FailureKind};

use super::probe_answer::{StatusLine, body_excerpt, status_line};

/// A status from here on means that the app is not ready.
const FIRST_BAD_STATUS: u16 = 500;
/// How much of a bad answer is read before it is judged.
const ANSWER_LIMIT_BYTES: usize = 16 * 1024;
/// How much of a good answer is read to its end, so that the app can write it whole.
const REST_LIMIT_BYTES: usize = 1024 * 1024;
/// How much is read before others get their turn.
const TURN_BYTES: usize = 64 * 1024;

/// One question.
#[derive(Debug)]
pub(super) struct Probe {
    stream: UnixStream,
    path: String,
    answer: Vec<u8>,
    read_bytes: usize,
    has_passed: bool,
}

/// What has come of it.
#[derive(Debug)]
pub(super) enum Progress {
    /// Nothing new.
    Waiting,
    /// The answer was good; its rest is still to come.
    Passed,
    /// It was not, or there was none.
    Failed(Failure),
    /// Nothing more is to come.
    Over,
}

impl Probe {
    /// Sends a worker one end of a new connection and the question on it.
    pub(super) fn ask(channel: &Channel, path: &str) -> io::Result<Self> {
        let (mut stream, theirs) = UnixStream::pair()?;
        stream.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        // A path is short enough for the buffer of a new socket.
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: lictor\r\nConnection: close\r\n\r\n"
        )?;
        channel
            .send(&WorkerOrder::Probe, &[theirs.as_fd()])
            .map_err(io::Error::other)?;
        Ok(Self {
            stream,
            path: path.to_owned(),
            answer: Vec::new(),
            read_bytes: 0,
            has_passed: false,
        })
    }

    /// Reads what has come.
    pub(super) fn go_on(&mut self) -> Progress {
        let is_closed = self.read();
        if self.has_passed {
            let is_over = is_closed || self.read_bytes > REST_LIMIT_BYTES;
            return if is_over {
                Progress::Over
            } else {
                Progress::Waiting
            };
        }
        match status_line(&self.answer) {
            StatusLine::Status(status) if status < FIRST_BAD_STATUS => {
                self.has_passed = true;
                Progress::Passed
            }
            // The body says why.
            StatusLine::Status(status) if is_closed || self.read_bytes > ANSWER_LIMIT_BYTES => {
                self.failed(&format!("answered {status}"), &body_excerpt(&self.answer))
            }
            StatusLine::Nonsense => self.failed("was not answered in HTTP/1.1", ""),
            StatusLine::Coming if is_closed => {
                self.failed("was not answered, the connection was closed", "")
            }
            StatusLine::Status(_) | StatusLine::Coming => Progress::Waiting,
        }
    }

    /// Whether the connection is over.
    fn read(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let until = self.read_bytes + TURN_BYTES;
        while self.read_bytes < until {
            match self.stream.read(&mut bytes) {
                Ok(0) => return true,
                Ok(count) => {
                    self.read_bytes += count;
                    if self.answer.len() < ANSWER_LIMIT_BYTES {
                        self.answer.extend(bytes.iter().take(count));
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
            }
        }
        false
    }

    fn failed(&self, what: &str, body: &str) -> Progress {
        let message = format!("`{}` {what} (`ready-path`)", self.path);
        let said = if body.is_empty() {
            String::new()
        } else {
            format!("it said:\n  {}\n", body.replace('\n', "\n  "))
        };
        let hint = "hint: a new generation takes over when each of its workers answers with a status \
                    below 500; see `lictor logs`";
        Progress::Failed(Failure::new(
            FailureKind::ReadyPath,
            message,
            format!("{said}{hint}"),
        ))
    }
}

impl AsFd for Probe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
