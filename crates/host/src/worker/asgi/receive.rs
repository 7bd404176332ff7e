//! `receive`: the body of the request as messages, then the client's end.

use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::awaitable::{Waiting, Wanted};
use super::call::{Body, Call};
use crate::worker::exchange::ExchangeError;
use crate::worker::sync::lock;

/// The callable that an app gets.
#[pyclass(frozen, module = "lictor")]
pub(super) struct Receive(pub(super) Arc<Call>);

#[pymethods]
impl Receive {
    fn __call__(&self) -> Waiting {
        Waiting::new(&self.0, Wanted::Message)
    }
}

impl Call {
    /// The next message, if there is one.
    pub(super) fn poll_message<'py>(&self, py: Python<'py>) -> PyResult<Poll<Bound<'py, PyAny>>> {
        let body = std::mem::replace(&mut lock(&self.state).body, Body::Read);
        let message = match body {
            Body::Whole(bytes) => request(py, &bytes, false),
            Body::Streamed => match self.exchange.poll_read() {
                Poll::Ready(Ok(piece)) => {
                    let is_more = piece.is_some();
                    if is_more {
                        lock(&self.state).body = Body::Streamed;
                    }
                    request(py, &piece.unwrap_or_default(), is_more)
                }
                Poll::Ready(Err(error)) => {
                    self.body_failed(py, error);
                    disconnect(py)
                }
                Poll::Pending => {
                    lock(&self.state).body = Body::Streamed;
                    return Ok(Poll::Pending);
                }
            },
            Body::Read => {
                let is_over = lock(&self.state).reply.is_over();
                if !is_over && !self.exchange.has_client_left() {
                    return Ok(Poll::Pending);
                }
                if !is_over {
                    lock(&self.state).is_client_to_blame = true;
                }
                disconnect(py)
            }
        };
        message.map(|message| Poll::Ready(message.into_any()))
    }

    /// The client did not send the body as it should. A limit is told at once: an app would take
    /// this for a client that has left, and answer something else.
    fn body_failed(&self, py: Python<'_>, error: ExchangeError) {
        lock(&self.state).is_client_to_blame = true;
        let status = match error {
            ExchangeError::TooLarge => 413,
            ExchangeError::Stalled => 408,
            ExchangeError::Gone | ExchangeError::Interrupted => return,
        };
        if !lock(&self.state).reply.is_begun() {
            self.log(py, &error.to_string());
            self.give_up(status, false);
        }
    }
}

fn request<'py>(py: Python<'py>, body: &Bytes, is_more: bool) -> PyResult<Bound<'py, PyDict>> {
    let message = PyDict::new(py);
    message.set_item(intern!(py, "type"), intern!(py, "http.request"))?;
    message.set_item(intern!(py, "body"), PyBytes::new(py, body))?;
    message.set_item(intern!(py, "more_body"), is_more)?;
    Ok(message)
}

fn disconnect(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let message = PyDict::new(py);
    message.set_item(intern!(py, "type"), intern!(py, "http.disconnect"))?;
    Ok(message)
}
