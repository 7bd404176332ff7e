//! Websockets as messages of the app: the handshake, what it receives and sends, and the end.
//!
//! Until the app accepts, the request is an ordinary one, which it may also answer.

mod messages;

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::Bytes;
use pyo3::exceptions::{PyBrokenPipeError, PyRuntimeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use self::messages::{given, message, received};
use super::awaitable::Wanted;
use super::call::{Call, is_cancelled};
use super::message::{bytes_of, unjudged_fields};
use super::send::Left;
use crate::worker::exchange::{
    ExchangeError, LiveSocket, Outcome, Report, ResponseHead, SocketError, SocketMessage,
};
use crate::worker::fatal;
use crate::worker::sync::lock;
use crate::worker::websocket::CloseError;

const NORMAL: u16 = 1000;
const INTERNAL_ERROR: u16 = 1011;
const RESTART: u16 = 1012;
/// No close frame has come.
const ABNORMAL: u16 = 1006;

/// What the app may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It has not been told yet that somebody wants to connect.
    New,
    /// It may accept, close, or answer otherwise.
    Handshake,
    /// It answers otherwise.
    Denying,
    Open,
    /// It has closed, or has heard of the end.
    Closed,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    is_accepted: bool,
    sent_bytes: u64,
}

/// The part of a call that a websocket needs.
pub(super) struct SocketCall {
    exchange: Arc<dyn LiveSocket>,
    state: Mutex<State>,
}

impl SocketCall {
    pub(super) fn new(exchange: Arc<dyn LiveSocket>) -> Self {
        Self {
            exchange,
            state: Mutex::new(State {
                stage: Stage::New,
                is_accepted: false,
                sent_bytes: 0,
            }),
        }
    }

    fn stage(&self) -> Stage {
        lock(&self.state).stage
    }

    fn set_stage(&self, stage: Stage) {
        lock(&self.state).stage = stage;
    }

    fn report(&self, is_error: bool) -> Report {
        Report {
            outcome: Outcome::Switched,
            status: 101,
            body_bytes: lock(&self.state).sent_bytes,
            is_error,
        }
    }
}

impl Call {
    /// The websocket, once the app has accepted it.
    pub(super) fn accepted(&self) -> Option<&SocketCall> {
        self.socket
            .as_ref()
            .filter(|socket| lock(&socket.state).is_accepted)
    }

