//! The signals that a master takes for itself, and gives back in its workers.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use lictor_core::sys::caught_signals;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use super::orders::{SIGINT, SIGNALS, SIGTERM};

/// Signals that arrive here instead of at the app.
pub(super) struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
}

/// What Python did on each signal before, for the workers to restore.
pub(crate) struct Handlers(Py<PyDict>);

impl Signals {
    /// Takes SIGTERM and SIGINT, and of the others those for which the app has no handler.
    pub(super) fn take(py: Python<'_>) -> io::Result<(Self, Handlers)> {
        let caught = caught_signals()?;
        let is_free = |signal: &i32| *signal == SIGINT || caught & (1 << (signal - 1)) == 0;
        let others = SIGNALS.iter().copied().filter(is_free);
        let signals: Vec<i32> = std::iter::once(SIGTERM).chain(others).collect();
        let handlers =
            handlers_of(py, &signals).map_err(|error| io::Error::other(error.to_string()))?;
        let (read, write) = UnixStream::pair()?;
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, &signals)?;
        Ok((Self { delivery }, handlers))
    }

    /// Those that have come.
    pub(super) fn pending(&mut self) -> Vec<i32> {
        self.delivery.pending().collect()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }
}

fn handlers_of(py: Python<'_>, signals: &[i32]) -> PyResult<Handlers> {
    let module = py.import("_signal")?;
    let handlers = PyDict::new(py);
    for signal in signals {
        handlers.set_item(signal, module.call_method1("getsignal", (signal,))?)?;
    }
    Ok(Handlers(handlers.unbind()))
}

impl Handlers {
    /// The master took these signals for itself; in a worker they are again what the app made of
    /// them, by default mostly the end of the process. Told to leave politely, a worker hears it from
    /// its master.
    pub(super) fn restore(self, py: Python<'_>) {
        let restore = || -> PyResult<()> {
            let module = py.import("_signal")?;
            for (signal, handler) in self.0.bind(py) {
                // None: a handler that was not installed from Python, which here is the master's.
                let handler = if handler.is_none() {
                    module.getattr("SIG_DFL")?
                } else {
                    handler
                };
                module.call_method1("signal", (signal, handler))?;
            }
            Ok(())
        };
        drop(restore());
        self.0.drop_ref(py);
    }

    /// In the master, at its end.
    pub(super) fn forget(self, py: Python<'_>) {
        self.0.drop_ref(py);
    }
}
