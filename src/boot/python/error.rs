//! Why no Python could be run.

use std::io;
use std::path::PathBuf;

/// A version of Python, major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u8, pub(crate) u8);

/// The oldest CPython whose stable ABI the host library needs.
pub(crate) const OLDEST: Version = Version(3, 9);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Why no Python could be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PythonError {
    /// The virtualenv has no `pyvenv.cfg`.
    #[error("`{path}` is not a virtual environment: could not read its `pyvenv.cfg`")]
    NotAVirtualenv {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: lictor_core::sys::FileReadError,
    },
    /// The interpreter that the virtualenv was made with is gone.
    #[error(
        "virtual environment `{path}` was made with Python {made_with} (`{config}`), but its \
         interpreter `{interpreter}` is gone; {found}"
    )]
    InterpreterGone {
        /// The directory.
        path: PathBuf,
        /// Version in `pyvenv.cfg`.
        made_with: String,
        /// The `pyvenv.cfg`.
        config: PathBuf,
        /// What its link leads to.
        interpreter: PathBuf,
        /// What is in its place: `python3 on PATH is 3.12`.
        found: String,
    },
    /// Too old.
    #[error("`{place}` says Python {found}, but Lictor serves Python {OLDEST} and later")]
    TooOld {
        /// The interpreter or `pyvenv.cfg`.
        place: PathBuf,
        /// Its version.
        found: String,
    },
    /// `python` and `virtualenv` disagree.
    #[error("`python` asks for {wanted}, but `{config}` of the virtual environment says {found}")]
    Disagree {
        /// Asked for.
        wanted: Version,
        /// The `pyvenv.cfg`.
        config: PathBuf,
        /// Its version.
        found: Version,
    },
    /// Not on PATH.
    #[error("there is no `{name}` on PATH (`{path}`)")]
    NotOnPath {
        /// What was looked for.
        name: String,
        /// Where.
        path: String,
    },
    /// The interpreter cannot be read.
    #[error("could not read the interpreter `{path}`")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Neither an ELF executable nor a script that says which one it stands for.
    #[error("`{path}` did not say which Python it is: {reason}")]
    Mute {
        /// Which.
        path: PathBuf,
        /// What came instead.
        reason: String,
    },
    /// The exec failed.
    #[error("could not execute `{path}`")]
    Execute {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl PythonError {
    /// What to do next.
    pub(crate) fn hint(&self, user: &str) -> String {
        match self {
            Self::NotAVirtualenv { path, .. } => format!(
                "hint: make one with `python3 -m venv {}`, readable by user `{user}`",
                path.display()
            ),
            Self::InterpreterGone { path, .. } => format!(
                "hint: make it again with a Python that is there: `python3 -m venv --clear {}`, \
                 then install the app's packages",
                path.display()
            ),
            Self::TooOld { .. } => {
                "hint: make the virtual environment with a newer Python".to_owned()
            }
            Self::Disagree { .. } => {
                "hint: remove `python`: the virtual environment brings its own".to_owned()
            }
            Self::NotOnPath { .. } => {
                "hint: install it, or name an interpreter by `python = \"/path/to/python3\"`"
                    .to_owned()
            }
            Self::Read { path, .. } | Self::Mute { path, .. } | Self::Execute { path, .. } => {
                format!("hint: try as user `{user}`: `{} --version`", path.display())
            }
        }
    }
}
