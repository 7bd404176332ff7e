//! Forking a worker, and what it takes along.

use std::sync::Arc;

use lictor_core::config::VassalConfig;
use lictor_core::ipc::Channel;
use lictor_core::sys::{Demand, Slot};
use pyo3::prelude::*;

use super::overdue::WatchedWorker;
use super::signals::Handlers;
use crate::app::Apps;
use crate::worker::Listener;

/// What a new worker starts from.
pub(crate) struct Seed {
    pub(super) vassal: String,
    pub(super) generation: u64,
    pub(super) id: u32,
    pub(super) config: Arc<VassalConfig>,
    pub(super) listeners: Vec<Listener>,
    /// To the master.
    pub(super) channel: Channel,
    pub(super) slot: &'static Slot,
    /// With `cheaper`.
    pub(super) demand: Option<Demand>,
    /// With `harakiri`.
    pub(super) watched: Option<WatchedWorker>,
    /// None if the worker imports them itself.
    pub(super) apps: Option<Apps>,
    /// The app's own handlers, as Python knew them before the master took the signals.
    pub(super) handlers: Handlers,
}

/// Forks through Python, so that the interpreter's own hooks run. Gives the child's pid, or 0 in
/// the child. Text that `sys.stdout` still holds would come out twice, so it is flushed first.
pub(super) fn fork(py: Python<'_>) -> PyResult<u32> {
    let sys = py.import("sys")?;
    for stream in ["stdout", "stderr"] {
        drop(sys.getattr(stream)?.call_method0("flush"));
    }
    py.import("os")?.call_method0("fork")?.extract()
}
