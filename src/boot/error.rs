//! Why a master did not get as far as its interpreter, and the failure that `status` shows for it.

use std::io;
use std::path::PathBuf;

use lictor_core::ipc::ChannelError;
use lictor_core::observe::{Failure, FailureKind};

use super::python::PythonError;
use crate::jail::JailError;

/// Why a master did not get as far as its interpreter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootError {
    /// The emperor did not say what to do.
    #[error("the emperor's orders did not arrive")]
    NoOrders,
    /// The channel does not work.
    #[error("could not receive the emperor's orders")]
    Channel(#[from] ChannelError),
    /// The document is not what the emperor of this version writes.
    #[error("could not read the emperor's orders")]
    Document(#[from] serde_json::Error),
    /// A step of the kernel's failed.
    #[error("could not {action}")]
    Step {
        /// What was attempted.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// Confinement failed.
    #[error(transparent)]
    Jail(#[from] JailError),
    /// No Python to run.
    #[error(transparent)]
    Python(#[from] PythonError),
    /// The working directory cannot be entered.
    #[error("could not enter the directory `{path}` of `chdir`")]
    Chdir {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The app's log file cannot be opened.
    #[error("could not open `{path}` of `{option}`")]
    Logto {
        /// Which.
        path: PathBuf,
        /// Which option names it.
        option: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file for the master's id cannot be written.
    #[error("could not write `{path}` of `pidfile`")]
    Pidfile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// An environment file cannot be used.
    #[error("could not read `{path}` of `env-file`")]
    EnvFile {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: lictor_core::sys::FileReadError,
    },
    /// A line of an environment file is not `KEY=VALUE`.
    #[error("`{path}:{line}` of `env-file` is not `KEY=VALUE`")]
    EnvFileLine {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
}

impl BootError {
    /// The same as `status` shows it.
    pub(crate) fn failure(&self, user: &str) -> Failure {
        let mut message = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Failure::new(self.kind(), message, self.next_step(user))
    }

    fn kind(&self) -> FailureKind {
        match self {
            Self::Python(_) => FailureKind::Python,
            Self::Jail(_) => FailureKind::Permission,
            Self::Chdir { source, .. }
            | Self::Logto { source, .. }
            | Self::Pidfile { source, .. }
            | Self::EnvFile {
                source: lictor_core::sys::FileReadError::Io(source),
                ..
            } => kind_of(source),
            Self::EnvFile { .. } | Self::EnvFileLine { .. } => FailureKind::Config,
            Self::NoOrders | Self::Channel(_) | Self::Document(_) | Self::Step { .. } => {
                FailureKind::Crash
            }
        }
    }

    fn next_step(&self, user: &str) -> String {
        match self {
            Self::Chdir { path, .. } => {
                format!(
                    "hint: `{}` must exist and user `{user}` must be able to enter it",
                    path.display()
                )
            }
            Self::Logto { path, .. } => format!(
                "hint: user `{user}` must be able to create and append to `{}`; \
                 without `logto` the output goes to the emperor's log",
                path.display()
            ),
            Self::Pidfile { path, .. } => format!(
                "hint: user `{user}` must be able to write `{}`; without `pidfile`, \
                 `lictor status` shows the id",
                path.display()
            ),
            Self::EnvFile { path, .. } => {
                format!(
                    "hint: `{}` must exist and user `{user}` must be able to read it",
                    path.display()
                )
            }
            Self::EnvFileLine { .. } => {
                "hint: write one `KEY=VALUE` a line; lines starting with `#` are comments"
                    .to_owned()
            }
            Self::Python(error) => error.hint(user),
            Self::Jail(error) => error.hint(),
            Self::NoOrders | Self::Channel(_) | Self::Document(_) | Self::Step { .. } => {
                String::new()
            }
        }
    }
}

fn kind_of(error: &io::Error) -> FailureKind {
    if error.kind() == io::ErrorKind::PermissionDenied {
        FailureKind::Permission
    } else {
        FailureKind::Config
    }
}
