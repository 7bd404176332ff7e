//! Where the output of a vassal goes, and what is done to its lines on the way.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::types::Mode;

/// Where lines go beside `logto`, and how they get there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogsConfig {
    /// For what the app prints, and for the log of requests where that has no loggers of its own.
    pub app: LogStream,
    /// For the log of requests.
    pub requests: LogStream,
    /// The files are written by a process of their own, whatever else is asked for.
    pub has_writer: bool,
    /// When a file is put aside.
    pub rotation: LogRotation,
    /// Files begin empty with each generation.
    pub truncate: bool,
    /// Permission bits of the files.
    pub file_mode: Option<Mode>,
    /// Files whose touch has the log files opened anew.
    pub touch_reopen: Vec<PathBuf>,
    /// Files whose touch puts the log files aside.
    pub touch_rotate: Vec<PathBuf>,
    /// Before each line of the app: the time in this form of `strftime(3)`.
    pub date: Option<String>,
    /// Before each line of the app, behind the time.
    pub prefix: Option<String>,
    /// A line that one of these matches goes nowhere.
    pub drain: Vec<String>,
    /// If there are any, a line goes on only if one of these matches.
    pub filter: Vec<String>,
}

/// One kind of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogStream {
    /// Where they go.
    pub loggers: Vec<Logger>,
    /// Which go to loggers that have a name.
    pub routes: Vec<LogRoute>,
    /// What is made of them, one after the other.
    pub encoders: Vec<LogEncoder>,
}

/// A place for lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logger {
    /// Of one that gets only what a route leads to it.
    pub name: Option<String>,
    /// What it is.
    pub target: LogTarget,
}

/// What lines are written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogTarget {
    /// The emperor's log.
    Emperor,
    /// A file, with what rotation says for it alone.
    File {
        /// Which.
        path: PathBuf,
        /// Instead of those for all files.
        rotation: LogRotation,
    },
    /// The machine's own syslog.
    Syslog {
        /// Who says it.
        ident: String,
        /// The number of the facility.
        facility: u8,
    },
    /// A syslog elsewhere, by UDP or at a unix socket.
    RemoteSyslog {
        /// `HOST:PORT` or a path.
        address: String,
        /// Who says it.
        ident: String,
    },
    /// Datagrams, one a line.
    Datagram {
        /// `HOST:PORT` or a path.
        address: String,
        /// Before each line.
        prefix: String,
    },
}

/// When a file is put aside, and what becomes of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRotation {
    /// When it has so many bytes.
    pub max_bytes: Option<u64>,
    /// Its name then; without it the time is put behind its own.
    pub backup_name: Option<PathBuf>,
    /// How many with the time in their name are kept.
    pub backups: Option<u32>,
}

/// Lines that a pattern matches go to a logger by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogRoute {
    /// The logger.
    pub logger: String,
    /// A regular expression.
    pub pattern: String,
}

/// What is made of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogEncoder {
    /// For the logger of this name alone.
    pub logger: Option<String>,
    /// What becomes of it.
    pub kind: LogEncoderKind,
}

/// What becomes of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogEncoderKind {
    /// Text before it.
    Prefix(String),
    /// Text behind it.
    Suffix(String),
    /// Text with variables; with `true` what comes from outside is escaped as in a string of JSON.
    Format(Vec<LogEncoderPiece>, bool),
}

/// A piece of what a line becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogEncoderPiece {
    /// As it stands.
    Text(String),
    /// The line.
    Line,
    /// Seconds since 1970.
    Seconds,
    /// Microseconds since 1970.
    Micros,
    /// The time in this form of `strftime(3)`.
    Time(String),
}

impl LogsConfig {
    /// Whether a process of its own takes the lines in, rather than that each process writes to the
    /// file of `logto`.
    #[must_use]
    pub fn needs_writer(&self) -> bool {
        let is_touched = !(self.touch_reopen.is_empty() && self.touch_rotate.is_empty());
        let is_chosen = !(self.drain.is_empty() && self.filter.is_empty());
        self.has_writer
            || self.app.is_asked_for()
            || self.requests.is_asked_for()
            || self.rotation.is_asked_for()
            || is_touched
            || is_chosen
            || self.is_dated()
    }

    /// Whether lines of the app begin with something that lines about requests do not.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        self.date.is_some() || self.prefix.is_some()
    }

    /// Whether the log of requests takes a way of its own.
    #[must_use]
    pub fn parts_requests(&self) -> bool {
        self.requests.is_asked_for() || self.is_dated()
    }

    /// Every file but that of `logto`.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let loggers = self.app.loggers.iter().chain(&self.requests.loggers);
        loggers.filter_map(|logger| match &logger.target {
            LogTarget::File { path, .. } => Some(path),
            LogTarget::Emperor
            | LogTarget::Syslog { .. }
            | LogTarget::RemoteSyslog { .. }
            | LogTarget::Datagram { .. } => None,
        })
    }
}

impl LogStream {
    fn is_asked_for(&self) -> bool {
        !(self.loggers.is_empty() && self.routes.is_empty() && self.encoders.is_empty())
    }
}

impl LogRotation {
    fn is_asked_for(&self) -> bool {
        *self != Self::default()
    }
}
