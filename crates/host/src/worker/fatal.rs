//! `reload-on-exception`: exceptions of the app after which its worker asks to be replaced.
//!
//! They come to light in several places, WSGI and ASGI, and concern the process as a whole.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use lictor_core::config::{FatalException, RaisedException};
use pyo3::prelude::*;

static WATCHED: OnceLock<Vec<FatalException>> = OnceLock::new();
static HAS_COME: AtomicBool = AtomicBool::new(false);

/// From now on these are looked for; whether there are any.
pub(super) fn watch_for(exceptions: &[FatalException]) -> bool {
    if exceptions.is_empty() {
        return false;
    }
    WATCHED.set(exceptions.to_vec()).is_ok()
}

/// Whether one of them has been raised.
pub(super) fn has_come() -> bool {
    HAS_COME.load(Ordering::Relaxed)
}

/// The app has raised this: says so in its log, and notes whether it is one of them.
pub(super) fn display(py: Python<'_>, error: &PyErr) {
    if let Some(watched) = WATCHED.get() {
        let raised = raised(py, error);
        if watched.iter().any(|exception| exception.covers(&raised)) {
            HAS_COME.store(true, Ordering::Relaxed);
        }
    }
    error.display(py);
}

/// What cannot be asked of it is empty.
fn raised(py: Python<'_>, error: &PyErr) -> RaisedException {
    let (class, value) = (error.get_type(py), error.value(py));
    let text = |text: PyResult<Bound<'_, PyAny>>| {
        let text = text.and_then(|text| text.extract::<String>());
        text.unwrap_or_default()
    };
    RaisedException {
        module: text(class.getattr("__module__")),
        class: text(class.getattr("__name__")),
        text: text(value.str().map(Bound::into_any)),
        repr: text(value.repr().map(Bound::into_any)),
    }
}
