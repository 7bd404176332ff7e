//! The first steps of a worker, from the fork to the reactor.

use std::sync::Arc;

use lictor_core::config::VassalConfig;
use lictor_core::ipc::{Channel, WorkerMessage};
use lictor_core::observe::Failure;
use lictor_core::sys::set_title;
use pyo3::prelude::*;

use super::background::run_hooks;
use super::fork::Seed;
use crate::app::{Apps, Interface, arm_harakiri, load, run_exit_handlers};
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
        demand,
        watched,
        apps,
        handlers,
        is_first_life,
    } = seed;
    let title = format!("lictor: {vassal} #{generation} worker {id}");
    set_title(&config.process.names.of_worker(&title));
    handlers.restore(py);
    let channel = Arc::new(channel);
    module::become_worker(id, &channel);
    let apps = match forked(&config).and_then(|()| apps.map_or_else(|| import(py, &config), Ok)) {
        Ok(apps) => apps,
        Err(failure) => return failed(&channel, failure),
    };
    let (interface, mountpoints) = (apps.interface, apps.mountpoints());
    let callables: Vec<_> = apps.apps.into_iter().map(|app| app.callable).collect();
    module::call_post_fork_hook(py);
    let asgi = match interface {
        Interface::Wsgi => Ok(None),
        Interface::Asgi => start_asgi(py, &callables, &config, &listeners).map(Some),
    };
    let ready = about_to_accept(&config, id, is_first_life);
    let asgi = match asgi.and_then(|asgi| ready.map(|()| asgi)) {
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
    leave(py)
}

fn leave(py: Python<'_>) -> i32 {
    module::call_atexit(py);
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

/// With `lazy-apps`.
fn import(py: Python<'_>, config: &VassalConfig) -> Result<Apps, Failure> {
    module::import_beside(py, config)?;
    load(py, config)
}

/// The app could not be started.
fn failed(channel: &Channel, failure: Failure) -> i32 {
    // The master also sees the exit.
    drop(channel.send(&WorkerMessage::Failed(failure), &[]));
    1
}
