//! One process that answers requests: accept, parse, call Python, answer, on one thread.
//!
//! The way of the data: `accept` → `connection` (one socket, driven by `http`) → `answer` → `wsgi`
//! and back. `reactor` is the loop around it, `drain` its end. `http` never names PyO3 and `wsgi`
//! never names hyper; they meet in the plain types of `exchange`.

mod accept;
mod access_line;
mod answer;
mod connection;
mod deadlines;
mod drain;
mod exchange;
mod files;
mod http;
mod introduce;
mod preface;
mod reactor;
mod recycle;
mod sync;
mod threads;
mod tls;
mod trust;
mod waiting;
mod wsgi;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use lictor_core::config::{Address, VassalConfig};
use lictor_core::ipc::Channel;
use lictor_core::sys::{RequestBoard, Slot};
use pyo3::{Py, PyAny, Python};

pub(crate) use self::access_line::{AccessLine, Selection};
use self::reactor::Reactor;
pub(crate) use self::tls::{TlsError, TlsServer};
use self::wsgi::Application;

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
    /// What the master reads of the requests in flight, with `harakiri`.
    pub(crate) board: Option<&'static RequestBoard>,
    /// The WSGI callable.
    pub(crate) app: Py<PyAny>,
}

/// An inherited listening socket, non-blocking, shared with the other workers.
pub(crate) struct Listener {
    pub(crate) fd: OwnedFd,
    /// The real address (port 0 resolved).
    pub(crate) address: Address,
    /// What to speak TLS with, at an address of `https`.
    pub(crate) tls: Option<Arc<TlsServer>>,
}

impl Listener {
    /// As `status` calls it.
    pub(crate) fn protocol(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// Waits for the word to serve, serves, and returns once drained.
pub(crate) fn serve(py: Python<'_>, worker: Worker) {
    let threads = worker.config.threads;
    let name = format!("lictor: worker {} of {}", worker.id, worker.vassal);
    let app = match Application::new(py, &worker) {
        Ok(app) => app,
        Err(error) => return error.display(py),
    };
    let reactor = match Reactor::new(worker, app) {
        Ok(reactor) => Arc::new(reactor),
        Err(error) => return wsgi::log(py, &format!("{name} cannot start: {error}")),
    };
    match threads::start(py, &reactor, threads.saturating_sub(1)) {
        Ok(others) => {
            py.detach(|| reactor.run(0));
            threads::join(py, &others);
        }
        Err(error) => error.display(py),
    }
}
