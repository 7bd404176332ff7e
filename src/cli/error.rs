//! Why a command did not end well, with the exit code and the next step for each reason.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::path::PathBuf;

use super::exit::Exit;
use super::flags::FlagError;
use crate::control::{ClientError, RunDirError};
use crate::emperor::{EmperorError, HoldError};
use lictor_core::config::Diagnostics;

/// Why a command did not end well.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    RunDir(#[from] RunDirError),
    #[error(transparent)]
    Emperor(#[from] EmperorError),
    #[error(transparent)]
    Flag(#[from] FlagError),
    /// Prints itself: it holds whole annotated places.
    #[error(transparent)]
    Config(#[from] Diagnostics),
    #[error("`lictor emperor` needs to know where the vassal files are")]
    NoSource,
    #[error("`lictor serve` needs to know which app")]
    NoApp,
    #[error("`lictor serve` serves one app, and `{first}` and `{second}` are two")]
    TwoApps { first: String, second: String },
    #[error("could not find out the working directory")]
    WorkingDirectory { source: io::Error },
    #[error("could not start the async runtime")]
    Runtime { source: io::Error },
    #[error("could not write to standard output")]
    Output { source: io::Error },
    #[error("could not write `{}`", path.display())]
    Write { path: PathBuf, source: io::Error },
    /// The same for what was read elsewhere.
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Unexplained(String),
    #[error("{0}")]
    Template(String),
}

impl CliError {
    /// The code to exit with.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Client(ClientError::NoEmperor { .. }) => Exit::NoEmperor,
            Self::Emperor(EmperorError::RunDir(HoldError::Held(_))) => Exit::AlreadyRunning,
            Self::Config(_) | Self::Refused(_) => Exit::BadConfig,
            Self::Flag(_) | Self::NoSource | Self::NoApp | Self::TwoApps { .. } => Exit::Usage,
            // `lictor status | head -1` has what it wanted.
            Self::Output { source } if source.kind() == ErrorKind::BrokenPipe => Exit::Done,
            Self::Client(_)
            | Self::RunDir(_)
            | Self::Emperor(_)
            | Self::WorkingDirectory { .. }
            | Self::Runtime { .. }
            | Self::Output { .. }
            | Self::Write { .. }
            | Self::Unexplained(_)
            | Self::Template(_) => Exit::Failed,
        }
    }

    fn hint(&self) -> Option<&str> {
        match self {
            Self::Client(error) => error.hint(),
            Self::RunDir(error) => Some(error.hint()),
            Self::Flag(error) => Some(error.hint()),
            Self::Emperor(EmperorError::RunDir(HoldError::Held(_))) => {
                Some("look at it with `lictor status`, or choose another one with `--run-dir DIR`")
            }
            Self::Emperor(EmperorError::RunDir(HoldError::Foreign(_))) => {
                Some("choose another one with `--run-dir DIR`")
            }
            Self::Emperor(EmperorError::Source { .. }) => Some(
                "a source is a directory of vassal files that exists, or a quoted pattern such as \
                 'sites/*/vassal.toml'",
            ),
            Self::NoSource => Some(
                "name their directory, as in `lictor emperor /etc/lictor/vassals`, or serve a \
                 single app with `lictor serve MODULE:CALLABLE`",
            ),
            Self::NoApp => Some(
                "name it, as in `lictor serve app:application`, or a file that describes it, as \
                 in `lictor serve blog.toml`",
            ),
            Self::TwoApps { .. } => {
                Some("for several apps, put a file for each in a directory: `lictor emperor DIR`")
            }
            Self::Write { source, .. } if source.kind() == ErrorKind::AlreadyExists => {
                Some("it is there already: name another file, or remove it")
            }
            Self::Template(_) => Some(
                "`--vassals-include` and `--vassals-include-before` name files that can be read",
            ),
            Self::Unexplained(_) => Some("`lictor explain` lists all options"),
            Self::Emperor(_)
            | Self::Config(_)
            | Self::Refused(_)
            | Self::WorkingDirectory { .. }
            | Self::Runtime { .. }
            | Self::Output { .. }
            | Self::Write { .. } => None,
        }
    }

    /// What to say on standard error; nothing where nobody listens any more.
    pub(super) fn report(&self) -> String {
        if let Self::Config(diagnostics) = self {
            return format!("{diagnostics}\n");
        }
        if let Self::Refused(text) = self {
            return format!("{text}\n");
        }
        let left =
            matches!(self, Self::Output { source } if source.kind() == ErrorKind::BrokenPipe);
        if left {
            String::new()
        } else {
            chain(self, self.hint())
        }
    }
}

/// An error with its causes and a hint, a line each.
pub(super) fn chain(error: &dyn Error, hint: Option<&str>) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    std::iter::once(format!("error: {error}\n"))
        .chain(causes.map(|cause| format!("caused by: {cause}\n")))
        .chain(hint.map(|hint| format!("hint: {hint}\n")))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_report_has_causes_and_a_hint() {
        let socket = PathBuf::from("/run/lictor/emperor.sock");
        let source = io::Error::from(ErrorKind::PermissionDenied);
        let error = CliError::from(ClientError::Connect {
            socket: socket.clone(),
            source,
        });
        assert_eq!(
            error.report(),
            "error: could not connect to the emperor at `/run/lictor/emperor.sock`\n\
             caused by: permission denied\n\
             hint: run as root or as the emperor's user\n"
        );
        assert_eq!(error.exit(), Exit::Failed);

        let error = CliError::from(ClientError::NoEmperor { socket });
        assert_eq!(error.exit(), Exit::NoEmperor);
        assert!(
            error
                .report()
                .starts_with("error: no emperor at `/run/lictor/emperor.sock`\n")
        );
    }

    #[test]
    fn a_closed_pipe_is_no_news() {
        let error = CliError::Output {
            source: ErrorKind::BrokenPipe.into(),
        };
        assert_eq!((error.report().as_str(), error.exit()), ("", Exit::Done));
        let error = CliError::Output {
            source: ErrorKind::StorageFull.into(),
        };
        assert_eq!(error.exit(), Exit::Failed);
    }

    #[test]
    fn what_is_missing_is_asked_for() {
        assert_eq!(CliError::NoSource.exit(), Exit::Usage);
        assert!(
            CliError::NoSource
                .report()
                .contains("hint: name their directory")
        );
    }
}
