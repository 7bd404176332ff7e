//! What a worker needs so that its master can end a request: the handler of the signal, and before
//! it Python's own, which writes where a thread stands without asking for the interpreter.

use std::os::fd::{IntoRawFd, OwnedFd};

use lictor_core::sys::{RequestBoard, end_requests_of, end_signal};
use pyo3::prelude::*;
use pyo3::types::IntoPyDict;

/// Prepares this process, which writes on `board`, for the signal. Tracebacks go to `dump`.
pub(crate) fn arm_harakiri(
    py: Python<'_>,
    board: RequestBoard,
    dump: OwnedFd,
) -> &'static RequestBoard {
    // Handlers may need both at any time, to the end of the process.
    let board: &'static RequestBoard = Box::leak(Box::new(board));
    if let Err(error) = register_faulthandler(py, dump.into_raw_fd()) {
        error.display(py);
    }
    if let Err(error) = end_requests_of(board) {
        let error = PyErr::from(error);
        error.display(py);
    }
    board
}

fn register_faulthandler(py: Python<'_>, dump: i32) -> PyResult<()> {
    let options = [("all_threads", false), ("chain", false)].into_py_dict(py)?;
    options.set_item("file", dump)?;
    let faulthandler = py.import("faulthandler")?;
    faulthandler.call_method("register", (end_signal(),), Some(&options))?;
    Ok(())
}
