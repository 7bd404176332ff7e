//! A line as a JSON object, always with the same members in the same order.

use std::fmt::Write;
use std::time::SystemTime;

use super::AccessLine;
use super::moment::Moment;

impl AccessLine<'_> {
    pub(super) fn push_json(&self, line: &mut String, now: SystemTime) {
        line.push_str("{\"time\":\"");
        Moment::at(self.started(now)).push_rfc3339(line);
        line.push_str("\",\"remote\":");
        push_string(line, self.remote().as_bytes());
        line.push_str(",\"method\":");
        push_string(line, self.method.as_bytes());
        line.push_str(",\"uri\":");
        push_string(line, self.uri.as_bytes());
        line.push_str(",\"protocol\":");
        push_string(line, self.protocol.as_bytes());
        let scheme = self.scheme();
        let (status, bytes, micros) = (self.status, self.body_bytes, self.took.as_micros());
        let (worker, pid) = (self.worker, self.pid);
        // Writing to a string cannot fail.
        let _infallible = write!(
            line,
            ",\"scheme\":\"{scheme}\",\"status\":{status},\
             \"bytes\":{bytes},\"micros\":{micros},\"worker\":{worker},\"pid\":{pid}"
        );
        let id = self.request_id.map(str::as_bytes);
        for (name, value) in [
            ("host", self.host()),
            ("referer", (self.field)("referer")),
            ("user_agent", (self.field)("user-agent")),
            ("request_id", id),
        ] {
            let _infallible = write!(line, ",\"{name}\":");
            match value {
                Some(value) => push_string(line, value),
                None => line.push_str("null"),
            }
        }
        line.push('}');
    }
}

/// A string of JSON (RFC 8259 §7). What is no UTF-8 becomes U+FFFD.
fn push_string(line: &mut String, text: &[u8]) {
    line.push('"');
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            // DEL and those from U+0080 on need no escape in JSON, but reach terminals.
            c if c.is_control() => {
                let _infallible = write!(line, "\\u{:04x}", u32::from(c));
            }
            c => line.push(c),
        }
    }
    line.push('"');
}
