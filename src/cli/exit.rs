//! The exit codes, which scripts and service managers rely on.
//!
//! The numbers above 2 are those of `sysexits.h` where it has one that fits.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Failed.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// A vassal file is wrong.
    BadConfig = 65,
    /// No emperor there.
    NoEmperor = 69,
    /// Another emperor holds this run directory.
    AlreadyRunning = 75,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
