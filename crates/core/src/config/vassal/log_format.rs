//! How a line of the request log looks.

use serde::{Deserialize, Serialize};

/// The form of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// `REMOTE - "METHOD URI PROTO" STATUS BYTES MILLISECONDSms`.
    #[default]
    Text,
    /// An object.
    Json,
    /// As the file says, one piece after the other.
    Pieces(Vec<LogPiece>),
}

impl LogFormat {
    /// Whether a line tells how long the head of an answer was.
    #[must_use]
    pub fn counts_heads(&self) -> bool {
        let Self::Pieces(pieces) = self else {
            return false;
        };
        pieces.iter().any(|piece| {
            matches!(
                piece,
                LogPiece::Field(LogField::HeadBytes | LogField::AnswerBytes)
            )
        })
    }
}

/// A piece of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogPiece {
    /// As it stands.
    Text(String),
    /// Something about the request.
    Field(LogField),
    /// What the app has set by `uwsgi.set_logvar`, by its name.
    Variable(String),
    /// A header field of the request, by its name in lower case.
    Header(String),
}

/// Something about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogField {
    /// The client's address.
    Remote,
    /// The client's port.
    RemotePort,
    /// What is never known, such as a user: `-`.
    Unknown,
    /// The method.
    Method,
    /// Path and query as they were sent.
    Uri,
    /// The path alone.
    Path,
    /// The query alone.
    Query,
    /// The query with `?` before it, or nothing.
    QueryWithMark,
    /// `HTTP/1.1`.
    Protocol,
    /// Method, target and protocol.
    RequestLine,
    /// The host that was asked for.
    Host,
    /// `http` or `https`.
    Scheme,
    /// Bytes of the head of the answer.
    HeadBytes,
    /// Bytes of its head and body.
    AnswerBytes,
    /// The length that the request declares, or 0.
    RequestLength,
    /// The status of the answer.
    Status,
    /// Bytes of the answer's body.
    BodyBytes,
    /// The same, but `-` for 0.
    BodyBytesOrDash,
    /// Microseconds in the app.
    Micros,
    /// Milliseconds in the app.
    Millis,
    /// Seconds in the app.
    Seconds,
    /// When it began: seconds since 1970.
    StartedSeconds,
    /// Milliseconds since 1970.
    StartedMillis,
    /// Microseconds since 1970.
    StartedMicros,
    /// `20/Nov/2026:12:00:00 +0000`.
    StartedApache,
    /// The same in brackets.
    StartedApacheBrackets,
    /// `Fri Nov 20 12:00:00 2026`.
    StartedCtime,
    /// In the form of `log-date`, in local time.
    StartedOwn,
    /// When the line is written: seconds since 1970.
    NowSeconds,
    /// The worker's process id.
    Pid,
    /// The worker's number.
    Worker,
    /// The number of the thread in the worker.
    Thread,
    /// The name of the request.
    RequestId,
    /// Resident memory of the worker in bytes.
    Resident,
    /// The same in whole megabytes.
    ResidentMegabytes,
    /// Its address space in bytes.
    Addressed,
    /// The same in whole megabytes.
    AddressedMegabytes,
}
