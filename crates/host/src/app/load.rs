//! Imports the app: `module:callable` or a file, found as its users expect.

use lictor_core::config::{AppTarget, EventLoop, VassalConfig};
use lictor_core::observe::{Failure, FailureKind};
use pyo3::exceptions::{PyAttributeError, PyModuleNotFoundError};
use pyo3::prelude::*;
use pyo3::types::PyModule;

use super::failure_of;
use super::interface::{Interface, interface_of};

/// A loaded app.
pub(crate) struct App {
    /// What is called for each request.
    pub(crate) callable: Py<PyAny>,
    /// Which interface it speaks.
    pub(crate) interface: Interface,
}

/// Names tried when the file names no callable.
const USUAL_NAMES: [&str; 2] = ["application", "app"];

/// Imports the app and finds its callable.
pub(crate) fn load(py: Python<'_>, config: &VassalConfig) -> Result<App, Failure> {
    let module =
        import(py, &config.app).map_err(|error| with_search_path(py, &config.app, &error))?;
    let callable = find_callable(py, &module, config)?;
    if !callable.is_callable() {
        let message = format!(
            "`{}` is not callable: {}",
            named(config),
            type_name(&callable)
        );
        return Err(Failure::new(FailureKind::Import, message, CALLABLE_HINT));
    }
    let interface = interface_of(&callable, config.asgi.interface, &named(config))?;
    if interface == Interface::Asgi {
        prepare_asgi(py, config)?;
    }
    Ok(App {
        callable: callable.unbind(),
        interface,
    })
}

/// What an ASGI app needs, imported here so that the workers share its memory.
fn prepare_asgi(py: Python<'_>, config: &VassalConfig) -> Result<(), Failure> {
    if config.threads > 1 {
        let message = format!(
            "`{}` is an ASGI app, and `threads` is {}",
            named(config),
            config.threads
        );
        let hint = "hint: remove `threads` and use `processes`: an event loop runs on one thread, \
                    and hands what blocks to a pool of its own";
        return Err(Failure::new(FailureKind::Import, message, hint));
    }
    py.import("asyncio")
        .map_err(|error| failure_of(py, &error, "`asyncio` was imported"))?;
    if config.asgi.event_loop == EventLoop::Asyncio {
        return Ok(());
    }
    match py.import("uvloop") {
        Err(error) if config.asgi.event_loop == EventLoop::Uvloop => {
            let mut failure = failure_of(py, &error, "`uvloop` was imported");
            failure.message = format!(
                "`loop` is `uvloop`, which cannot be imported: {}",
                failure.message
            );
            failure.detail.push_str(
                "\nhint: install it into the app's environment, or set `loop` to `auto` or `asyncio`",
            );
            Err(failure)
        }
        _ => Ok(()),
    }
}

const CALLABLE_HINT: &str =
    "hint: name a WSGI callable or an ASGI one: `module = \"package.module:callable\"`";

fn import<'py>(py: Python<'py>, target: &AppTarget) -> PyResult<Bound<'py, PyModule>> {
    match target {
        AppTarget::Module(name) => py.import(name.as_str()),
        AppTarget::File(path) => {
            let stem = path
                .file_stem()
                .map(|stem| stem.to_string_lossy().into_owned());
            let name = stem.unwrap_or_else(|| "application".to_owned());
            let util = py.import("importlib.util")?;
            // Python itself asks for an ending that it knows; `.wsgi` is one that people know.
            let machinery = py.import("importlib.machinery")?;
            let loader = machinery.call_method1("SourceFileLoader", (&name, path.as_os_str()))?;
            let options = pyo3::types::PyDict::new(py);
            options.set_item("loader", &loader)?;
            let spec = util.call_method(
                "spec_from_file_location",
                (&name, path.as_os_str()),
                Some(&options),
            )?;
            let module = util.call_method1("module_from_spec", (&spec,))?;
            // Registered before it runs, as `import` does, so that its classes can be pickled.
            let modules = py.import("sys")?.getattr("modules")?;
            if !modules.contains(&name)? {
                modules.set_item(&name, &module)?;
            }
            loader.call_method1("exec_module", (&module,))?;
            Ok(module.cast_into::<PyModule>()?)
        }
    }
}

/// When the app's own module is not there, the search path is what its author needs to see.
fn with_search_path(py: Python<'_>, target: &AppTarget, error: &PyErr) -> Failure {
    let mut failure = failure_of(py, error, "it was imported");
    let AppTarget::Module(name) = target else {
        return failure;
    };
    let top = name.split('.').next().unwrap_or(name);
    let missing = error
        .value(py)
        .getattr("name")
        .ok()
        .and_then(|n| n.extract::<String>().ok());
    if error.is_instance_of::<PyModuleNotFoundError>(py) && missing.as_deref() == Some(top) {
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

fn find_callable<'py>(
    py: Python<'py>,
    module: &Bound<'py, PyModule>,
    config: &VassalConfig,
) -> Result<Bound<'py, PyAny>, Failure> {
    let Some(name) = &config.callable else {
        return USUAL_NAMES
            .iter()
            .find_map(|name| module.getattr(*name).ok())
            .ok_or_else(|| {
                let message = format!("`{}` has neither `application` nor `app`", named(config));
                Failure::new(FailureKind::Import, message, CALLABLE_HINT)
            });
    };
    let start = module.as_any().clone();
    let found = name
        .split('.')
        .try_fold(start, |object, part| object.getattr(part));
    found.map_err(|error| {
        if error.is_instance_of::<PyAttributeError>(py) {
            let message = format!("`{}` has no `{name}`", named(config));
            Failure::new(FailureKind::Import, message, CALLABLE_HINT)
        } else {
            failure_of(py, &error, "its callable was looked up")
        }
    })
}

fn named(config: &VassalConfig) -> String {
    let target = match &config.app {
        AppTarget::Module(name) => name.clone(),
        AppTarget::File(path) => path.display().to_string(),
    };
    match &config.callable {
        Some(callable) => format!("{target}:{callable}"),
        None => target,
    }
}

fn type_name(object: &Bound<'_, PyAny>) -> String {
    match object.get_type().name() {
        Ok(name) => format!("it is of type `{name}`"),
        Err(_) => "it is of an unknown type".to_owned(),
    }
}
