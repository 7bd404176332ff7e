//! `py-autoreload`: which files the app has imported, for the master to watch.
//!
//! Frameworks import views when they are first asked for, so a worker looks again after each request;
//! that costs the length of a dict as long as nothing was imported.

use std::collections::HashSet;
use std::ffi::CStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use lictor_core::config::VassalConfig;
use lictor_core::ipc::WorkerMessage;
use pyo3::prelude::*;
use pyo3::types::PyModule;

use super::reactor::Reactor;
use super::sync::lock;

/// So many paths fit into one message.
const PATHS_AT_ONCE: usize = 25;

/// Python's own library is left out: nobody edits it. A module may be gone, or be no module at all.
const CODE: &CStr = cr#"
import os
import sys
import sysconfig

own = tuple({os.path.join(path, "") for name in ("stdlib", "platstdlib") if (path := sysconfig.get_path(name))})


def files(ignored):
    found = set()
    for name, module in list(sys.modules.items()):
        path = getattr(module, "__file__", None)
        if not isinstance(path, str) or name in ignored or not path.endswith((".py", ".wsgi")):
            continue
        path = os.path.abspath(path)
        if not path.startswith(own) or "site-packages" in path or "dist-packages" in path:
            found.add(path)
    return len(sys.modules), sorted(found)
"#;

/// The files that the app has imported by now, and the number of all modules.
pub(crate) fn imported_files(py: Python<'_>, ignored: &[String]) -> PyResult<(usize, Vec<String>)> {
    let module = PyModule::from_code(py, CODE, c"lictor/imports.py", c"_lictor_imports")?;
    module.call_method1("files", (ignored,))?.extract()
}

/// What a worker has told its master.
#[derive(Debug)]
pub(super) struct Imports {
    /// Modules that are left out.
    ignored: Vec<String>,
    modules: AtomicUsize,
    told: Mutex<HashSet<String>>,
}

impl Imports {
    pub(super) fn new(config: &VassalConfig) -> Option<Self> {
        config.apps.autoreload.then(|| Self {
            ignored: config.apps.autoreload_ignored.clone(),
            modules: AtomicUsize::new(0),
            told: Mutex::default(),
        })
    }
}

impl Reactor {
    /// Tells the master of what was imported since the last time, if anything was.
    pub(super) fn tell_imports(&self, imports: &Imports) {
        let told = Python::attach(|py| -> PyResult<()> {
            let modules = py.import("sys")?.getattr("modules")?.len()?;
            if modules == imports.modules.load(Ordering::Relaxed) {
                return Ok(());
            }
            let (modules, files) = imported_files(py, &imports.ignored)?;
            imports.modules.store(modules, Ordering::Relaxed);
            let mut known = lock(&imports.told);
            let fresh: Vec<_> = files
                .into_iter()
                .filter(|file| known.insert(file.clone()))
                .collect();
            for files in fresh.chunks(PATHS_AT_ONCE) {
                let files = files.to_vec();
                // A master that does not read now learns of them from another worker, or not.
                drop(self.channel.send(&WorkerMessage::Imported { files }, &[]));
            }
            Ok(())
        });
        if let Err(error) = told {
            Python::attach(|py| error.display(py));
        }
    }
}