    /// The next message, if there is one.
    pub(super) fn poll_socket<'py>(
        &self,
        py: Python<'py>,
        socket: &SocketCall,
    ) -> PyResult<Poll<Bound<'py, PyAny>>> {
        if socket.stage() == Stage::New {
            socket.set_stage(Stage::Handshake);
            let message = message(py, intern!(py, "websocket.connect"))?;
            return Ok(Poll::Ready(message.into_any()));
        }
        let next = if self.accepted().is_some() {
            socket.exchange.poll_message()
        } else if socket.exchange.has_client_left() {
            let reason = String::new();
            Poll::Ready(SocketMessage::End {
                code: ABNORMAL,
                reason,
            })
        } else {
            Poll::Pending
        };
        let Poll::Ready(next) = next else {
            return Ok(Poll::Pending);
        };
        if let SocketMessage::End { .. } = next {
            // What it raises from now on is the client's doing, unless it has just been answered.
            if self.accepted().is_some() || !lock(&self.state).reply.is_over() {
                lock(&self.state).is_client_to_blame = true;
            }
            socket.set_stage(Stage::Closed);
        }
        Ok(Poll::Ready(received(py, next)?.into_any()))
    }

    /// A message of the app, which is of this kind.
    pub(super) fn take_of_socket(
        &self,
        socket: &SocketCall,
        kind: &Bound<'_, PyAny>,
        message: &Bound<'_, PyDict>,
    ) -> Left {
        let kind = kind.extract::<String>()?;
        let stage = socket.stage();
        match (kind.as_str(), stage) {
            ("websocket.accept", Stage::New | Stage::Handshake) => {
                self.take_accept(socket, message)
            }
            ("websocket.close", Stage::New | Stage::Handshake) => {
                socket.set_stage(Stage::Closed);
                self.deny();
                Ok(None)
            }
            ("websocket.http.response.start", Stage::New | Stage::Handshake) => {
                let left = self.take_start(message)?;
                socket.set_stage(Stage::Denying);
                Ok(left)
            }
            ("websocket.http.response.body", Stage::Denying) => self.take_body(message),
            ("websocket.send", Stage::Open) => self.take_send(socket, message),
            ("websocket.close", Stage::Open) => take_close(socket, message),
            _ if stage == Stage::Closed && lock(&self.state).is_client_to_blame => {
                Err(gone(ExchangeError::Gone))
            }
            _ => Err(PyRuntimeError::new_err(format!(
                "`{kind}` may not be sent now: {}",
                expected(stage)
            ))),
        }
    }

    fn take_accept(&self, socket: &SocketCall, message: &Bound<'_, PyDict>) -> Left {
        let py = message.py();
        let chosen = given(message, intern!(py, "subprotocol"))?;
        let chosen = chosen
            .map(|chosen| chosen.extract::<String>())
            .transpose()?;
        let fields = match given(message, intern!(py, "headers"))? {
            Some(fields) => unjudged_fields(&fields)?,
            None => Vec::new(),
        };
        match socket.exchange.accept(chosen.as_deref(), &fields) {
            Ok(()) => {}
            Err(SocketError::Refused(error)) => {
                return Err(PyValueError::new_err(error.to_string()));
            }
            Err(SocketError::Gone(error)) => return Err(self.lost(socket, error)),
        }
        let mut state = lock(&socket.state);
        (state.stage, state.is_accepted) = (Stage::Open, true);
        drop(state);
        self.take_all_time();
        // It may have ended already.
        self.look_at(socket);
        Ok(None)
    }

    /// Closed before it was accepted (ASGI, "Close").
    fn deny(&self) {
        let head = ResponseHead {
            status: 403,
            ..ResponseHead::default()
        };
        let mut state = lock(&self.state);
        let reply = &mut state.reply;
        (reply.status, reply.sent_bytes) = (403, 0);
        reply.close();
        drop(state);
        self.complete(Outcome::Answer(head, Bytes::new()));
    }

    fn take_send(&self, socket: &SocketCall, message: &Bound<'_, PyDict>) -> Left {
        let py = message.py();
        let sent = if let Some(text) = given(message, intern!(py, "text"))? {
            let text = text.cast::<PyString>()?.to_cow()?;
            (socket.exchange.put_text(&text), text.len())
        } else if let Some(bytes) = given(message, intern!(py, "bytes"))? {
            let bytes = bytes_of(&bytes)?;
            (socket.exchange.put_binary(&bytes), bytes.len())
        } else {
            return Err(PyValueError::new_err(
                "`websocket.send` needs `text` or `bytes`",
            ));
        };
        sent.0.map_err(|error| self.lost(socket, error))?;
        lock(&socket.state).sent_bytes += sent.1 as u64;
        match self.poll_socket_room()? {
            Poll::Ready(()) => Ok(None),
            Poll::Pending => Ok(Some(Wanted::SocketRoom)),
        }
    }

    /// Whether the client has taken enough for more to be sent.
    pub(super) fn poll_socket_room(&self) -> PyResult<Poll<()>> {
        let Some(socket) = &self.socket else {
            return Ok(Poll::Ready(()));
        };
        match socket.exchange.poll_room() {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(Ok(())) => Ok(Poll::Ready(())),
            Poll::Ready(Err(error)) => Err(self.lost(socket, error)),
        }
    }

    /// The client is gone, which the app is told by this error.
    fn lost(&self, socket: &SocketCall, error: ExchangeError) -> PyErr {
        lock(&self.state).is_client_to_blame = true;
        if lock(&socket.state).is_accepted {
            socket.set_stage(Stage::Open);
        }
        gone(error)
    }

    /// Ends the request once the connection is over, also if the app goes on.
    pub(super) fn look_at(&self, socket: &SocketCall) {
        if socket.exchange.is_over() {
            self.exchange.end(socket.report(false));
        }
    }

    /// The app has returned, or raised.
    pub(super) fn leave_socket(&self, py: Python<'_>, socket: &SocketCall, error: Option<PyErr>) {
        let is_client_to_blame = lock(&self.state).is_client_to_blame;
        let is_stopped = self.app.is_stopped.load(Ordering::Relaxed);
        let (code, is_error) = match error {
            None => (NORMAL, false),
            Some(error) if is_stopped && is_cancelled(py, &error) => (RESTART, false),
            Some(error) if is_client_to_blame => {
                self.log(py, &format!("the app ended behind its client: {error}"));
                (NORMAL, false)
            }
            Some(error) => {
                fatal::display(py, &error);
                (INTERNAL_ERROR, true)
            }
        };
        // Unless somebody else has done so before.
        let _closes_already = socket.exchange.close(code, "");
        self.exchange.end(socket.report(is_error));
        self.exchange.leave();
    }
}

fn take_close(socket: &SocketCall, message: &Bound<'_, PyDict>) -> Left {
    let py = message.py();
    let code = match given(message, intern!(py, "code"))? {
        Some(code) => code.extract()?,
        None => NORMAL,
    };
    let reason = match given(message, intern!(py, "reason"))? {
        Some(reason) => reason.extract()?,
        None => String::new(),
    };
    match socket.exchange.close(code, &reason) {
        Err(error @ CloseError::Code(_)) => Err(PyValueError::new_err(error.to_string())),
        // The client was faster.
        Ok(()) | Err(CloseError::Closed) => {
            socket.set_stage(Stage::Closed);
            Ok(None)
        }
    }
}

fn expected(stage: Stage) -> &'static str {
    match stage {
        Stage::New | Stage::Handshake => {
            "`websocket.accept`, `websocket.close` or `websocket.http.response.start` comes first"
        }
        Stage::Denying => "`websocket.http.response.body` is to follow",
        Stage::Open => "the websocket is open for `websocket.send` and `websocket.close`",
        Stage::Closed => "the websocket is closed",
    }
}

fn gone(error: ExchangeError) -> PyErr {
    PyBrokenPipeError::new_err(error.to_string())
}
