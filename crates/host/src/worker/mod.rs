//! One process that answers requests: accept, parse, call Python, answer, on one thread.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use lictor_core::config::{Address, VassalConfig};
use lictor_core::ipc::Channel;
use lictor_core::sys::Slot;
use pyo3::{Py, PyAny, Python};

/// A worker whose app is loaded, waiting for the word to serve.
pub(crate) struct Worker {
    pub(crate) config: Arc<VassalConfig>,
    pub(crate) vassal: String,
    pub(crate) id: u32,
    pub(crate) listeners: Vec<Listener>,
    /// To the master.
    pub(crate) channel: Channel,
    /// Counters that the master reads.
    pub(crate) slot: &'static Slot,
    /// The WSGI callable.
    pub(crate) app: Py<PyAny>,
}

/// An inherited listening socket, non-blocking, shared with the other workers.
pub(crate) struct Listener {
    pub(crate) fd: OwnedFd,
    /// The real address (port 0 resolved).
    pub(crate) address: Address,
}

/// Waits for the word to serve, serves, and returns once drained.
pub(crate) fn serve(py: Python<'_>, worker: Worker) {
    let _ = (py, worker);
}
