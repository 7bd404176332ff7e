//! Gives the modules to `import`, before anything of their names on disk is looked for: uWSGI's own
//! package brings a `uwsgidecorators.py`, which is made for uWSGI.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyAnyMethods, PyDict};

use super::facts;
use super::host::Host;

/// What both modules are made of; nobody imports it by name.
const CORE: &str = "_lictor_module";
const SOURCES: [(&str, &str); 5] = [
    (CORE, include_str!("core.py")),
    ("_lictor_absent", include_str!("absent.py")),
    ("lictor", include_str!("lictor.py")),
    ("uwsgi", include_str!("uwsgi.py")),
    ("uwsgidecorators", include_str!("uwsgidecorators.py")),
];

static IS_IMPORTED: AtomicBool = AtomicBool::new(false);

/// Whether the app has imported any of them.
pub(super) fn is_imported() -> bool {
    IS_IMPORTED.load(Ordering::Relaxed)
}

pub(super) fn install(py: Python<'_>) -> PyResult<()> {
    let finder = Bound::new(py, Finder)?;
    py.import("sys")?
        .getattr("meta_path")?
        .call_method1("insert", (0, finder))?;
    Ok(())
}

/// Calls a function of the core, if the app has imported it. What the app raises there is its own,
/// and is printed as uWSGI prints it.
pub(super) fn call_hook(py: Python<'_>, name: &str) {
    if !is_imported() {
        return;
    }
    let called = py.import(CORE).and_then(|core| core.call_method0(name));
    if let Err(error) = called {
        error.display(py);
    }
}

fn source(name: &str) -> Option<&'static str> {
    let known = SOURCES.iter().find(|(known, _)| *known == name);
    known.map(|(_, source)| *source)
}

/// A finder and a loader, as `importlib.abc` describes them.
#[pyclass(frozen, module = "lictor")]
struct Finder;

#[pymethods]
impl Finder {
    #[pyo3(signature = (name, _path = None, _target = None, /))]
    fn find_spec<'py>(
        slf: &Bound<'py, Self>,
        name: &str,
        _path: Option<&Bound<'py, PyAny>>,
        _target: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if source(name).is_none() {
            return Ok(None);
        }
        let py = slf.py();
        let machinery = py.import("importlib.machinery")?;
        let options = PyDict::new(py);
        options.set_item("origin", "lictor")?;
        let spec = machinery
            .getattr("ModuleSpec")?
            .call((name, slf), Some(&options))?;
        Ok(Some(spec))
    }

    #[expect(clippy::unused_self, reason = "called by the import system")]
    #[pyo3(signature = (_spec, /))]
    fn create_module(&self, _spec: &Bound<'_, PyAny>) -> Option<Py<PyAny>> {
        // The usual one.
        None
    }

    #[expect(clippy::unused_self, reason = "called by the import system")]
    fn exec_module(&self, module: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = module.py();
        let name: String = module.getattr(intern!(py, "__name__"))?.extract()?;
        let text = source(&name).ok_or_else(|| PyImportError::new_err(name.clone()))?;
        if !IS_IMPORTED.swap(true, Ordering::Relaxed)
            && let Some(scoreboard) = facts::scoreboard()
        {
            // Whoever asks for workers wants to know how long their requests take.
            scoreboard.want_times();
        }
        let dict = module.getattr(intern!(py, "__dict__"))?;
        if name == CORE {
            dict.set_item("_host", Bound::new(py, Host)?)?;
        }
        let builtins = py.import("builtins")?;
        let code = builtins.call_method1("compile", (text, format!("<{name}>"), "exec"))?;
        builtins.call_method1("exec", (code, dict))?;
        Ok(())
    }

    /// For tracebacks.
    #[expect(clippy::unused_self, reason = "called by the import system")]
    fn get_source(&self, name: &str) -> Option<&'static str> {
        source(name)
    }
}
