//! What the provider adds to every vassal file: its own files, which the emperor reads itself, and keys.

use std::path::{Path, PathBuf};

use lictor_core::config::Policy;
use lictor_core::observe::{Failure, FailureKind};
use lictor_core::sys::read_bounded;

/// Largest file of the provider's.
const FILE_LIMIT_BYTES: u64 = 1024 * 1024;

/// What the command line of `lictor emperor` says about all vassals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PolicyFiles {
    /// `--vassals-include-before`.
    pub(crate) before: Vec<PathBuf>,
    /// `--vassal-set`.
    pub(crate) set: Vec<String>,
    /// `--vassals-include`.
    pub(crate) after: Vec<PathBuf>,
}

impl PolicyFiles {
    /// Reads the files as they are now.
    pub(crate) fn read(&self) -> Result<Policy, Failure> {
        let read = |paths: &[PathBuf]| -> Result<Vec<_>, Failure> {
            paths.iter().map(|path| read_file(path)).collect()
        };
        Ok(Policy {
            before: read(&self.before)?,
            set: self.set.clone(),
            after: read(&self.after)?,
            ..Policy::default()
        })
    }
}

fn read_file(path: &Path) -> Result<(String, String), Failure> {
    let failure = |reason: String| {
        let message = format!(
            "could not read the emperor's template `{}`: {reason}",
            path.display()
        );
        let hint = "hint: `--vassals-include` and `--vassals-include-before` name files that the \
                    emperor's user must be able to read";
        Failure::new(FailureKind::Config, message, hint)
    };
    let path = std::path::absolute(path).map_err(|error| failure(error.to_string()))?;
    let bytes =
        read_bounded(&path, FILE_LIMIT_BYTES).map_err(|error| failure(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| failure(error.to_string()))?;
    Ok((path.to_string_lossy().into_owned(), text))
}
