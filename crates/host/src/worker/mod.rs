//! One process that answers requests: accept, parse, call Python, answer, on one thread.
//!
//! The way of the data: `accept` → `connection` (one socket, driven by `http`) → `answer` → `wsgi`
//! and back. `reactor` is the loop around it, `drain` its end. `http` never names PyO3 and `wsgi`
//! never names hyper; they meet in the plain types of `exchange`.

mod accept;
mod access_line;
mod answer;
mod asgi;
mod connection;
mod deadlines;
mod door;
mod drain;
mod eldest;
mod exchange;
mod fatal;
mod fields;
mod files;
mod gateway;
mod http;
mod imports;
mod introduce;
mod mounts;
mod notes;
mod ongoing;
mod phase;
mod place;
mod preface;
mod reactor;
mod recycle;
mod request_log;
mod routes;
mod routing;
mod sync;
mod table;
mod talk;
mod talking;
mod threads;
mod tls;
mod trust;
mod waiting;
mod websocket;
mod wsgi;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use lictor_core::config::{Address, Protocol, VassalConfig};
use lictor_core::ipc::Channel;
use lictor_core::sys::{Demand, RequestBoard, Slot};
use pyo3::{Py, PyAny, Python};

pub(crate) use self::access_line::{AccessLine, Came, LineForm, Selection, protocol};
pub(crate) use self::asgi::{Application as AsgiApplication, start as start_asgi};
pub(crate) use self::imports::imported_files;
pub(crate) use self::notes::note;
use self::reactor::Reactor;
pub(crate) use self::request_log::{say_apart, tell_requests_to};
pub(crate) use self::tls::{TlsError, TlsServer};
use self::wsgi::Application;
pub(crate) use self::wsgi::current;

/// A worker whose app is loaded, waiting for the word to serve.
pub(crate) struct Worker {
    pub(crate) config: Arc<VassalConfig>,
    pub(crate) vassal: String,
    pub(crate) id: u32,
    pub(crate) listeners: Vec<Listener>,
    /// To the master.
    pub(crate) channel: Arc<Channel>,
    /// Counters that the master reads.
    pub(crate) slot: Slot,
    /// What the master reads of whether it is free, with `cheaper`.
    pub(crate) demand: Option<Demand>,
    /// What the master reads of the requests in flight, with `harakiri`.
    pub(crate) board: Option<&'static RequestBoard>,
    /// What is called for each request.
    pub(crate) apps: Vec<Py<PyAny>>,
    /// Where each of them is mounted.
    pub(crate) mountpoints: Vec<String>,
    /// Their event loop, if they are ASGI apps.
    pub(crate) asgi: Option<AsgiApplication>,
}

/// The app, by its interface.
enum App {
    Wsgi(Box<Application>),
    Asgi(Arc<AsgiApplication>),
}

impl App {
    /// Whether nothing of it goes on but what the connections show.
    fn is_at_rest(&self) -> bool {
        match self {
            Self::Wsgi(_) => true,
            Self::Asgi(app) => app.is_at_rest(),
        }
    }
}

/// An inherited listening socket, non-blocking, shared with the other workers.
pub(crate) struct Listener {
    pub(crate) fd: OwnedFd,
    /// The real address (port 0 resolved).
    pub(crate) address: Address,
    /// What is spoken there.
    pub(crate) protocol: Protocol,
    /// What to speak TLS with, at an address of `https`.
    pub(crate) tls: Option<Arc<TlsServer>>,
}

/// Waits for the word to serve, serves, and returns once drained.
pub(crate) fn serve(py: Python<'_>, mut worker: Worker) {
    let threads = worker.config.threads;
    let stack = worker.config.process.thread_stack;
    let name = format!("lictor: worker {} of {}", worker.id, worker.vassal);
    let app = match worker.asgi.take() {
        Some(app) => App::Asgi(Arc::new(app)),
        None => match Application::new(py, &worker) {
            Ok(app) => App::Wsgi(Box::new(app)),
            Err(error) => return error.display(py),
        },
    };
    let reactor = match Reactor::new(worker, app) {
        Ok(reactor) => Arc::new(reactor),
        Err(error) => return wsgi::log(py, &format!("{name} cannot start: {error}")),
    };
    let served = match &reactor.app {
        App::Asgi(app) => asgi::run(py, &reactor, app),
        App::Wsgi(_) => {
            threads::start(py, &reactor, threads.saturating_sub(1), stack).map(|others| {
                py.detach(|| reactor.run(0));
                threads::join(py, &others);
            })
        }
    };
    if let Err(error) = served {
        error.display(py);
    }
}
