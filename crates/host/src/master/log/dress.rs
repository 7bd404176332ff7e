//! What is made of a line before it is written. Pure, but for the form of local time, which it is given.

use std::time::Duration;

use lictor_core::config::{LogEncoder, LogEncoderKind, LogEncoderPiece};

/// How local time is written.
pub(crate) type LocalTime = fn(&str, u64) -> String;

/// What one logger makes of a line.
#[derive(Debug, Default)]
pub(crate) struct Dress {
    date: Option<String>,
    prefix: Option<String>,
    encoders: Vec<LogEncoderKind>,
}

impl Dress {
    /// For the logger of this name.
    pub(crate) fn new(
        date: Option<&String>,
        prefix: Option<&String>,
        encoders: &[LogEncoder],
        name: Option<&String>,
    ) -> Self {
        let encoders = encoders.iter();
        let concerned = encoders.filter(|it| it.logger.is_none() || it.logger.as_ref() == name);
        Self {
            date: date.cloned(),
            prefix: prefix.cloned(),
            encoders: concerned.map(|it| it.kind.clone()).collect(),
        }
    }

    /// Adds what becomes of a line, without its end. `now` is since 1970.
    pub(crate) fn push(&self, out: &mut Vec<u8>, line: &[u8], now: Duration, local: LocalTime) {
        let begin = out.len();
        if let Some(form) = &self.date {
            out.extend_from_slice(local(form, now.as_secs()).as_bytes());
            out.extend_from_slice(b" - ");
        }
        if let Some(prefix) = &self.prefix {
            out.extend_from_slice(prefix.as_bytes());
            out.extend_from_slice(b" - ");
        }
        out.extend_from_slice(line);
        for encoder in &self.encoders {
            let before = out.split_off(begin);
            encode(encoder, out, &before, now, local);
        }
    }
}

fn encode(kind: &LogEncoderKind, out: &mut Vec<u8>, line: &[u8], now: Duration, local: LocalTime) {
    match kind {
        LogEncoderKind::Prefix(text) => {
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(line);
        }
        LogEncoderKind::Suffix(text) => {
            out.extend_from_slice(line);
            out.extend_from_slice(text.as_bytes());
        }
        LogEncoderKind::Format(pieces, is_json) => {
            for piece in pieces {
                match piece {
                    LogEncoderPiece::Text(text) => out.extend_from_slice(text.as_bytes()),
                    LogEncoderPiece::Line if *is_json => push_json(out, line),
                    LogEncoderPiece::Line => out.extend_from_slice(line),
                    LogEncoderPiece::Seconds => {
                        out.extend_from_slice(now.as_secs().to_string().as_bytes());
                    }
                    LogEncoderPiece::Micros => {
                        out.extend_from_slice(now.as_micros().to_string().as_bytes());
                    }
                    LogEncoderPiece::Time(form) => {
                        out.extend_from_slice(local(form, now.as_secs()).as_bytes());
                    }
                }
            }
        }
    }
}

/// As within a string of JSON (RFC 8259 §7). What is no UTF-8 becomes U+FFFD.
fn push_json(out: &mut Vec<u8>, line: &[u8]) {
    for c in String::from_utf8_lossy(line).chars() {
        match c {
            '"' | '\\' => out.extend([b'\\', u8::try_from(c).unwrap_or(b'?')]),
            c if c.is_control() => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(form: &str, seconds: u64) -> String {
        format!("{form}@{seconds}")
    }

    fn encoder(logger: Option<&str>, kind: LogEncoderKind) -> LogEncoder {
        LogEncoder {
            logger: logger.map(str::to_owned),
            kind,
        }
    }

    #[test]
    fn a_line_is_dressed_in_order() {
        let json = LogEncoderKind::Format(
            vec![
                LogEncoderPiece::Text("{\"t\":".to_owned()),
                LogEncoderPiece::Seconds,
                LogEncoderPiece::Text(",\"m\":\"".to_owned()),
                LogEncoderPiece::Line,
                LogEncoderPiece::Text("\"}".to_owned()),
            ],
            true,
        );
        let encoders = [
            encoder(None, LogEncoderKind::Prefix("[".to_owned())),
            encoder(Some("other"), LogEncoderKind::Prefix("never".to_owned())),
            encoder(Some("this"), json),
            encoder(None, LogEncoderKind::Suffix("!".to_owned())),
        ];
        let (date, prefix) = ("D".to_owned(), "P".to_owned());
        let name = "this".to_owned();
        let dress = Dress::new(Some(&date), Some(&prefix), &encoders, Some(&name));
        let mut out = b"before\n".to_vec();
        let now = Duration::from_micros(7_000_123);
        dress.push(&mut out, b"a \"b\"\x1b\xff", now, local);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "before\n{\"t\":7,\"m\":\"[D@7 - P - a \\\"b\\\"\\u001b\u{fffd}\"}!"
        );
    }

    #[test]
    fn a_line_without_a_dress_stays_as_it_is() {
        let mut out = Vec::new();
        Dress::default().push(&mut out, b"\xff\x00", Duration::ZERO, local);
        assert_eq!(out, b"\xff\x00");
    }
}
