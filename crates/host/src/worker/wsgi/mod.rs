//! The app as a WSGI callable (PEP 3333).
//!
//! [`Application::call`] is the only way into Python while serving: it attaches the interpreter,
//! builds the environ, calls, sends what the app yields and closes it. Nothing here knows how
//! requests travel; what the app reads and writes goes through an [`Exchange`].

mod current;
mod environ;
mod field_name;
mod file_wrapper;
mod input;
mod reply;
mod respond;
mod start_response;
mod text;
mod tls_variables;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use pyo3::exceptions::{PyIndexError, PyOSError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use self::environ::{Environ, Surroundings};
use self::input::Input;
use self::start_response::StartResponse;
use super::Worker;
use super::exchange::{Exchange, Outcome, Report, Request, RequestFields};
use super::fatal;
use super::files::file_field;

pub(crate) use self::current::current;
pub(super) use self::field_name::USUAL;
pub(super) use self::respond::lent_or_copied;
pub(super) use self::text::log;

/// The app and everything prepared for its calls.
pub(super) struct Application {
    callables: Vec<Py<PyAny>>,
    environ: Environ,
    /// By which the app may name a file that is sent in place of its answer's body.
    file_field: Option<&'static [u8]>,
}

impl Application {
    pub(super) fn new(py: Python<'_>, worker: &Worker) -> PyResult<Self> {
        let config = &worker.config;
        let listeners = worker.listeners.iter();
        let surroundings = Surroundings {
            is_multithread: config.threads > 1,
            is_multiprocess: config.processes > 1,
            has_file_wrapper: !config.apps.hides_file_wrapper,
        };
        let callables = worker.apps.iter().map(|app| app.clone_ref(py));
        Ok(Self {
            callables: callables.collect(),
            environ: Environ::new(py, listeners, surroundings)?,
            file_field: file_field(config.files.file_serve_mode),
        })
    }

    /// Calls the app for one request. To be called without the interpreter.
    pub(super) fn call(&self, request: Request<'_, '_>, exchange: Arc<dyn Exchange>) -> Report {
        // A panic of ours costs this one request; the hook has said where it was.
        catch_unwind(AssertUnwindSafe(|| {
            Python::attach(|py| self.call_attached(py, request, exchange))
        }))
        .unwrap_or(Report {
            outcome: Outcome::Failed,
            status: 500,
            body_bytes: 0,
            is_error: true,
        })
    }

    fn call_attached(
        &self,
        py: Python<'_>,
        request: Request<'_, '_>,
        exchange: Arc<dyn Exchange>,
    ) -> Report {
        let Request { head, fields, body } = request;
        let input = Input::new(body, &exchange);
        let start = StartResponse::new(exchange, head.method == "HEAD", self.file_field);
        let (input, start) = match (Bound::new(py, input), Bound::new(py, start)) {
            (Ok(input), Ok(start)) => (input, start),
            (Err(error), _) | (_, Err(error)) => {
                error.display(py);
                return Report {
                    outcome: Outcome::Failed,
                    status: 500,
                    body_bytes: 0,
                    is_error: true,
                };
            }
        };
        let result = self
            .environ
            .build(py, head, fields, &input)
            .and_then(|environ| {
                let _stay = current::enter(&start, &environ);
                let iterable = self.call_app(py, head.app, (environ, &start))?;
                respond::respond(&iterable, &start)
            });
        // The app may keep both; neither may reach into the next request of this connection.
        input.get().close();
        let said = start.get().close();
        let (outcome, is_error) = match result {
            Ok(outcome) => (outcome, said.is_wrong),
            // The client's doing, so no traceback: there is nothing to mend in the app.
            Err(error) if input.get().is_broken_off() && error.is_instance_of::<PyOSError>(py) => {
                let uri = head.uri.escape_debug();
                log(
                    py,
                    &format!("lictor: {} {uri}: {}", head.method, error.value(py)),
                );
                (Outcome::Failed, false)
            }
            Err(error) => {
                fatal::display(py, &error);
                (Outcome::Failed, true)
            }
        };
        let status = match outcome {
            Outcome::Failed if !said.is_begun => 500,
            Outcome::Answer(ref head, _)
            | Outcome::File(ref head, _)
            | Outcome::FileParts(ref head, _) => head.status,
            Outcome::Streamed | Outcome::Cut | Outcome::Failed | Outcome::Switched => said.status,
        };
        Report {
            outcome,
            status,
            body_bytes: said.body_bytes,
            is_error,
        }
    }

    fn call_app<'py>(
        &self,
        py: Python<'py>,
        app: usize,
        arguments: (Bound<'py, PyDict>, &Bound<'py, StartResponse>),
    ) -> PyResult<Bound<'py, PyAny>> {
        let callable = self.callables.get(app);
        let callable = callable.ok_or_else(|| PyIndexError::new_err("no such app"))?;
        callable.bind(py).call1(arguments)
    }

    /// Says something in the app's own log.
    pub(super) fn log(line: &str) {
        Python::attach(|py| log(py, line));
    }

    /// Runs the signal handlers of the app, and whether one of them raised (`KeyboardInterrupt`,
    /// `SystemExit`). In the main thread, after a wait was interrupted.
    pub(super) fn wants_to_leave() -> bool {
        Python::attach(|py| py.check_signals().is_err())
    }
}
