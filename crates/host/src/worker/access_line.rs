//! One line of the access log. Depends on nothing.
//!
//! `REMOTE - "METHOD URI PROTO" STATUS BYTES MILLISECONDSms`. What the client chose is escaped, so
//! that it can neither forge a line nor reach a terminal.

use std::fmt::Write;
use std::time::Duration;

/// What a line says.
#[derive(Debug)]
pub(crate) struct AccessLine<'a> {
    pub(crate) remote: &'a str,
    pub(crate) method: &'a str,
    pub(crate) uri: &'a str,
    pub(crate) is_http_10: bool,
    pub(crate) status: u16,
    pub(crate) body_bytes: u64,
    pub(crate) took: Duration,
}

impl AccessLine<'_> {
    /// The line, its end included.
    pub(crate) fn render(&self) -> String {
        let mut line = String::with_capacity(96 + self.uri.len());
        line.push_str(if self.remote.is_empty() {
            "unix"
        } else {
            self.remote
        });
        line.push_str(" - \"");
        push_escaped(&mut line, self.method);
        line.push(' ');
        push_escaped(&mut line, self.uri);
        line.push_str(if self.is_http_10 {
            " HTTP/1.0\" "
        } else {
            " HTTP/1.1\" "
        });
        let (status, bytes, took) = (self.status, self.body_bytes, self.took.as_millis());
        // Writing to a string cannot fail.
        let _infallible = writeln!(line, "{status} {bytes} {took}ms");
        line
    }
}

fn push_escaped(line: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            c if c.is_control() => line.extend(c.escape_unicode()),
            c => line.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_forge_a_line() {
        let mut line = AccessLine {
            remote: "127.0.0.1",
            method: "GET",
            uri: "/a?b=1",
            is_http_10: false,
            status: 500,
            body_bytes: 12,
            took: Duration::from_micros(3900),
        };
        assert_eq!(
            line.render(),
            "127.0.0.1 - \"GET /a?b=1 HTTP/1.1\" 500 12 3ms\n"
        );
        (line.remote, line.uri, line.is_http_10) = ("", "/\"\u{1b}[0m\u{9b}\n", true);
        assert_eq!(
            line.render(),
            "unix - \"GET /\\\"\\u{1b}[0m\\u{9b}\\u{a} HTTP/1.0\" 500 12 3ms\n"
        );
    }
}
