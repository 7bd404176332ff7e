//! The first steps of a worker, from the fork to the reactor.

use lictor_core::ipc::{Channel, WorkerMessage};
use lictor_core::observe::Failure;
use lictor_core::sys::set_title;
use pyo3::prelude::*;

use super::fork::Seed;
use crate::app::{Interface, arm_harakiri, load, run_exit_handlers};
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
        demand,
        watched,
        apps,
        handlers,
    } = seed;
    let title = format!("lictor: {vassal} #{generation} worker {id}");
    set_title(&config.process.names.of_worker(&title));
    handlers.restore(py);
    let apps = match apps.map_or_else(|| load(py, &config), Ok) {
        Ok(apps) => apps,
        Err(failure) => return failed(&channel, failure),
    };
    let (interface, mountpoints) = (apps.interface, apps.mountpoints());
    let callables: Vec<_> = apps.apps.into_iter().map(|app| app.callable).collect();
    let asgi = match interface {
        Interface::Wsgi => Ok(None),
        Interface::Asgi => start_asgi(py, &callables, &config, &listeners).map(Some),
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
            demand,
            board,
            apps: callables,
            mountpoints,
            asgi,
        },
    );
    run_exit_handlers(py);
    0
}

/// The app could not be started.
fn failed(channel: &Channel, failure: Failure) -> i32 {
    // The master also sees the exit.
    drop(channel.send(&WorkerMessage::Failed(failure), &[]));
    1
}
