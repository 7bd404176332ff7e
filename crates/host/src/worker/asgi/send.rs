//! `send`: the answer as messages of the app.
//!
//! What it sends is laid down at once; the awaitable that it gets is done, or waits until the client
//! has taken it, so that a slow client slows the app and nothing piles up.

use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use pyo3::exceptions::{PyBrokenPipeError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::awaitable::{Waiting, Wanted};
use super::call::Call;
use super::message::{bytes_of, flag, required, take_fields};
use super::reply::{OutOfOrder, Step, Then};
use crate::worker::exchange::{Outcome, Report, ResponseHead, Watcher};
use crate::worker::fields;
use crate::worker::files::take_name;
use crate::worker::sync::lock;

/// The callable that an app gets.
#[pyclass(frozen, module = "lictor")]
pub(super) struct Send(pub(super) Arc<Call>);

#[pymethods]
impl Send {
    fn __call__(&self, message: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let py = message.py();
        let call = &self.0;
        let Ok(message) = message.cast::<PyDict>() else {
            let given = message.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "send() takes a dict, not {given}"
            )));
        };
        let kind = required(message, intern!(py, "type"))?;
        let wanted = if let Some(socket) = &call.socket {
            call.take_of_socket(socket, &kind, message)?
        } else if kind.eq(intern!(py, "http.response.body"))? {
            call.take_body(message)?
        } else if kind.eq(intern!(py, "http.response.start"))? {
            call.take_start(message)?
        } else if kind.eq(intern!(py, "http.response.trailers"))? {
            call.take_trailers(message)?
        } else if kind.eq(intern!(py, "http.response.pathsend"))? {
            call.take_path(message)?
        } else {
            return Err(PyRuntimeError::new_err(format!(
                "`{kind}` is no message of an HTTP response"
            )));
        };
        match wanted {
            Some(wanted) => Ok(Bound::new(py, Waiting::new(call, wanted))?
                .into_any()
                .unbind()),
            None => Ok(call.app.done.clone_ref(py).into_any()),
        }
    }
}

/// What is left to wait for.
pub(super) type Left = PyResult<Option<Wanted>>;

impl Call {
    pub(super) fn take_start(&self, message: &Bound<'_, PyDict>) -> Left {
        let py = message.py();
        let status: u16 = required(message, intern!(py, "status"))?.extract()?;
        // 1xx is not an answer: the connection would wait for another one.
        if !(200..1000).contains(&status) {
            return Err(PyValueError::new_err(format!(
                "the status {status} is not a final one"
            )));
        }
        let has_trailers = flag(message, intern!(py, "trailers"))?;
        let mut head = ResponseHead {
            status,
            ..ResponseHead::default()
        };
        if let Some(given) = message.get_item(intern!(py, "headers"))? {
            take_fields(&given, &mut head)?;
        }
        if let Some(field) = self.app.file_field {
            take_name(&mut head, field);
        }
        let mut state = lock(&self.state);
        in_order(state.reply.start(status, head.content_length, has_trailers))?;
        if head.named_file.is_some() {
            state.reply.replace();
        }
        state.head = Some(head);
        Ok(None)
    }

    pub(super) fn take_body(&self, message: &Bound<'_, PyDict>) -> Left {
        let py = message.py();
        let piece = match message.get_item(intern!(py, "body"))? {
            Some(body) => bytes_of(&body)?,
            None => Bytes::new(),
        };
        let is_more = flag(message, intern!(py, "more_body"))?;
        self.check_client()?;
        let step = lock(&self.state).reply.body(piece.len(), is_more);
        let step = in_order(step)?;
        self.carry_out(py, step, &piece);
        if step.then == Then::Body || step.then == Then::Trailers {
            return match self.poll_room()? {
                Poll::Ready(()) => Ok(None),
                Poll::Pending => Ok(Some(Wanted::Room)),
            };
        }
        Ok(None)
    }

