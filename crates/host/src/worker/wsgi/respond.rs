//! What the app returned becomes the answer.
//!
//! A list or tuple is there already, so it goes out as one. Anything else is asked for its pieces
//! one at a time, each sent before the next is asked for (PEP 3333, "Buffering and Streaming"), and
//! its `close()` is called exactly once, whatever happens.

use bytes::Bytes;
use pyo3::exceptions::{PyAssertionError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyByteArray, PyBytes, PyIterator, PyList, PyString, PyTuple};

use super::file_wrapper::as_file;
use super::start_response::StartResponse;
use super::text::log;
use crate::worker::exchange::Outcome;
use crate::worker::fatal;

/// Lists longer than this are sent piece by piece instead of being joined first.
const JOIN_LIMIT_BYTES: usize = 256 * 1024;
/// Pieces from this size on are lent instead of copied.
const LENT_BYTES: usize = 32 * 1024;

/// Sends what the app returned.
pub(super) fn respond(
    iterable: &Bound<'_, PyAny>,
    start: &Bound<'_, StartResponse>,
) -> PyResult<Outcome> {
    let start = start.get();
    if let Some(body) = joined(iterable)? {
        return whole(iterable.py(), start, body);
    }
    if let Some(advice) = not_a_body(iterable) {
        return Err(PyTypeError::new_err(format!("the app returned {advice}")));
    }
    let outcome = match as_file(iterable, start) {
        Some(outcome) => Ok(outcome),
        None => stream(iterable, start),
    };
    match (outcome, close(iterable)) {
        (Err(error), closed) => {
            // The first error is the one that matters, the other must not hide.
            if let Err(second) = closed {
                second.display(iterable.py());
            }
            Err(error)
        }
        // The answer is out; only the log learns of it.
        (Ok(outcome), Err(error)) => {
            fatal::display(iterable.py(), &error);
            Ok(outcome)
        }
        (Ok(outcome), Ok(())) => Ok(outcome),
    }
}

/// The body, if it is a list or tuple of bytes.
fn joined(iterable: &Bound<'_, PyAny>) -> PyResult<Option<Bytes>> {
    if let Ok(list) = iterable.cast_exact::<PyList>() {
        return match list.len() {
            1 => list.get_item(0).and_then(|item| copied(&item)).map(Some),
            _ => join(list.iter()),
        };
    }
    match iterable.cast_exact::<PyTuple>() {
        Ok(tuple) => join(tuple.iter()),
        Err(_) => Ok(None),
    }
}

fn join<'py>(items: impl Iterator<Item = Bound<'py, PyAny>>) -> PyResult<Option<Bytes>> {
    let mut body = Vec::new();
    for item in items {
        body.extend_from_slice(bytes_of(&item)?.as_bytes());
        if body.len() > JOIN_LIMIT_BYTES {
            return Ok(None);
        }
    }
    Ok(Some(Bytes::from(body)))
}

fn copied(item: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    bytes_of(item).map(lent_or_copied)
}

/// A bytes object for the socket: small ones are copied, large ones lent.
pub(in crate::worker) fn lent_or_copied(bytes: &Bound<'_, PyBytes>) -> Bytes {
    if bytes.as_bytes().len() < LENT_BYTES {
        return Bytes::copy_from_slice(bytes.as_bytes());
    }
    Bytes::from_owner(Lent(Some(PyBackedBytes::from(bytes.clone()))))
}

/// A bytes object of the app on its way to the socket.
struct Lent(Option<PyBackedBytes>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl Drop for Lent {
    // It is let go of once it is sent, where the interpreter is not attached. Nobody who has the
    // interpreter waits for a thread that gets here.
    fn drop(&mut self) {
        Python::attach(|_| drop(self.0.take()));
    }
}

fn bytes_of<'a, 'py>(item: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyBytes>> {
    item.cast::<PyBytes>().map_err(|_other_type| {
        let given = item
            .get_type()
            .name()
            .map_or_else(|_| "?".to_owned(), |name| name.to_string());
        PyTypeError::new_err(format!(
            "the app's body must consist of bytes, but has a {given}"
        ))
    })
}

/// What is iterable but surely a mistake.
fn not_a_body(returned: &Bound<'_, PyAny>) -> Option<&'static str> {
    if returned.is_none() {
        Some("None; it must return an iterable of bytes")
    } else if returned.is_instance_of::<PyString>() {
        Some("a str; it must return an iterable of bytes, such as a list of one")
    } else if returned.is_instance_of::<PyBytes>() || returned.is_instance_of::<PyByteArray>() {
        Some("bytes; it must return an iterable of bytes, such as a list of one")
    } else {
        None
    }
}

fn check_started(start: &StartResponse) -> PyResult<()> {
    if start.with_reply(|reply| reply.has_started()) {
        return Ok(());
    }
    Err(PyAssertionError::new_err(
        "the app did not call start_response before its first bytes",
    ))
}

/// The whole body, head and all in one write where possible.
fn whole(py: Python<'_>, start: &StartResponse, body: Bytes) -> PyResult<Outcome> {
    if let Some(head) = start.with_reply(|reply| reply.whole(&body)) {
        return Ok(Outcome::Answer(head, body));
    }
    check_started(start)?;
    if !body.is_empty() && start.send(py, &body, false)?.is_err() {
        return Ok(Outcome::Cut);
    }
    ended(py, start)
}

fn stream(iterable: &Bound<'_, PyAny>, start: &StartResponse) -> PyResult<Outcome> {
    let py = iterable.py();
    // PEP 3333 lets a server take the length from an iterable of one.
    let is_only = !start.with_reply(|reply| reply.is_begun || reply.is_length_known())
        && iterable.hasattr(intern!(py, "__len__"))?
        && iterable.len()? == 1;
    let iterator = PyIterator::from_object(iterable)?;
    for item in iterator {
        let item = item?;
        let chunk = copied(&item)?;
        if chunk.is_empty() {
            continue;
        }
        check_started(start)?;
        if start.send(py, &chunk, is_only)?.is_err() {
            // Nobody is left to send to, which is not the app's mistake.
            return Ok(Outcome::Cut);
        }
    }
    check_started(start)?;
    ended(py, start)
}

/// No more will come.
fn ended(py: Python<'_>, start: &StartResponse) -> PyResult<Outcome> {
    if let Some(head) = start.with_reply(|reply| reply.whole(&Bytes::new())) {
        return Ok(Outcome::Answer(head, Bytes::new()));
    }
    // Nothing, where something was declared: the client gets the head at least.
    if !start.is_begun() && start.send(py, &Bytes::new(), false)?.is_err() {
        return Ok(Outcome::Cut);
    }
    let (is_short, is_overlong) = start.with_reply(|reply| (reply.is_short(), reply.is_overlong));
    if is_overlong {
        log(
            py,
            "lictor: the app sent more bytes than its Content-Length; the rest was dropped",
        );
    }
    if is_short {
        log(
            py,
            "lictor: the app sent fewer bytes than its Content-Length; the connection is closed",
        );
        return Ok(Outcome::Cut);
    }
    Ok(Outcome::Streamed)
}

fn close(iterable: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Some(close) = iterable.getattr_opt(intern!(iterable.py(), "close"))? {
        close.call0()?;
    }
    Ok(())
}
