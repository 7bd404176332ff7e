//! What is told about a request that took too long. Depends on nothing but the record of it.

use std::fmt::Write;

use lictor_core::sys::{Described, Ended};

/// Longest traceback that is told; Python itself stops after a hundred frames.
const TRACEBACK_LIMIT_BYTES: usize = 16 * 1024;

/// A request that took too long, and what came of ending it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) worker: u32,
    pub(crate) pid: u32,
    pub(crate) request: Described,
    pub(crate) age_ms: u64,
    /// It was one of many requests of an event loop.
    pub(crate) is_loop: bool,
    /// None if its thread did not take the signal.
    pub(crate) ended: Option<Ended>,
    /// As it was written; see [`cleaned`].
    pub(crate) traceback: String,
}

impl Report {
    /// The text for the app's own log.
    pub(crate) fn text(&self) -> String {
        let (worker, pid) = (self.worker, self.pid);
        let mut text = String::from("lictor: harakiri: `");
        for part in [&self.request.method, " ", &self.request.uri] {
            text.extend(part.chars().map(visible));
        }
        let (seconds, rest) = (self.age_ms / 1000, self.age_ms % 1000);
        let outcome = self.outcome();
        let state = if self.is_loop {
            "whose event loop is blocked, "
        } else {
            ""
        };
        // Writing to a string cannot fail.
        let _infallible = writeln!(
            text,
            "` took {seconds}.{rest:03} s; {outcome}; worker {worker}, pid {pid}, {state}is replaced"
        );
        text.push_str(&self.traceback);
        if !self.traceback.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    fn outcome(&self) -> String {
        match self.ended {
            Some(Ended {
                is_answered: true, ..
            }) => "the client got status 504".to_owned(),
            Some(Ended {
                begun: Some(status),
                ..
            }) => format!("its answer, which had begun with status {status}, was cut off"),
            Some(_) => {
                "its connection, which is encrypted or had not taken the answer before, was cut off"
                    .to_owned()
            }
            None => "its thread takes no signals, so the client got no answer".to_owned(),
        }
    }
}

/// What `faulthandler` wrote, without control characters, and without the frames below the app: its
/// author did not write them.
pub(crate) fn cleaned(dump: &[u8]) -> String {
    let text = String::from_utf8_lossy(dump);
    let mut lines: Vec<&str> = text.lines().collect();
    while lines.last().is_some_and(|line| is_ours(line)) {
        lines.pop();
    }
    if lines.len() < 2 {
        return "no traceback: the thread runs no Python, or could not write it\n".to_owned();
    }
    let mut clean = String::new();
    for line in lines {
        if clean.len() + line.len() >= TRACEBACK_LIMIT_BYTES {
            clean.push_str("  ...\n");
            break;
        }
        clean.extend(line.chars().map(visible));
        clean.push('\n');
    }
    clean
}

/// The line that loaded the host, what the threads of a worker begin with, and an event loop.
fn is_ours(line: &str) -> bool {
    const BELOW: [&str; 3] = [
        "/threading.py\", line ",
        "/asyncio/base_events.py\", line ",
        "/asyncio/events.py\", line ",
    ];
    line.starts_with("  File \"<string>\", line 1 in <module>")
        || line.starts_with("  File \"") && BELOW.iter().any(|below| line.contains(below))
}

fn visible(c: char) -> char {
    if c.is_control() { '\u{fffd}' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "Stack (most recent call first):\n  File \"/srv/app.py\", line 3 in wait\n  \
        File \"/usr/lib/python3.12/threading.py\", line 1 in app\n  File \"/srv/app.py\", line 9 in \
        application\n  File \"/usr/lib/python3.12/threading.py\", line 1010 in run\n  \
        File \"/usr/lib/python3.12/threading.py\", line 1073 in _bootstrap_inner\n";

    fn report(ended: Option<Ended>, is_loop: bool) -> String {
        let request = Described {
            remote: "127.0.0.1".to_owned(),
            method: "GET".to_owned(),
            uri: "/a\u{1b}[0m\n".to_owned(),
            is_http_10: false,
            is_http_2: false,
        };
        let report = Report {
            worker: 2,
            pid: 77,
            request,
            age_ms: 2007,
            is_loop,
            ended,
            traceback: "Stack\n".to_owned(),
        };
        report.text()
    }

    #[test]
    fn the_text_says_what_became_of_the_request() {
        let ended = Ended {
            begun: None,
            is_answered: true,
            body_bytes: 0,
        };
        assert_eq!(
            report(Some(ended), false),
            "lictor: harakiri: `GET /a\u{fffd}[0m\u{fffd}` took 2.007 s; the client got status 504; \
             worker 2, pid 77, is replaced\nStack\n"
        );
        let cut = Ended {
            begun: Some(200),
            is_answered: false,
            ..ended
        };
        assert!(report(Some(cut), false).contains("begun with status 200, was cut off"));
        let blocked = Ended { begun: None, ..cut };
        assert!(report(Some(blocked), false).contains("not taken the answer before"));
        assert!(
            report(Some(cut), true).contains("pid 77, whose event loop is blocked, is replaced")
        );
        assert!(report(None, false).contains("takes no signals"));
    }

    #[test]
    fn a_traceback_shows_the_app_alone() {
        assert_eq!(
            cleaned(DUMP.as_bytes()),
            "Stack (most recent call first):\n  File \"/srv/app.py\", line 3 in wait\n  File \
             \"/usr/lib/python3.12/threading.py\", line 1 in app\n  File \"/srv/app.py\", line 9 in \
             application\n"
        );
        let main = "Stack (most recent call first):\n  File \"/\x1b[1m.py\", line 9 in f\n  \
                    File \"<string>\", line 1 in <module>\n";
        assert!(cleaned(main.as_bytes()).ends_with("/\u{fffd}[1m.py\", line 9 in f\n"));
        let in_loop = "Stack (most recent call first):\n  File \"/srv/app.py\", line 3 in view\n  \
                       File \"/usr/lib/python3.11/asyncio/events.py\", line 80 in _run\n  \
                       File \"/usr/lib/python3.11/asyncio/base_events.py\", line 607 in run_forever\n  \
                       File \"<string>\", line 1 in <module>\n";
        assert!(cleaned(in_loop.as_bytes()).ends_with("/app.py\", line 3 in view\n"));
        assert!(cleaned(b"").starts_with("no traceback"));
        let long = format!(
            "Stack\n{}",
            "  File \"/srv/app.py\", line 3 in f\n".repeat(9999)
        );
        let long = cleaned(long.as_bytes());
        assert!(long.len() < TRACEBACK_LIMIT_BYTES + 10 && long.ends_with("  ...\n"));
    }
}
