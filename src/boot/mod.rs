//! Placeholder: the boot of a master, written elsewhere.

use std::process::ExitCode;

/// Everything a master does until it ends.
pub(crate) fn main() -> ExitCode {
    ExitCode::FAILURE
}
