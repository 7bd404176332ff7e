//! One line of the log of requests: whether there is one, and how it looks. Pure, but for the
//! memory of the worker, which is looked up for each line that shows it.
//!
//! What the client chose is escaped in every form, so that it can neither forge a line nor reach a
//! terminal. Header fields are looked up while a line is written, and only those that it shows.

pub(crate) mod allowance;
mod json;
mod moment;
mod pieces;
pub(crate) mod refused;
mod selection;
#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::time::{Duration, SystemTime};

use lictor_core::config::{LogFormat, VassalConfig};
use lictor_core::sys::local_time;

pub(crate) use self::selection::{Came, Selection};

/// What stands for what is not there.
const NOTHING: &str = "-";

/// How lines look.
#[derive(Clone, Debug, Default)]
pub(crate) struct LineForm {
    format: LogFormat,
    /// The form `text` tells microseconds.
    in_micros: bool,
    /// The form of `%(ftime)`.
    time: Option<String>,
}

/// As the vassal file says.
impl From<&VassalConfig> for LineForm {
    fn from(config: &VassalConfig) -> Self {
        let log = &config.request_log;
        Self {
            format: log.format.clone(),
            in_micros: log.in_micros,
            time: config.logs.date.clone().filter(|_| log.has_own_time),
        }
    }
}

/// What a line says.
pub(crate) struct AccessLine<'a> {
    /// The client's address; empty for a unix socket.
    pub(crate) remote: &'a str,
    pub(crate) remote_port: &'a str,
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    /// `HTTP/1.1`. Like the two before it, this may be empty, or anything, where a head was refused.
    pub(crate) protocol: &'a str,
    pub(crate) is_secure: bool,
    /// The host, where not the header field says it.
    pub(crate) host: Option<&'a str>,
    pub(crate) status: u16,
    pub(crate) body_bytes: u64,
    /// Known where the format shows it.
    pub(crate) head_bytes: Option<u64>,
    pub(crate) took: Duration,
    pub(crate) worker: u32,
    pub(crate) pid: u32,
    pub(crate) thread: Option<usize>,
    pub(crate) request_id: Option<&'a str>,
    /// What the app has set for the line, by its name.
    pub(crate) variables: &'a [(String, Vec<u8>)],
    /// The first value of a header field of the request.
    pub(crate) field: &'a dyn Fn(&str) -> Option<&'a [u8]>,
}

impl<'a> AccessLine<'a> {
    /// The line, its end included.
    pub(crate) fn render(&self, form: &LineForm, now: SystemTime) -> String {
        let mut line = String::with_capacity(128 + self.uri.len());
        match &form.format {
            LogFormat::Text => self.push_text(&mut line, form.in_micros),
            LogFormat::Json => self.push_json(&mut line, now),
            LogFormat::Pieces(pieces) => {
                self.push_pieces(&mut line, pieces, (now, form.time.as_deref()));
            }
        }
        line.push('\n');
        line
    }

    fn push_text(&self, line: &mut String, in_micros: bool) {
        line.push_str(self.remote());
        line.push_str(" - \"");
        self.push_request(line);
        let (took, unit) = if in_micros {
            (self.took.as_micros(), "us")
        } else {
            (self.took.as_millis(), "ms")
        };
        let (status, bytes) = (self.status, self.body_bytes);
        // Writing to a string cannot fail.
        let _infallible = write!(line, "\" {status} {bytes} {took}{unit}");
        if let Some(id) = self.request_id {
            line.push(' ');
            push_escaped(line, id);
        }
    }

    fn push_request(&self, line: &mut String) {
        push_some(line, Some(self.method));
        line.push(' ');
        push_some(line, Some(self.uri));
        line.push(' ');
        push_some(line, Some(self.protocol));
    }

    fn remote(&self) -> &'a str {
        match self.remote {
            "" => "unix",
            remote => remote,
        }
    }

    fn scheme(&self) -> &'static str {
        if self.is_secure { "https" } else { "http" }
    }

    fn path(&self) -> &'a str {
        self.uri.split('?').next().unwrap_or(self.uri)
    }

    fn query(&self) -> Option<&'a str> {
        self.uri.split_once('?').map(|(_, query)| query)
    }

    fn host(&self) -> Option<&'a [u8]> {
        self.host
            .map(str::as_bytes)
            .or_else(|| (self.field)("host"))
    }

    fn variable(&self, name: &str) -> Option<&'a [u8]> {
        let set = self.variables.iter().find(|(known, _)| known == name);
        set.map(|(_, value)| value.as_slice())
    }

    fn started(&self, now: SystemTime) -> Duration {
        let now = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        now.saturating_sub(self.took)
    }
}

/// How a version is written, of those that are spoken here.
pub(crate) fn protocol(is_http_10: bool, is_http_2: bool) -> &'static str {
    if is_http_10 {
        "HTTP/1.0"
    } else if is_http_2 {
        "HTTP/2.0"
    } else {
        "HTTP/1.1"
    }
}

/// Adds text, or what stands for none.
fn push_some(line: &mut String, text: Option<&str>) {
    match text {
        None | Some("") => line.push_str(NOTHING),
        Some(text) => push_escaped(line, text),
    }
}

/// Adds text so that it stays on its line and within its quotes.
fn push_escaped(line: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            c if c.is_control() => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
}
