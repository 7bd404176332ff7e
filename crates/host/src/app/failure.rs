//! A Python exception as a failure with its traceback.

use lictor_core::observe::{Failure, FailureKind};
use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;

/// The failure that `status` shows for an exception: its last line, and the whole traceback.
pub(crate) fn failure_of(py: Python<'_>, error: &PyErr, doing: &str) -> Failure {
    let detail = traceback(py, error).unwrap_or_else(|_| error.to_string());
    let message = if error.is_instance_of::<PySystemExit>(py) {
        format!("the app left while {doing}: {error}")
    } else {
        // The last line that is not indented: SyntaxError has the place above it.
        let last = detail
            .lines()
            .rev()
            .find(|line| !line.starts_with(' ') && !line.is_empty());
        last.map_or_else(|| error.to_string(), str::to_owned)
    };
    Failure::new(FailureKind::Import, message, detail)
}

fn traceback(py: Python<'_>, error: &PyErr) -> PyResult<String> {
    let module = py.import("traceback")?;
    let parts = (error.get_type(py), error.value(py), error.traceback(py));
    let lines = module.getattr("format_exception")?.call1(parts)?;
    let lines: Vec<String> = lines.extract()?;
    Ok(without_our_frames(&lines.concat()))
}

/// Leaves out the frames of the import machinery and of the line that loaded this library: an app's
/// author did not write them.
fn without_our_frames(text: &str) -> String {
    let mut kept = Vec::new();
    let mut is_ours = false;
    for line in text.lines() {
        let is_frame = line.starts_with("  File \"");
        if is_frame {
            is_ours = line.contains("\"<frozen importlib") || line.contains("\"<string>\", line 1");
        } else if !line.starts_with(' ') {
            is_ours = false;
        }
        let is_import_call = is_frame && line.contains("/importlib/__init__.py\"");
        is_ours |= is_import_call;
        if !is_ours {
            kept.push(line);
        }
    }
    kept.join("\n")
}
