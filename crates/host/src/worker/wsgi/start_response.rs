//! `start_response` and the `write` that it returns.
//!
//! Everything that PEP 3333 lets a server refuse is refused here, with the exception raised in the
//! app's own stack, where the mistake is.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use pyo3::exceptions::{
    PyAssertionError, PyBrokenPipeError, PyRuntimeError, PyTypeError, PyValueError,
};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use super::reply::Reply;
use super::text::push_native;
use crate::worker::exchange::{Exchange, ExchangeError, Nobody, ResponseHead};
use crate::worker::fields::{is_name, is_value};
use crate::worker::files::take_name;
use crate::worker::sync::lock;

/// The second argument of the app.
#[pyclass(frozen, module = "lictor")]
pub(super) struct StartResponse {
    reply: Mutex<Reply>,
    exchange: Mutex<Option<Arc<dyn Exchange>>>,
    /// By which the app may name a file.
    file_field: Option<&'static [u8]>,
}

/// What is known of an answer once the app is done with it.
pub(super) struct Said {
    pub(super) status: u16,
    pub(super) body_bytes: u64,
    pub(super) is_begun: bool,
    /// Though given, it was not what it should be.
    pub(super) is_wrong: bool,
}

#[pymethods]
impl StartResponse {
    #[pyo3(signature = (status, response_headers, exc_info = None, /))]
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        status: &Bound<'py, PyAny>,
        response_headers: &Bound<'py, PyAny>,
        exc_info: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let this = slf.get();
        let (has_started, is_begun) = {
            let reply = lock(&this.reply);
            (reply.has_started(), reply.is_begun)
        };
        match exc_info {
            // PEP 3333: once headers are out, the error is all there is to say.
            Some(exc_info) if is_begun => return Err(reraised(exc_info)),
            None if has_started => {
                return Err(PyAssertionError::new_err(
                    "start_response was called a second time without exc_info",
                ));
            }
            Some(_) | None => {}
        }
        let mut head = response_head(status, response_headers)?;
        if let Some(field) = this.file_field {
            take_name(&mut head, field);
        }
        lock(&this.reply).set_head(head);
        slf.getattr(intern!(py, "write"))
    }

    /// The imperative way of sending (PEP 3333, "The `write()` Callable").
    #[pyo3(signature = (data, /))]
    fn write(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let Ok(data) = data.cast::<PyBytes>() else {
            let given = data.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "write() takes bytes, not {given}"
            )));
        };
        let chunk = data.as_bytes();
        if !chunk.is_empty() {
            self.send(py, &Bytes::copy_from_slice(chunk), false)?
                .map_err(|error| PyBrokenPipeError::new_err(error.to_string()))?;
        }
        Ok(())
    }
}

impl StartResponse {
    pub(super) fn new(
        exchange: Arc<dyn Exchange>,
        is_head_request: bool,
        file_field: Option<&'static [u8]>,
    ) -> Self {
        Self {
            reply: Mutex::new(Reply::new(is_head_request)),
            exchange: Mutex::new(Some(exchange)),
            file_field,
        }
    }

    /// Bookkeeping without sending. `work` must not call Python.
    pub(super) fn with_reply<T>(&self, work: impl FnOnce(&mut Reply) -> T) -> T {
        work(&mut lock(&self.reply))
    }

    /// Sends one piece and returns when it is the kernel's. The inner error is the client's doing.
    pub(super) fn send(
        &self,
        py: Python<'_>,
        chunk: &Bytes,
        is_only: bool,
    ) -> PyResult<Result<(), ExchangeError>> {
        let Some(exchange) = lock(&self.exchange).clone() else {
            return Err(PyRuntimeError::new_err(
                "write() was called after the end of the request",
            ));
        };
        let mut sent = py.detach(|| {
            // A clone: the last one may belong to Python, and must not go under this lock.
            lock(&self.reply).lay(&*exchange, chunk.clone(), is_only);
            exchange.flush()
        });
        while sent == Err(ExchangeError::Interrupted) {
            py.check_signals()?;
            sent = py.detach(|| exchange.flush());
        }
        Ok(sent)
    }

    /// The number of the client's socket, as long as there is a client.
    pub(super) fn descriptor(&self) -> Option<i32> {
        lock(&self.exchange).as_ref()?.descriptor()
    }

    /// Ends the answer where it stands. What the app says from now on reaches nobody.
    pub(super) fn disconnect(&self, py: Python<'_>) {
        let nobody: Arc<dyn Exchange> = Arc::new(Nobody);
        let exchange = lock(&self.exchange)
            .as_mut()
            .map(|exchange| std::mem::replace(exchange, nobody));
        if let Some(exchange) = exchange {
            py.detach(|| exchange.disconnect());
        }
    }

