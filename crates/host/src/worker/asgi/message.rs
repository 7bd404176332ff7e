//! Messages of an app as plain values: their keys, bytes and header fields.

use std::io;
use std::path::Path;

use bytes::Bytes;
use pyo3::exceptions::{PyOSError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyMemoryView, PyString, PyTuple};

use crate::worker::exchange::ResponseHead;
use crate::worker::fields::{self, Field};
use crate::worker::wsgi::lent_or_copied;

pub(super) fn required<'py>(
    message: &Bound<'py, PyDict>,
    key: &Bound<'py, PyString>,
) -> PyResult<Bound<'py, PyAny>> {
    let found = message.get_item(key)?;
    found.ok_or_else(|| PyValueError::new_err(format!("the message has no `{key}`")))
}

pub(super) fn flag(message: &Bound<'_, PyDict>, key: &Bound<'_, PyString>) -> PyResult<bool> {
    match message.get_item(key)? {
        Some(value) => value.is_truthy(),
        None => Ok(false),
    }
}

pub(super) fn bytes_of(body: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if let Ok(bytes) = body.cast::<PyBytes>() {
        return Ok(lent_or_copied(bytes));
    }
    if body.is_instance_of::<PyByteArray>() || body.is_instance_of::<PyMemoryView>() {
        let copied = body.py().get_type::<PyBytes>().call1((body,))?;
        return Ok(lent_or_copied(copied.cast::<PyBytes>()?));
    }
    let given = body.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "the body must be bytes, not {given}"
    )))
}

/// One header as ASGI has it: a pair of bytes.
fn pair<'py>(pair: &Bound<'py, PyAny>) -> PyResult<(Bound<'py, PyBytes>, Bound<'py, PyBytes>)> {
    let odd = |_| PyTypeError::new_err("a header must be a pair of bytes");
    let (name, value) = match pair.cast_exact::<PyTuple>() {
        Ok(tuple) if tuple.len() == 2 => (tuple.get_item(0)?, tuple.get_item(1)?),
        // A list, or whatever else has two items.
        Err(_) if pair.len().map_err(odd)? == 2 => (
            pair.get_item(0).map_err(odd)?,
            pair.get_item(1).map_err(odd)?,
        ),
        Ok(_) | Err(_) => return Err(PyTypeError::new_err("a header must be a pair of bytes")),
    };
    let (Ok(name), Ok(value)) = (name.cast_into::<PyBytes>(), value.cast_into::<PyBytes>()) else {
        return Err(PyTypeError::new_err(
            "a header must be a pair of bytes: encode names and values first",
        ));
    };
    Ok((name, value))
}

/// Both in one allocation.
fn taken(name: &[u8], value: &[u8]) -> (Bytes, Bytes) {
    let mut whole = Bytes::from([name, value].concat());
    let value = whole.split_off(name.len());
    (whole, value)
}

/// Names and values in anything that can be iterated, looked at by nobody.
pub(super) fn unjudged_fields(given: &Bound<'_, PyAny>) -> PyResult<Vec<(Bytes, Bytes)>> {
    let mut fields = Vec::new();
    for given in given.try_iter()? {
        let (name, value) = pair(&given?)?;
        fields.push(taken(name.as_bytes(), value.as_bytes()));
    }
    Ok(fields)
}

/// Names and values in anything that can be iterated.
pub(super) fn take_fields(given: &Bound<'_, PyAny>, head: &mut ResponseHead) -> PyResult<()> {
    for given in given.try_iter()? {
        let (name, value) = pair(&given?)?;
        let refused = |why: &str| {
            let name = String::from_utf8_lossy(name.as_bytes());
            PyValueError::new_err(format!("the header {name:?} {why}"))
        };
        match fields::judge(name.as_bytes(), value.as_bytes()).map_err(refused)? {
            Field::Dropped => continue,
            Field::Length(length) => {
                if head.content_length.replace(length).is_some() {
                    return Err(refused("was given twice"));
                }
            }
            Field::Sent => {}
        }
        head.fields.push(taken(name.as_bytes(), value.as_bytes()));
    }
    Ok(())
}

/// An error of the system with its number and file, as Python's own `open` raises it.
pub(super) fn os_error(py: Python<'_>, error: &io::Error, path: &Path) -> PyErr {
    let strerror = py
        .import("os")
        .and_then(|os| os.call_method1("strerror", (error.raw_os_error(),)));
    let made = strerror.and_then(|text| {
        py.get_type::<PyOSError>()
            .call1((error.raw_os_error(), text, path))
    });
    made.map_or_else(|error| error, PyErr::from_value)
}
