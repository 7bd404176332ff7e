//! What an app finds in `sys` before it is imported.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use lictor_core::config::VassalConfig;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::bytecode::keep_no_racy_bytecode;
use super::output::Outlet;

/// The version of the running interpreter, as `3.12.1`. An interpreter without a global lock has
/// another ABI and is refused.
pub(crate) fn python_version(py: Python<'_>) -> PyResult<String> {
    let sys = py.import("sys")?;
    let flags: String = sys.getattr("abiflags")?.extract()?;
    if flags.contains('t') {
        return Err(PyRuntimeError::new_err(
            "this is a free-threaded build of Python, which this version of Lictor cannot load",
        ));
    }
    let info = sys.getattr("version_info")?;
    let part = |index: usize| -> PyResult<u8> { info.get_item(index)?.extract() };
    Ok(format!("{}.{}.{}", part(0)?, part(1)?, part(2)?))
}

/// Sets `sys.argv`, `sys.path`, `sys.stdout` and `sys.stderr`. `trouble` is told when output cannot
/// be written.
pub(crate) fn prepare(py: Python<'_>, config: &VassalConfig, trouble: OwnedFd) -> PyResult<()> {
    let sys = py.import("sys")?;
    let given = config.apps.argv.iter().map(String::as_str);
    let argv: Vec<_> = std::iter::once("lictor").chain(given).collect();
    sys.setattr("argv", PyList::new(py, argv)?)?;
    if let Some(executable) = &config.apps.executable {
        sys.setattr("executable", executable.as_os_str())?;
    }
    set_path(&sys, config)?;
    keep_no_racy_bytecode(py)?;
    let trouble = Arc::new(trouble);
    for (name, fd) in [("stdout", 1), ("stderr", 2)] {
        let outlet = Bound::new(py, Outlet::new(fd, name, Arc::clone(&trouble)))?;
        let keywords = pyo3::types::PyDict::new(py);
        keywords.set_item("encoding", "utf-8")?;
        keywords.set_item("errors", "backslashreplace")?;
        keywords.set_item("line_buffering", true)?;
        let wrapper = py.import("io")?.getattr("TextIOWrapper")?;
        let stream = wrapper.call((outlet,), Some(&keywords))?;
        sys.setattr(name, &stream)?;
        sys.setattr(format!("__{name}__").as_str(), stream)?;
    }
    Ok(())
}

/// `chdir` first, as uWSGI does, then `pythonpath`, then what the interpreter brought.
fn set_path(sys: &Bound<'_, PyModule>, config: &VassalConfig) -> PyResult<()> {
    let path = sys.getattr("path")?.cast_into::<PyList>()?;
    // `python -c` puts the empty string first; `chdir` says the same with a name.
    if path
        .get_item(0)
        .and_then(|first| first.extract::<String>())
        .is_ok_and(|first| first.is_empty())
    {
        path.del_item(0)?;
    }
    for directory in config.pythonpath.iter().rev() {
        for place in matching(sys.py(), directory)?.iter().rev() {
            path.insert(0, place)?;
        }
    }
    path.insert(0, config.chdir.as_os_str())
}

/// The places that an entry of `pythonpath` stands for. As under uWSGI, one with `*`, `?` or `[` in
/// it that is no place itself is a pattern.
fn matching(py: Python<'_>, entry: &Path) -> PyResult<Vec<OsString>> {
    let is_pattern = entry
        .as_os_str()
        .as_bytes()
        .iter()
        .any(|b| b"*?[".contains(b));
    if !is_pattern || entry.exists() {
        return Ok(vec![entry.as_os_str().to_owned()]);
    }
    let mut places: Vec<OsString> = py
        .import("glob")?
        .call_method1("glob", (entry.as_os_str(),))?
        .extract()?;
    places.sort();
    Ok(places)
}
