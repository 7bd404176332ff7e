//! Modules that a vassal file names beside the app.

use lictor_core::config::AppTarget;
use lictor_core::observe::Failure;
use pyo3::prelude::*;

use crate::app::{failure_of, import};

/// Imports these in their order. `option` is the one that names them.
pub(super) fn import_all(
    py: Python<'_>,
    targets: &[AppTarget],
    option: &str,
) -> Result<(), Failure> {
    for target in targets {
        if let Err(error) = import(py, target) {
            let name = match target {
                AppTarget::Module(name) => name.clone(),
                AppTarget::File(path) => path.display().to_string(),
            };
            let what = format!("`{name}` of `{option}` was imported");
            return Err(failure_of(py, &error, &what));
        }
    }
    Ok(())
}
