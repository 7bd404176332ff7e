//! Modules that a vassal file names beside the app.

use lictor_core::config::AppTarget;
use lictor_core::observe::Failure;
use pyo3::prelude::*;

use crate::app::import_target;

/// Imports these in their order. `option` is the one that names them.
pub(super) fn import_all(
    py: Python<'_>,
    targets: &[AppTarget],
    option: &str,
) -> Result<(), Failure> {
    for target in targets {
        import_target(py, target).map_err(|failure| Failure {
            message: format!("of `{option}`: {}", failure.message),
            ..failure
        })?;
    }
    Ok(())
}
