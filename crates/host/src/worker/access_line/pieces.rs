//! A line in a form of the user's own.

use std::fmt::Write;
use std::time::SystemTime;

use lictor_core::config::{LogField, LogPiece};
use lictor_core::sys::memory_of;

use super::local_time;
use super::moment::Moment;
use super::{AccessLine, NOTHING, push_escaped, push_some};

impl AccessLine<'_> {
    /// `at`: now, and the form of `%(ftime)`.
    pub(super) fn push_pieces(
        &self,
        line: &mut String,
        pieces: &[LogPiece],
        at: (SystemTime, Option<&str>),
    ) {
        for piece in pieces {
            match piece {
                LogPiece::Text(text) => line.push_str(text),
                LogPiece::Field(LogField::StartedOwn) => self.push_time(line, at),
                LogPiece::Field(field) => self.push_field(line, *field, at.0),
                LogPiece::Variable(name) => push_bytes(line, self.variable(name)),
                LogPiece::Header(name) => push_bytes(line, (self.field)(name)),
            }
        }
    }

    /// When it began, in the user's own form.
    fn push_time(&self, line: &mut String, (now, form): (SystemTime, Option<&str>)) {
        let started = self.started(now);
        match form {
            Some(form) => push_escaped(line, &local_time(form, started.as_secs())),
            None => Moment::at(started).push_ctime(line),
        }
    }

    fn push_field(&self, line: &mut String, field: LogField, now: SystemTime) {
        let started = || self.started(now);
        let memory = || memory_of(self.pid);
        let thread = self.thread.and_then(|thread| u128::try_from(thread).ok());
        match field {
            LogField::Remote => line.push_str(self.remote()),
            LogField::RemotePort => push_some(line, Some(self.remote_port)),
            LogField::Unknown => line.push_str(NOTHING),
            LogField::Method => push_some(line, Some(self.method)),
            LogField::Uri => push_some(line, Some(self.uri)),
            LogField::Path => push_some(line, Some(self.path())),
            LogField::Query => push_some(line, self.query()),
            LogField::QueryWithMark => {
                if let Some(query) = self.query() {
                    line.push('?');
                    push_escaped(line, query);
                }
            }
            LogField::Protocol => push_some(line, Some(self.protocol)),
            LogField::RequestLine => self.push_request(line),
            LogField::Host => push_bytes(line, self.host()),
            LogField::Scheme => line.push_str(self.scheme()),
            LogField::RequestLength => match (self.field)("content-length") {
                Some(length) => push_bytes(line, Some(length)),
                None => line.push('0'),
            },
            LogField::Status => push_number(line, self.status.into()),
            LogField::BodyBytesOrDash if self.body_bytes == 0 => line.push_str(NOTHING),
            LogField::BodyBytes | LogField::BodyBytesOrDash => {
                push_number(line, self.body_bytes.into());
            }
            LogField::HeadBytes => push_known(line, self.head_bytes),
            LogField::AnswerBytes => {
                push_known(line, self.head_bytes.map(|head| head + self.body_bytes));
            }
            LogField::Micros => push_number(line, self.took.as_micros()),
            LogField::Millis => push_number(line, self.took.as_millis()),
            LogField::Seconds => push_number(line, self.took.as_secs().into()),
            LogField::StartedSeconds => push_number(line, started().as_secs().into()),
            LogField::StartedMillis => push_number(line, started().as_millis()),
            LogField::StartedMicros => push_number(line, started().as_micros()),
            LogField::StartedApache => Moment::at(started()).push_apache(line),
            LogField::StartedApacheBrackets => push_bracketed(line, &Moment::at(started())),
            LogField::StartedCtime | LogField::StartedOwn => Moment::at(started()).push_ctime(line),
            LogField::NowSeconds => {
                push_number(line, (started() + self.took).as_secs().into());
            }
            LogField::Pid => push_number(line, self.pid.into()),
            LogField::Worker => push_number(line, self.worker.into()),
            LogField::Thread => match thread {
                Some(thread) => push_number(line, thread),
                None => line.push_str(NOTHING),
            },
            LogField::Resident => push_number(line, memory().resident.into()),
            LogField::ResidentMegabytes => push_number(line, (memory().resident >> 20).into()),
            LogField::Addressed => push_number(line, memory().addressed.into()),
            LogField::AddressedMegabytes => push_number(line, (memory().addressed >> 20).into()),
            LogField::RequestId => push_some(line, self.request_id),
        }
    }
}

fn push_bracketed(line: &mut String, moment: &Moment) {
    line.push('[');
    moment.push_apache(line);
    line.push(']');
}

fn push_bytes(line: &mut String, bytes: Option<&[u8]>) {
    let text = bytes.map(String::from_utf8_lossy);
    push_some(line, text.as_deref());
}

fn push_known(line: &mut String, number: Option<u64>) {
    match number {
        Some(number) => push_number(line, number.into()),
        None => line.push_str(NOTHING),
    }
}

fn push_number(line: &mut String, number: u128) {
    // Writing to a string cannot fail.
    let _infallible = write!(line, "{number}");
}
