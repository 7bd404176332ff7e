//! The emperor's stream of events: what tests wait on.

use std::io::{self, BufRead};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use serde_json::Value;

use super::{DEADLINE, connect};

/// Everything that an emperor or its apps have said since it started.
#[derive(Clone, Debug)]
pub(crate) struct Events(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    said: Mutex<Said>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct Said {
    lines: Vec<Value>,
    is_over: bool,
}

impl Events {
    /// Follows `/v1/events` or `/v1/logs` of the emperor behind this socket, from the beginning.
    pub(crate) fn follow(socket: &Path, path: &str) -> io::Result<Self> {
        let mut connection = connect(&socket.display().to_string())?;
        connection.send(format!("GET {path} HTTP/1.1\r\nHost: lictor\r\n\r\n").as_bytes())?;
        let (status, _) = connection.head()?;
        assert_eq!(status, 200, "the stream of {path}");
        let events = Self::empty();
        let shared = Arc::clone(&events.0);
        std::thread::spawn(move || {
            let mut pending = Vec::new();
            // An error or an empty chunk is the end of the emperor; reading may also time out when
            // nothing happens for long, which no test does.
            while let Ok(chunk) = connection.chunk() {
                if chunk.is_empty() {
                    break;
                }
                pending.extend(chunk);
                shared.take_lines(&mut pending);
            }
            shared.change(|said| said.is_over = true);
        });
        Ok(events)
    }

    /// The first line, past or to come, of which `pick` makes something. The lines are held meanwhile:
    /// `pick` must not ask for them.
    #[track_caller]
    pub(crate) fn wait<T>(&self, what: &str, pick: impl Fn(&Value) -> Option<T>) -> T {
        let until = Instant::now() + DEADLINE;
        let mut said = self.0.said.lock().unwrap_or_else(PoisonError::into_inner);
        let mut looked_at = 0;
        loop {
            if let Some(found) = said.lines.iter().skip(looked_at).find_map(&pick) {
                return found;
            }
            looked_at = said.lines.len();
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero() && !said.is_over,
                "{what}: did not happen\n{}",
                shown(&said.lines)
            );
            said = self
                .0
                .more
                .wait_timeout(said, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// All lines so far.
    pub(crate) fn so_far(&self) -> Vec<Value> {
        self.0
            .said
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .lines
            .clone()
    }
}

impl Events {
    /// A stream that somebody else fills.
    pub(crate) fn empty() -> Self {
        Self(Arc::new(Shared::default()))
    }

    /// The lines of a pipe, a string each.
    pub(super) fn of_lines(stream: impl BufRead + Send + 'static) -> Self {
        let events = Self::empty();
        let told = events.clone();
        std::thread::spawn(move || {
            for line in stream.split(b'\n').map_while(Result::ok) {
                told.tell(Value::from(String::from_utf8_lossy(&line).into_owned()));
            }
            told.end();
        });
        events
    }

    /// Something was said.
    pub(crate) fn tell(&self, line: Value) {
        self.0.change(|said| said.lines.push(line));
    }

    /// Nothing will be said any more.
    pub(crate) fn end(&self) {
        self.0.change(|said| said.is_over = true);
    }
}

impl Shared {
    fn take_lines(&self, pending: &mut Vec<u8>) {
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            let value = serde_json::from_slice(&line).expect("each line is a JSON object");
            self.change(|said| said.lines.push(value));
        }
    }

    fn change(&self, change: impl FnOnce(&mut Said)) {
        change(&mut self.said.lock().unwrap_or_else(PoisonError::into_inner));
        self.more.notify_all();
    }
}

fn shown(lines: &[Value]) -> String {
    let last = lines.iter().skip(lines.len().saturating_sub(40));
    last.fold(String::new(), |text, line| text + &format!("  {line}\n"))
}