    /// The request is over. What was said of it.
    pub(super) fn close(&self) -> Said {
        *lock(&self.exchange) = None;
        let reply = lock(&self.reply);
        Said {
            status: reply.status,
            body_bytes: reply.sent_bytes,
            is_begun: reply.is_begun,
            is_wrong: reply.status >= 500
                || reply.is_overlong
                || reply.is_begun && reply.is_short(),
        }
    }

    pub(super) fn is_begun(&self) -> bool {
        lock(&self.reply).is_begun
    }
}

fn reraised(exc_info: &Bound<'_, PyAny>) -> PyErr {
    match exc_info.get_item(1) {
        // Its traceback is its own `__traceback__`.
        Ok(value) => PyErr::from_value(value),
        Err(error) => error,
    }
}

fn response_head(status: &Bound<'_, PyAny>, fields: &Bound<'_, PyAny>) -> PyResult<ResponseHead> {
    let Ok(status) = status.cast::<PyString>() else {
        let given = status.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "the status must be a str, not {given}"
        )));
    };
    let Ok(list) = fields.cast::<PyList>() else {
        let given = fields.get_type().name()?;
        return Err(PyTypeError::new_err(format!(
            "the headers must be a list, not {given}"
        )));
    };
    // One buffer for all, cut into slices.
    let mut buffer = Vec::with_capacity(256);
    let mut ends = Vec::with_capacity(1 + 2 * list.len());
    push_native(&mut buffer, status, "the status")?;
    let code = checked_status(&buffer)?;
    ends.push(buffer.len());
    for item in list.iter() {
        let pair = item.cast::<PyTuple>().ok().filter(|pair| pair.len() == 2);
        let pair =
            pair.ok_or_else(|| PyTypeError::new_err("a header must be a tuple (name, value)"))?;
        for (what, part) in ["a header's name", "a header's value"]
            .into_iter()
            .zip(pair.iter())
        {
            let Ok(part) = part.cast::<PyString>() else {
                let given = part.get_type().name()?;
                return Err(PyTypeError::new_err(format!(
                    "{what} must be a str, not {given}"
                )));
            };
            push_native(&mut buffer, part, what)?;
            ends.push(buffer.len());
        }
    }
    let whole = Bytes::from(buffer);
    let mut start = 0;
    let mut parts = ends.into_iter().map(|end| {
        let part = whole.slice(start..end);
        start = end;
        part
    });
    let mut head = ResponseHead {
        status: code,
        ..ResponseHead::default()
    };
    head.reason = parts.next().unwrap_or_default().split_off(4);
    head.fields.reserve(list.len());
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        check_field(&mut head, &name, &value)?;
        head.fields.push((name, value));
    }
    Ok(head)
}

/// `NNN reason`.
fn checked_status(status: &[u8]) -> PyResult<u16> {
    let refused = |why: &str| {
        let status = String::from_utf8_lossy(status);
        Err(PyValueError::new_err(format!(
            "the status {status:?} {why}"
        )))
    };
    let [hundreds, tens, ones, b' ', reason @ ..] = status else {
        return refused("is not a three-digit code, a space and a reason");
    };
    if ![hundreds, tens, ones].into_iter().all(u8::is_ascii_digit) || reason.is_empty() {
        return refused("is not a three-digit code, a space and a reason");
    }
    if !is_value(reason) {
        return refused("has a control character");
    }
    let digit = |byte: &u8| u16::from(byte - b'0');
    let code = digit(hundreds) * 100 + digit(tens) * 10 + digit(ones);
    // 1xx is not an answer: the connection would wait for another one.
    if !(200..1000).contains(&code) {
        return refused("is not a final one");
    }
    Ok(code)
}

fn check_field(head: &mut ResponseHead, name: &[u8], value: &[u8]) -> PyResult<()> {
    let refused = |why: &str| {
        let name = String::from_utf8_lossy(name);
        Err(PyValueError::new_err(format!("the header {name:?} {why}")))
    };
    if !is_name(name) {
        return refused("is not a valid name");
    }
    if !is_value(value) {
        return refused("has a control character in its value");
    }
    if is_hop_by_hop(name) {
        return refused("is hop-by-hop; PEP 3333 leaves it to the server");
    }
    if name.eq_ignore_ascii_case(b"content-length") {
        let length = std::str::from_utf8(value)
            .ok()
            .filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let Some(length) = length.and_then(|text| text.parse().ok()) else {
            return refused("is not a number of bytes");
        };
        if head.content_length.replace(length).is_some() {
            return refused("was given twice");
        }
    }
    Ok(())
}

fn is_hop_by_hop(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 8] = [
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailers",
        b"transfer-encoding",
        b"upgrade",
    ];
    NAMES.iter().any(|hop| name.eq_ignore_ascii_case(hop))
}
