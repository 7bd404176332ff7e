//! What `receive()` and `send()` give: awaitables that ask first and wait only if they must.
//!
//! Native ones cost no Python frame. They are coroutines by `collections.abc`, so that they can be
//! made tasks. Whoever waits yields a future of the loop, marked as `Future.__await__` marks it,
//! which the progress of the connection completes; then it asks again. So a wait that is cancelled
//! loses nothing.

use std::sync::Arc;
use std::task::Poll;

use pyo3::exceptions::PyStopIteration;
use pyo3::intern;
use pyo3::prelude::*;

use super::call::Call;

/// What somebody waits for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wanted {
    /// The next message.
    Message,
    /// That the client takes what was sent.
    Room,
    /// The same over a websocket.
    SocketRoom,
    /// That the client takes a file.
    File,
}

/// Asks a call for something each time it is stepped, or is done from the beginning.
#[pyclass(frozen, module = "lictor")]
pub(super) struct Waiting(Option<(Arc<Call>, Wanted)>);

impl Waiting {
    pub(super) fn new(call: &Arc<Call>, wanted: Wanted) -> Self {
        Self(Some((Arc::clone(call), wanted)))
    }

    /// Nothing to wait for, and nothing to give. One for all.
    pub(super) fn done() -> Self {
        Self(None)
    }

    /// A future to wait for; none at the end, if it gives nothing, else the end as `StopIteration`.
    fn step(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let Some((call, wanted)) = &self.0 else {
            return Ok(None);
        };
        match call.attempt(py, *wanted)? {
            Poll::Ready(value) => Err(PyStopIteration::new_err((value.unbind(),))),
            Poll::Pending => {
                let future = call.new_waiter(py)?;
                future.setattr(intern!(py, "_asyncio_future_blocking"), true)?;
                Ok(Some(future.unbind()))
            }
        }
    }
}

#[pymethods]
impl Waiting {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        self.step(py)
    }

    fn send(&self, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let future = self.step(value.py())?;
        future.ok_or_else(|| PyStopIteration::new_err(()))
    }

    #[pyo3(signature = (kind, value=None, traceback=None))]
    #[expect(clippy::unused_self, reason = "Python calls it")]
    fn throw(
        &self,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        Err(thrown(kind, value, traceback))
    }

    #[expect(clippy::unused_self, reason = "Python calls it")]
    fn close(&self) {}
}

/// The exception that was thrown in, in the old way of three arguments or the new one of one.
fn thrown(
    kind: &Bound<'_, PyAny>,
    value: Option<&Bound<'_, PyAny>>,
    traceback: Option<&Bound<'_, PyAny>>,
) -> PyErr {
    let py = kind.py();
    let error = match value.filter(|value| !value.is_none()) {
        Some(value) if value.is_instance_of::<pyo3::exceptions::PyBaseException>() => {
            PyErr::from_value(value.clone())
        }
        Some(value) => match kind.call1((value,)) {
            Ok(made) => PyErr::from_value(made),
            Err(error) => error,
        },
        None => PyErr::from_value(kind.clone()),
    };
    let traceback =
        traceback.and_then(|traceback| traceback.cast::<pyo3::types::PyTraceback>().ok());
    if let Some(traceback) = traceback {
        error.set_traceback(py, Some(traceback.clone()));
    }
    error
}
