//! Finds the app among the names of a module, and calls it first where it is a factory.

use std::ffi::CStr;

use lictor_core::observe::{Failure, FailureKind};
use pyo3::exceptions::PyAttributeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyModule, PyTuple};

use super::failure_of;
use super::import::Imported;

/// Names tried when none is said.
const USUAL_NAMES: [&str; 2] = ["application", "app"];

pub(super) const CALLABLE_HINT: &str =
    "hint: name a WSGI callable or an ASGI one: `module = \"package.module:callable\"`";

/// The app that `callable` names, which may be a call: `site.create("production", debug=False)`.
pub(super) fn find_callable<'py>(
    py: Python<'py>,
    imported: &Imported<'py>,
    callable: Option<&str>,
    named: &str,
) -> Result<Bound<'py, PyAny>, Failure> {
    let module = match imported {
        Imported::App(app) => return Ok(app.clone()),
        Imported::Module(module) => module,
    };
    let Some(callable) = callable else {
        return usual(module, named);
    };
    let Some((path, _)) = callable.split_once('(') else {
        return attribute(py, module, callable, named);
    };
    let factory = attribute(py, module, path.trim_end(), named)?;
    let (arguments, keywords) = literals(py, callable).map_err(|error| {
        let message = format!("`{callable}` cannot be called: {}", error.value(py));
        let hint = "hint: the arguments of a factory are literals, such as \
                    `create_app(\"production\", debug=False)`";
        Failure::new(FailureKind::Import, message, hint)
    })?;
    factory
        .call(arguments, Some(&keywords))
        .map_err(|error| failure_of(py, &error, "its factory was called"))
}

fn usual<'py>(module: &Bound<'py, PyModule>, named: &str) -> Result<Bound<'py, PyAny>, Failure> {
    USUAL_NAMES
        .iter()
        .find_map(|name| module.getattr(*name).ok())
        .ok_or_else(|| {
            let message = format!("`{named}` has neither `application` nor `app`");
            Failure::new(FailureKind::Import, message, CALLABLE_HINT)
        })
}

fn attribute<'py>(
    py: Python<'py>,
    module: &Bound<'py, PyModule>,
    path: &str,
    named: &str,
) -> Result<Bound<'py, PyAny>, Failure> {
    let start = module.as_any().clone();
    let found = path
        .split('.')
        .try_fold(start, |object, part| object.getattr(part));
    found.map_err(|error| {
        if error.is_instance_of::<PyAttributeError>(py) {
            let message = format!("`{named}` has no `{path}`");
            Failure::new(FailureKind::Import, message, CALLABLE_HINT)
        } else {
            failure_of(py, &error, "its callable was looked up")
        }
    })
}

/// Reads the arguments of a call without running any of it.
const LITERALS: &CStr = c"
import ast


def read(text):
    try:
        call = ast.parse(text, mode='eval').body
    except SyntaxError as error:
        raise ValueError(f'{error.msg}') from None
    if not isinstance(call, ast.Call) or any(isinstance(node, ast.Call) for node in ast.walk(call.func)):
        raise ValueError('it is no single call of a factory')
    if any(keyword.arg is None for keyword in call.keywords):
        raise ValueError('`**` is no literal')
    try:
        positional = tuple(ast.literal_eval(value) for value in call.args)
        named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords}
    except ValueError:
        raise ValueError('an argument is no literal') from None
    return positional, named
";

fn literals<'py>(
    py: Python<'py>,
    call: &str,
) -> PyResult<(Bound<'py, PyTuple>, Bound<'py, PyDict>)> {
    let module = PyModule::from_code(py, LITERALS, c"lictor/literals.py", c"_lictor_literals")?;
    module.call_method1("read", (call,))?.extract()
}