    fn take_trailers(&self, message: &Bound<'_, PyDict>) -> Left {
        let py = message.py();
        let mut given = ResponseHead::default();
        if let Some(fields) = message.get_item(intern!(py, "headers"))? {
            take_fields(&fields, &mut given)?;
        }
        let is_more = flag(message, intern!(py, "more_trailers"))?;
        self.check_client()?;
        let (is_last, trailers) = {
            let mut state = lock(&self.state);
            let is_last = in_order(state.reply.trailers(is_more))?;
            let fields = given.fields.into_iter();
            state
                .trailers
                .extend(fields.filter(|(name, _)| fields::may_trail(name)));
            let trailers = if is_last {
                std::mem::take(&mut state.trailers)
            } else {
                Vec::new()
            };
            (is_last, trailers)
        };
        if is_last && !self.complete_replaced() {
            self.exchange.put_trailers(trailers);
            self.complete(Outcome::Streamed);
        }
        Ok(None)
    }

    /// Whether the kernel has everything.
    pub(super) fn poll_room(&self) -> PyResult<Poll<()>> {
        match self.exchange.poll_flush() {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(Ok(())) => Ok(Poll::Ready(())),
            Poll::Ready(Err(error)) => {
                let mut state = lock(&self.state);
                if state.reply.is_over() && !state.is_client_to_blame {
                    // The rest of an answer that is over needs nobody to wait for it.
                    return Ok(Poll::Ready(()));
                }
                state.is_client_to_blame = true;
                Err(PyBrokenPipeError::new_err(error.to_string()))
            }
        }
    }

    /// An app that was told that its request is over hears it again, not that it is out of order.
    pub(super) fn check_client(&self) -> PyResult<()> {
        let state = lock(&self.state);
        if state.is_client_to_blame && state.reply.is_over() {
            return Err(PyBrokenPipeError::new_err("the client went away"));
        }
        Ok(())
    }

    /// Lays down a piece of the body and what comes of it.
    pub(super) fn carry_out(&self, py: Python<'_>, step: Step, piece: &Bytes) {
        if lock(&self.state).reply.is_replaced() {
            if step.then == Then::Complete {
                self.complete_replaced();
            }
            return;
        }
        let (head, is_bodiless) = {
            let mut state = lock(&self.state);
            let head = state.head.take().filter(|_| step.begins);
            (head, state.reply.is_bodiless())
        };
        if let Some(head) = head {
            if step.then == Then::Complete {
                // For HEAD the length of the body that is left out counts.
                let take = if is_bodiless { piece.len() } else { step.take };
                return self.complete(Outcome::Answer(head, piece.slice(..take)));
            }
            self.exchange.begin_stream(head);
        }
        self.exchange.put(piece.slice(..step.take));
        match step.then {
            Then::Body | Then::Trailers => {}
            Then::Complete => self.complete(Outcome::Streamed),
            Then::Short => {
                self.log(
                    py,
                    "the app sent fewer bytes than its Content-Length; the connection is closed",
                );
                // What there is of it.
                let _cut_anyway = self.exchange.poll_flush();
                self.complete(Outcome::Cut);
            }
        }
    }

    /// The app has sent everything, and none of it counts but the name of a file. False if it named
    /// none.
    fn complete_replaced(&self) -> bool {
        let head = {
            let mut state = lock(&self.state);
            state.reply.is_replaced().then(|| state.head.take())
        };
        let Some(head) = head.flatten() else {
            return false;
        };
        self.complete(Outcome::Answer(head, Bytes::new()));
        true
    }

    /// The app has sent everything.
    pub(super) fn complete(&self, outcome: Outcome) {
        let report = {
            let state = lock(&self.state);
            let reply = &state.reply;
            let is_cut = matches!(outcome, Outcome::Cut);
            Report {
                outcome,
                status: reply.status,
                body_bytes: reply.sent_bytes,
                is_error: reply.status >= 500 || reply.is_overlong || is_cut,
            }
        };
        if lock(&self.state).reply.is_overlong {
            Python::attach(|py| {
                self.log(
                    py,
                    "the app sent more bytes than its Content-Length; the rest was dropped",
                );
            });
        }
        self.exchange.end(report);
        // Whoever waits for the client's end learns that it is over.
        self.progressed();
    }
}

pub(super) fn in_order<T>(result: Result<T, OutOfOrder>) -> PyResult<T> {
    result.map_err(|error| PyRuntimeError::new_err(error.to_string()))
}
