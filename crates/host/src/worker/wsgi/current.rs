//! The request that the calling thread is in, for `import uwsgi`.

use std::cell::RefCell;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::start_response::StartResponse;

thread_local! {
    static CURRENT: RefCell<Option<Current>> = const { RefCell::new(None) };
}

/// What a thread of the server is in.
pub(crate) struct Current {
    start: Py<StartResponse>,
    environ: Py<PyDict>,
}

/// As long as this lives, the thread is in the request. To be dropped with the interpreter.
pub(super) struct Stay;

/// The calling thread is in this request from now on.
pub(super) fn enter(start: &Bound<'_, StartResponse>, environ: &Bound<'_, PyDict>) -> Stay {
    CURRENT.set(Some(Current {
        start: start.clone().unbind(),
        environ: environ.clone().unbind(),
    }));
    Stay
}

impl Drop for Stay {
    fn drop(&mut self) {
        // Taken before it is dropped: that may call Python, which may ask for it.
        let current = CURRENT.take();
        drop(current);
    }
}

/// The request that the calling thread is in, if it is in any.
pub(crate) fn current(py: Python<'_>) -> Option<Current> {
    CURRENT.with_borrow(|current| {
        current.as_ref().map(|current| Current {
            start: current.start.clone_ref(py),
            environ: current.environ.clone_ref(py),
        })
    })
}

impl Current {
    /// The app's first argument.
    pub(crate) fn environ(&self, py: Python<'_>) -> Py<PyAny> {
        self.environ.clone_ref(py).into_any()
    }

    /// Its second.
    pub(crate) fn start_response(&self, py: Python<'_>) -> Py<PyAny> {
        self.start.clone_ref(py).into_any()
    }

    /// Whether the app has called it.
    pub(crate) fn has_head(&self) -> bool {
        let start = self.start.get();
        start.with_reply(|reply| reply.has_started())
    }

    /// The number of the client's socket; none once the app has let the client go.
    pub(crate) fn descriptor(&self) -> Option<i32> {
        self.start.get().descriptor()
    }

    /// Ends the answer where it stands and lets the client go, while the app goes on.
    pub(crate) fn disconnect(&self, py: Python<'_>) {
        self.start.get().disconnect(py);
    }
}
