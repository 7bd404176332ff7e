//! What runs beside the workers: daemons, jobs at given times, and hooks.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Everything of a vassal that is a command and no worker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackgroundConfig {
    /// Kept running beside the workers.
    pub daemons: Vec<DaemonConfig>,
    /// Run at given times.
    pub crons: Vec<CronConfig>,
    /// Longest run of a job that says nothing of its own.
    pub cron_harakiri: Option<Duration>,
    /// Run at points of a generation's life.
    pub hooks: HooksConfig,
}

impl BackgroundConfig {
    /// Whether there is work that no worker does.
    pub fn has_work(&self) -> bool {
        !self.daemons.is_empty() || !self.crons.is_empty()
    }

    /// Whether its master has to do with anything but workers while it serves.
    pub fn is_tended(&self) -> bool {
        self.has_work() || !self.hooks.touch.is_empty()
    }
}

/// A process that is kept running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DaemonConfig {
    /// For `/bin/sh -c`.
    pub command: String,
    /// Working directory, if it is another than the app's.
    pub chdir: Option<PathBuf>,
    /// File for its process id.
    pub pidfile: Option<PathBuf>,
    /// A touch of this file starts it anew.
    pub touch: Option<PathBuf>,
    /// Asks it to end.
    pub stop_signal: i32,
    /// Its end starts a new generation.
    pub is_control: bool,
}

/// A job and when it is due, as uWSGI counts: -1 is any, -N every N.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CronConfig {
    /// 0 to 59.
    pub minute: i32,
    /// 0 to 23.
    pub hour: i32,
    /// 1 to 31.
    pub day: i32,
    /// 1 to 12.
    pub month: i32,
    /// 0 and 7 are Sunday.
    pub weekday: i32,
    /// For `/bin/sh -c`.
    pub command: String,
    /// It is not started while it still runs.
    pub is_unique: bool,
    /// Its longest run.
    pub harakiri: Option<Duration>,
}

impl fmt::Display for CronConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            minute,
            hour,
            day,
            month,
            weekday,
            ..
        } = self;
        write!(f, "{minute} {hour} {day} {month} {weekday}")
    }
}

/// What is run at which point.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HooksConfig {
    /// First of all.
    pub as_user: Vec<Hook>,
    /// Before the app is imported.
    pub before_app: Vec<Hook>,
    /// Once every worker has the app.
    pub after_app: Vec<Hook>,
    /// Before the first worker is forked.
    pub master_start: Vec<Hook>,
    /// In each worker, first of all.
    pub post_fork: Vec<Hook>,
    /// In a worker that can serve.
    pub accepting: Vec<AcceptingHook>,
    /// When the generation has left.
    pub at_exit: Vec<Hook>,
    /// When a file is touched.
    pub touch: Vec<(PathBuf, Hook)>,
}

/// A hook of a worker that can serve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptingHook {
    /// In the first worker alone.
    pub in_first_alone: bool,
    /// Not in those that replace others.
    pub is_once: bool,
    /// What is done.
    pub hook: Hook,
}

/// One thing that a hook does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hook {
    /// A command for `/bin/sh -c`.
    Exec {
        /// The command.
        command: String,
        /// Whether its failure matters.
        must_succeed: bool,
    },
    /// A line for the log.
    Print(String),
    /// Text for a file.
    Write {
        /// The file.
        path: PathBuf,
        /// The text.
        text: String,
        /// Behind what it holds, instead of replacing that.
        is_appended: bool,
    },
    /// Text for a fifo, if somebody reads there.
    WriteFifo {
        /// The fifo.
        path: PathBuf,
        /// The text.
        text: String,
    },
    /// A file is removed.
    Unlink(PathBuf),
    /// The working directory changes.
    ChangeDirectory(PathBuf),
    /// A signal is sent.
    Signal {
        /// To whom.
        pid: i32,
        /// Which.
        signal: i32,
    },
}
