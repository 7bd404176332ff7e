//! How a process of a vassal ends.

use pyo3::prelude::*;

/// Runs what the app registered with `atexit`, as an interpreter that ends does. In workers only:
/// the master served nothing, and its copy of the handlers is theirs.
pub(crate) fn run_exit_handlers(py: Python<'_>) {
    if let Ok(atexit) = py.import("atexit") {
        // Handlers print their own exceptions.
        drop(atexit.call_method0("_run_exitfuncs"));
    }
}

/// Ends the process without tearing the interpreter down: threads of the app may still be inside
/// it, and nobody needs its memory in order.
pub(crate) fn leave(py: Python<'_>, status: i32) -> PyResult<()> {
    let sys = py.import("sys")?;
    for stream in ["stdout", "stderr"] {
        drop(sys.getattr(stream)?.call_method0("flush"));
    }
    py.import("os")?.call_method1("_exit", (status,))?;
    Ok(())
}
