//! `import uwsgi` and `import lictor`: what a vassal's Python can ask of the server that runs it.
//!
//! The modules are Python, whose text is part of this library; `finder` gives them to whoever imports
//! them, and costs nothing until then. What they cannot do in Python, they ask of [`host::Host`].
//! It speaks with the worker about the request that the calling thread is in, and with the master by
//! the channel that the worker has to it. `facts` holds what a process knows of itself.

mod facts;
mod finder;
mod host;
mod imports;

use std::sync::Arc;

use lictor_core::config::VassalConfig;
use lictor_core::ipc::Channel;
use lictor_core::observe::{Failure, FailureKind};
use lictor_core::sys::{Locks, Scoreboard, thread_count};
use pyo3::prelude::*;

pub(crate) use self::facts::Place;
use self::facts::{Facts, Staff};
use crate::app::failure_of;

/// Makes the modules known to Python, and imports what `shared-import` names. In the master, before
/// the app is loaded.
pub(crate) fn install(py: Python<'_>, config: &VassalConfig, place: Place) -> Result<(), Failure> {
    let count = config.module.locks as usize + 1;
    let locks = Locks::new(count).map_err(|error| {
        let message = format!("could not make the {count} locks of `locks`: {error}");
        Failure::new(FailureKind::Crash, message, "")
    })?;
    facts::set(Facts::new(config, place, locks));
    finder::install(py)
        .map_err(|error| failure_of(py, &error, "the module `uwsgi` was made known"))?;
    if config.module.shared_imports.is_empty() {
        return Ok(());
    }
    imports::import_all(py, &config.module.shared_imports, "shared-import")?;
    if thread_count() > 1 {
        let message = "a module of `shared-import` started a thread, which no worker would have";
        let hint = "hint: name it in `import`, with `lazy-apps`";
        return Err(Failure::new(FailureKind::Import, message, hint));
    }
    Ok(())
}

/// Imports what `import` names, where the app is about to be.
pub(crate) fn import_beside(py: Python<'_>, config: &VassalConfig) -> Result<(), Failure> {
    imports::import_all(py, &config.module.imports, "import")
}

/// The counters of all workers, once there are any.
pub(crate) fn know_scoreboard(scoreboard: Scoreboard) {
    if finder::is_imported() {
        scoreboard.want_times();
    }
    facts::set_scoreboard(scoreboard);
}

/// This process is a worker from now on.
pub(crate) fn become_worker(id: u32, channel: &Arc<Channel>) {
    facts::set_staff(Staff {
        id,
        channel: Arc::clone(channel),
    });
}

/// Calls `uwsgi.post_fork_hook`, in a new worker whose app is there.
pub(crate) fn call_post_fork_hook(py: Python<'_>) {
    finder::call_hook(py, "_call_post_fork_hook");
}

/// Calls `uwsgi.atexit`, in a worker that ends politely.
pub(crate) fn call_atexit(py: Python<'_>) {
    finder::call_hook(py, "_call_atexit");
}
