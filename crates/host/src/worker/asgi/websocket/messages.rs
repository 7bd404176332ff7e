//! Messages of a websocket as the dicts that an app sends and receives.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::worker::exchange::SocketMessage;

/// What a message has under a key, unless it is `None`.
pub(super) fn given<'py>(
    message: &Bound<'py, PyDict>,
    key: &Bound<'py, PyString>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(message.get_item(key)?.filter(|value| !value.is_none()))
}

/// A message of this kind, which says nothing else yet.
pub(super) fn message<'py>(
    py: Python<'py>,
    kind: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyDict>> {
    let message = PyDict::new(py);
    message.set_item(intern!(py, "type"), kind)?;
    Ok(message)
}

/// What the client has sent, as the app gets it.
pub(super) fn received(py: Python<'_>, received: SocketMessage) -> PyResult<Bound<'_, PyDict>> {
    let (code, reason) = match received {
        SocketMessage::Text(text) => {
            let message = message(py, intern!(py, "websocket.receive"))?;
            message.set_item(intern!(py, "text"), text)?;
            return Ok(message);
        }
        SocketMessage::Binary(bytes) => {
            let message = message(py, intern!(py, "websocket.receive"))?;
            message.set_item(intern!(py, "bytes"), PyBytes::new(py, &bytes))?;
            return Ok(message);
        }
        SocketMessage::End { code, reason } => (code, reason),
    };
    let message = message(py, intern!(py, "websocket.disconnect"))?;
    message.set_item(intern!(py, "code"), code)?;
    message.set_item(intern!(py, "reason"), reason)?;
    Ok(message)
}
