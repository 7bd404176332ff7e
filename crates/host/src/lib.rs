//! The part of Lictor that lives inside a vassal's Python: the master's loop and the workers.
//!
//! One build on the stable ABI serves every CPython from 3.9 on. It is loaded as the extension
//! module `_lictor`, by an interpreter that was executed as well as by one that was embedded, and
//! `_lictor.serve` is its only entry. The way of the data: `master` forks workers; a worker's reactor
//! accepts, `worker::http` parses, `worker::wsgi` calls Python, and back.

mod app;
mod chance;
mod master;
mod module;
mod worker;

use pyo3::prelude::*;

/// The extension module.
#[pymodule]
mod _lictor {
    use pyo3::prelude::*;

    /// Runs the generation that the handover document describes, and ends the process.
    #[pyfunction]
    fn serve(py: Python<'_>, document: i32) -> PyResult<()> {
        let status = super::run(py, document);
        super::app::leave(py, status)
    }
}

/// Gives the exit status. In the master returns when the generation is over; in a worker when that worker is.
fn run(py: Python<'_>, document: i32) -> i32 {
    let Ok(boot) = master::Boot::read(document) else {
        return 1;
    };
    match master::boot(py, boot) {
        master::End::Left => 0,
        master::End::Failed => 1,
        master::End::Forked(seed) => master::become_worker(py, *seed),
    }
}
