//! Imports what an app is named by: a module, a file, a configuration of Paste Deploy, or code.

use std::ffi::{CStr, CString};
use std::path::Path;

use lictor_core::config::{AppTarget, PasteApp};
use lictor_core::observe::{Failure, FailureKind};
use pyo3::exceptions::PyModuleNotFoundError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule};

use super::failure_of;

/// What an import gives.
pub(super) enum Imported<'py> {
    /// Names, of which one is the app.
    Module(Bound<'py, PyModule>),
    /// The app itself.
    App(Bound<'py, PyAny>),
}

pub(super) fn import<'py>(py: Python<'py>, target: &AppTarget) -> Result<Imported<'py>, Failure> {
    match target {
        AppTarget::Module(name) => py
            .import(name.as_str())
            .map(Imported::Module)
            .map_err(|error| with_search_path(py, name, &error)),
        AppTarget::File(path) => import_file(py, path)
            .map(Imported::Module)
            .map_err(|error| failure_of(py, &error, "it was imported")),
        AppTarget::Paste(app) => load_paste(py, app).map(Imported::App),
        AppTarget::Code(code) => run_code(py, code)
            .map(Imported::Module)
            .map_err(|error| failure_of(py, &error, "the code of `eval` ran")),
    }
}

/// The name that a script has as a module, which is uWSGI's. Its stem would hide the package that it
/// imports: `moin.wsgi` begins with `import moin`.
fn script_name(path: &Path) -> String {
    let path = path.to_string_lossy();
    format!("uwsgi_file_{}", path.replace(['/', '.'], "_"))
}

fn import_file<'py>(py: Python<'py>, path: &Path) -> PyResult<Bound<'py, PyModule>> {
    let name = script_name(path);
    // Python's own loader wants a text, and no object of pathlib.
    let path = path.as_os_str();
    let util = py.import("importlib.util")?;
    let machinery = py.import("importlib.machinery")?;
    // Python itself asks for an ending that it knows; `.wsgi` is one that people know.
    let loader = machinery.call_method1("SourceFileLoader", (&name, path))?;
    let options = PyDict::new(py);
    options.set_item("loader", &loader)?;
    let spec = util.call_method("spec_from_file_location", (&name, path), Some(&options))?;
    let module = util.call_method1("module_from_spec", (&spec,))?;
    // Registered before it runs, as `import` does, so that its classes can be pickled.
    let modules = py.import("sys")?.getattr("modules")?;
    if !modules.contains(&name)? {
        modules.set_item(&name, &module)?;
    }
    loader.call_method1("exec_module", (&module,))?;
    Ok(module.cast_into::<PyModule>()?)
}

fn run_code<'py>(py: Python<'py>, code: &str) -> PyResult<Bound<'py, PyModule>> {
    PyModule::from_code(py, &CString::new(code)?, c"eval", c"lictor_eval")
}

/// When the app's own module is not there, the search path is what its author needs to see.
fn with_search_path(py: Python<'_>, name: &str, error: &PyErr) -> Failure {
    let mut failure = failure_of(py, error, "it was imported");
    let top = name.split('.').next().unwrap_or(name);
    if missing_module(py, error).as_deref() == Some(top) {
        let path: Option<Vec<String>> = py
            .import("sys")
            .and_then(|sys| sys.getattr("path")?.extract())
            .ok();
        let searched = path.unwrap_or_default().join("\n  ");
        failure.detail = format!(
            "{}\n\nsearched in:\n  {searched}\nhint: set `chdir` or `pythonpath` to the directory \
             that holds `{top}`, or `virtualenv` to where it is installed",
            failure.detail
        );
    }
    failure
}

/// Which module an import did not find, if that is what went wrong.
fn missing_module(py: Python<'_>, error: &PyErr) -> Option<String> {
    if !error.is_instance_of::<PyModuleNotFoundError>(py) {
        return None;
    }
    error.value(py).getattr("name").ok()?.extract().ok()
}

/// Logging first, as `pserve` does, then the app. Plaster is what newer versions of Pyramid bring
/// along; it asks whichever binding is installed.
const PASTE: &CStr = cr##"
def load(uri, sets_up_logging):
    path, _, name = uri.partition("#")
    path = path[len("config:"):] if path.startswith("config:") else None
    if sets_up_logging and path is not None:
        set_up_logging(path)
    try:
        from paste.deploy import loadapp
    except ModuleNotFoundError as error:
        if path is None or error.name not in ("paste", "paste.deploy"):
            raise
        import plaster
        return plaster.get_loader(path, protocols=["wsgi"]).get_wsgi_app(name or None)
    return loadapp(uri)


def set_up_logging(path):
    import configparser
    import os
    from logging.config import fileConfig

    defaults = {"__file__": os.path.abspath(path), "here": os.path.dirname(os.path.abspath(path))}
    file = configparser.ConfigParser(defaults)
    with open(path, encoding="utf-8") as lines:
        file.read_file(lines)
    if file.has_section("loggers"):
        fileConfig(file, disable_existing_loggers=False)
"##;

fn load_paste<'py>(py: Python<'py>, app: &PasteApp) -> Result<Bound<'py, PyAny>, Failure> {
    let loaded = PyModule::from_code(py, PASTE, c"lictor/paste.py", c"_lictor_paste")
        .and_then(|module| module.call_method1("load", (&app.uri, app.sets_up_logging)));
    loaded.map_err(|error| {
        let doing = "Paste Deploy made the app";
        match missing_module(py, &error).as_deref() {
            Some("plaster") => {
                let message = format!("`{}` needs Paste Deploy, which cannot be imported", app.uri);
                let hint = "hint: install `PasteDeploy` into the app's environment, and name that \
                            in `virtualenv`";
                Failure::new(FailureKind::Import, message, hint)
            }
            _ => failure_of(py, &error, doing),
        }
    })
}

/// The same for what is no app, and only to be there.
pub(crate) fn import_target(py: Python<'_>, target: &AppTarget) -> Result<(), Failure> {
    import(py, target).map(drop)
}
