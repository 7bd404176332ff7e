//! Resource limits (`setrlimit(2)`).

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::JailError;

/// Gives the app the soft limit of open files that the emperor was started with. The emperor raises
/// its own for many vassals, but programs that use `select(2)` break above 1024.
pub(super) fn restore_open_files(soft: Option<u64>) -> Result<(), JailError> {
    let Some(soft) = soft else { return Ok(()) };
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(soft),
            maximum,
        },
    )
    .map_err(|error| JailError::Step {
        action: "restore the limit of open files",
        source: error.into(),
    })
}
