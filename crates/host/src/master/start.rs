//! The first steps of a worker, from the fork to the reactor.

use std::sync::Arc;

use lictor_core::config::VassalConfig;
use lictor_core::ipc::{Channel, WorkerMessage};
use lictor_core::observe::Failure;
use lictor_core::sys::set_title;
use pyo3::prelude::*;

use super::fork::Seed;
use crate::app::{App, Interface, arm_harakiri, load, run_exit_handlers};
use crate::module;
use crate::worker::{self, Worker, start_asgi};

/// Runs a worker to its end. Gives the exit status.
pub(crate) fn become_worker(py: Python<'_>, seed: Seed) -> i32 {
    let Seed {
        vassal,
        generation,
        id,
        config,
        listeners,
        channel,
        slot,
        watched,
        app,
        sigterm,
    } = seed;
    let title = format!("lictor: {vassal} #{generation} worker {id}");
    set_title(&config.process.names.of_worker(&title));
    restore_sigterm(py, sigterm.bind(py));
    sigterm.drop_ref(py);
    let channel = Arc::new(channel);
    module::become_worker(id, &channel);
    let app = match app.map_or_else(|| import(py, &config), Ok) {
        Ok(app) => app,
        Err(failure) => return failed(&channel, failure),
    };
    let App {
        callable,
        interface,
    } = app;
    module::call_post_fork_hook(py);
    let asgi = match interface {
        Interface::Wsgi => Ok(None),
        Interface::Asgi => start_asgi(py, &callable, &config, &listeners).map(Some),
    };
    let asgi = match asgi {
        Ok(asgi) => asgi,
        Err(failure) => return failed(&channel, failure),
    };
    let board = watched.map(|watched| arm_harakiri(py, watched.board, watched.dump));
    let ready = WorkerMessage::Ready {
        interface: interface.name().to_owned(),
    };
    if channel.send(&ready, &[]).is_err() {
        callable.drop_ref(py);
        return 1;
    }
    worker::serve(
        py,
        Worker {
            config,
            vassal,
            id,
            listeners,
            channel,
            slot,
            board,
            app: callable,
            asgi,
        },
    );
    module::call_atexit(py);
    run_exit_handlers(py);
    0
}

/// With `lazy-apps`.
fn import(py: Python<'_>, config: &VassalConfig) -> Result<App, Failure> {
    module::import_beside(py, config)?;
    load(py, config)
}

/// The app could not be started.
fn failed(channel: &Channel, failure: Failure) -> i32 {
    // The master also sees the exit.
    drop(channel.send(&WorkerMessage::Failed(failure), &[]));
    1
}

/// The master took SIGTERM for itself; in a worker it is again what the app made of it, by default
/// the end of the process. Told to leave politely, a worker hears it from its master.
fn restore_sigterm(py: Python<'_>, handler: &Bound<'_, PyAny>) {
    let restore = || -> PyResult<()> {
        let signal = py.import("_signal")?;
        let number = signal.getattr("SIGTERM")?;
        // None: a handler that was not installed from Python, which here is the master's.
        let handler = if handler.is_none() {
            signal.getattr("SIG_DFL")?
        } else {
            handler.clone()
        };
        signal.call_method1("signal", (number, handler))?;
        Ok(())
    };
    drop(restore());
}
