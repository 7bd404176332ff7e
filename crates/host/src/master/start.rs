//! The first steps of a worker, from the fork to the reactor.

use lictor_core::config::VassalConfig;
use lictor_core::ipc::{Channel, WorkerMessage};
use lictor_core::observe::Failure;
use lictor_core::sys::set_title;
use pyo3::prelude::*;

use super::background::run_hooks;
use super::fork::Seed;
use crate::app::{App, Interface, arm_harakiri, load, run_exit_handlers};
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
        is_first_life,
    } = seed;
    let title = format!("lictor: {vassal} #{generation} worker {id}");
    set_title(&config.process.names.of_worker(&title));
    restore_sigterm(py, sigterm.bind(py));
    sigterm.drop_ref(py);
    let app = match forked(&config).and_then(|()| app.map_or_else(|| load(py, &config), Ok)) {
        Ok(app) => app,
        Err(failure) => return failed(&channel, failure),
    };
    let App {
        callable,
        interface,
    } = app;
    let asgi = match interface {
        Interface::Wsgi => Ok(None),
        Interface::Asgi => start_asgi(py, &callable, &config, &listeners).map(Some),
    };
    let asgi = match asgi {
        Ok(asgi) => asgi,
        Err(failure) => return failed(&channel, failure),
    };
    if let Err(failure) = about_to_accept(&config, id, is_first_life) {
        return failed(&channel, failure);
    }
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
    run_exit_handlers(py);
    0
}

/// What is asked for in each worker, first of all.
fn forked(config: &VassalConfig) -> Result<(), Failure> {
    let hooks = &config.background.hooks.post_fork;
    run_hooks("behind the fork", hooks, config.start_timeout)
}

/// What is asked for in a worker that has the app.
fn about_to_accept(config: &VassalConfig, id: u32, is_first_life: bool) -> Result<(), Failure> {
    let hooks = config.background.hooks.accepting.iter().filter(|one| {
        let is_wanted = !one.in_first_alone || id == 1;
        is_wanted && (is_first_life || !one.is_once)
    });
    let hooks = hooks.map(|one| &one.hook);
    run_hooks("before the first connection", hooks, config.start_timeout)
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
