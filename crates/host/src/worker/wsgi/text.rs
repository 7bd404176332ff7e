//! Native strings: PEP 3333 wants `str` that holds bytes, one code point each (ISO-8859-1).

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// Bytes as a native string.
pub(super) fn native<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    if bytes.is_ascii()
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return PyString::new(py, text);
    }
    let text: String = bytes.iter().copied().map(char::from).collect();
    PyString::new(py, &text)
}

/// The same of text, which need not be looked at as closely.
pub(super) fn native_text<'py>(py: Python<'py>, text: &str) -> Bound<'py, PyString> {
    if text.is_ascii() {
        return PyString::new(py, text);
    }
    native(py, text.as_bytes())
}

/// Adds the bytes of a native string to `out`.
pub(super) fn push_native(
    out: &mut Vec<u8>,
    text: &Bound<'_, PyString>,
    what: &str,
) -> PyResult<()> {
    // The stable ABI of 3.9 has no borrowed UTF-8.
    let encoded = text.encode_utf8();
    let encoded = match &encoded {
        Ok(encoded) => encoded.as_bytes(),
        Err(_) => &[0xff],
    };
    if encoded.is_ascii() {
        out.extend_from_slice(encoded);
        return Ok(());
    }
    for c in std::str::from_utf8(encoded).unwrap_or("\u{ffff}").chars() {
        let byte = u8::try_from(u32::from(c)).map_err(|_out_of_range| {
            PyValueError::new_err(format!(
                "{what} has a character beyond U+00FF; encode it first, as PEP 3333 wants bytes in a str"
            ))
        })?;
        out.push(byte);
    }
    Ok(())
}

/// Writes one line to `sys.stderr`. An app that broke its stderr loses the line.
pub(in crate::worker) fn log(py: Python<'_>, line: &str) {
    let written = py
        .import(intern!(py, "sys"))
        .and_then(|sys| sys.getattr(intern!(py, "stderr")))
        .and_then(|stderr| stderr.call_method1(intern!(py, "write"), (format!("{line}\n"),)));
    drop(written);
}
