//! One call of the app: what it has received and sent, who of it waits, and how it ends.
//!
//! A call outlives its request: the app may go on once its answer is complete, or its client gone.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::Bytes;
use pyo3::intern;
use pyo3::prelude::*;

use super::Application;
use super::awaitable::Wanted;
use super::reply::Reply;
use super::websocket::SocketCall;
use crate::worker::deadlines::NEVER;
use crate::worker::exchange::{
    Asked, LiveExchange, Outcome, Report, RequestBody, ResponseHead, Watcher,
};
use crate::worker::fatal;
use crate::worker::sync::lock;
use crate::worker::wsgi::log;

/// What the log shows for a request whose client left before its answer was complete; nginx's.
const CLIENT_LEFT: u16 = 499;

/// How much of the request body the app has.
#[derive(Debug)]
pub(super) enum Body {
    Whole(Bytes),
    Streamed,
    /// All of it, or all that there will ever be.
    Read,
}

/// What changes as the app receives and sends.
#[derive(Debug)]
pub(super) struct State {
    pub(super) reply: Reply,
    pub(super) body: Body,
    /// Given by `http.response.start`, not sent yet.
    pub(super) head: Option<ResponseHead>,
    pub(super) trailers: Vec<(Bytes, Bytes)>,
    /// What `http.response.pathsend` named.
    pub(super) file: Option<File>,
    /// The app was told that its client failed it: what it raises then is no mistake of its own.
    pub(super) is_client_to_blame: bool,
}

/// The task of a call that goes on.
#[derive(Debug)]
struct Kept {
    index: usize,
    task: Py<PyAny>,
}

/// One call of the app.
pub(in crate::worker) struct Call {
    pub(super) app: Arc<Application>,
    pub(super) exchange: Arc<dyn LiveExchange>,
    /// If the request asks for a websocket.
    pub(super) socket: Option<SocketCall>,
    pub(super) state: Mutex<State>,
    /// Futures of the loop that wait for progress.
    waiters: Mutex<Vec<Py<PyAny>>>,
    /// Until it is done: a task that failed holds what its frames held, this call among it.
    kept: Mutex<Option<Kept>>,
    overdue_ms: AtomicU64,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl Call {
    pub(super) fn new(
        app: &Arc<Application>,
        asked: Asked,
        body: RequestBody,
        is_head: bool,
    ) -> Self {
        let body = match body {
            RequestBody::Whole(bytes) => Body::Whole(bytes),
            RequestBody::Streamed => Body::Streamed,
        };
        let (exchange, socket): (Arc<dyn LiveExchange>, _) = match asked {
            Asked::Answer(exchange) => (exchange, None),
            Asked::Websocket(socket) => (Arc::clone(&socket) as _, Some(SocketCall::new(socket))),
        };
        Self {
            app: Arc::clone(app),
            exchange,
            socket,
            state: Mutex::new(State {
                reply: Reply::new(is_head),
                body,
                head: None,
                trailers: Vec::new(),
                file: None,
                is_client_to_blame: false,
            }),
            waiters: Mutex::default(),
            kept: Mutex::default(),
            overdue_ms: AtomicU64::new(NEVER),
        }
    }

    pub(super) fn set_task(&self, index: usize, task: &Bound<'_, PyAny>, overdue_ms: Option<u64>) {
        let task = task.clone().unbind();
        *lock(&self.kept) = Some(Kept { index, task });
        self.overdue_ms
            .store(overdue_ms.unwrap_or(NEVER), Ordering::Relaxed);
    }

    pub(super) fn task<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        let kept = lock(&self.kept);
        kept.as_ref().map(|kept| kept.task.bind(py).clone())
    }

    /// `harakiri` does not look at it any more.
    pub(super) fn take_all_time(&self) {
        self.overdue_ms.store(NEVER, Ordering::Relaxed);
    }

    pub(super) fn overdue_ms(&self) -> u64 {
        self.overdue_ms.load(Ordering::Relaxed)
    }

    /// What somebody waits for, if it has come.
    pub(super) fn attempt<'py>(
        self: &Arc<Self>,
        py: Python<'py>,
        wanted: Wanted,
    ) -> PyResult<Poll<Bound<'py, PyAny>>> {
        let none = || py.None().into_bound(py);
        match wanted {
            Wanted::Message => match &self.socket {
                Some(socket) => self.poll_socket(py, socket),
                None => self.poll_message(py),
            },
            Wanted::SocketRoom => Ok(self.poll_socket_room()?.map(|()| none())),
            Wanted::Room => Ok(self.poll_room()?.map(|()| none())),
            Wanted::File => Ok(self.poll_file(py)?.map(|()| none())),
        }
    }

    /// A future that the next progress completes.
    pub(super) fn new_waiter<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let event_loop = self.app.life.event_loop(py);
        let future = event_loop.call_method0(intern!(py, "create_future"))?;
        let mut waiters = lock(&self.waiters);
        // A client that never moves must not collect the futures of waits that were cancelled.
        waiters.retain(|waiter| !is_done(waiter.bind(py)));
        waiters.push(future.clone().unbind());
        Ok(future)
    }

    /// Ends the request without the app: what it sends from now on reaches nobody.
    pub(super) fn give_up(&self, status: u16, is_error: bool) {
        let report = {
            let mut state = lock(&self.state);
            let is_begun = state.reply.is_begun();
            let status = if is_begun { state.reply.status } else { status };
            state.reply.close();
            state.file = None;
            Report {
                outcome: Outcome::Failed,
                status,
                body_bytes: state.reply.sent_bytes,
                is_error,
            }
        };
        self.exchange.end(report);
        self.progressed();
    }

    /// The task is done.
    pub(super) fn ended(&self, py: Python<'_>, task: &Bound<'_, PyAny>) {
        let result = task.call_method0(intern!(py, "result"));
        self.failed(py, result.err());
    }

    /// The app has returned, or raised: ends what it has not ended itself.
    pub(super) fn failed(&self, py: Python<'_>, error: Option<PyErr>) {
        let kept = lock(&self.kept).take();
        if let Some(kept) = kept {
            self.app.forget(kept.index);
        }
        if let Some(socket) = self.accepted() {
            return self.leave_socket(py, socket, error);
        }
        let (is_over, is_begun, is_client_to_blame) = {
            let state = lock(&self.state);
            let reply = &state.reply;
            (reply.is_over(), reply.is_begun(), state.is_client_to_blame)
        };
        // From here, because its time was over: no mistake to trace.
        let is_cancelled = error.as_ref().is_some_and(|error| is_cancelled(py, error));
        let is_too_late = is_cancelled && self.app.is_stopped.load(Ordering::Relaxed);
        match error {
            Some(_) if is_too_late => self.log(py, "it was cancelled: its worker's time is over"),
            Some(error) if !(is_client_to_blame || is_over && is_cancelled) => {
                fatal::display(py, &error);
            }
            Some(_) if !is_over => self.log(py, "the client left before its answer was complete"),
            None if !is_over && !is_client_to_blame => self.log(
                py,
                if is_begun {
                    "the app returned before its answer was complete; the connection is closed"
                } else {
                    "the app returned without an answer"
                },
            ),
            Some(_) | None => {}
        }
        if !is_over {
            let status = match (is_client_to_blame, is_too_late) {
                (true, _) => CLIENT_LEFT,
                (false, true) => 503,
                (false, false) => 500,
            };
            self.give_up(status, !is_client_to_blame);
        }
        self.exchange.leave();
    }

    /// `harakiri`: the call has taken too long.
    pub(super) fn expire(&self, py: Python<'_>) {
        self.overdue_ms.store(NEVER, Ordering::Relaxed);
        // What an app does once it has answered is its own business.
        let (Some(task), false) = (self.task(py), lock(&self.state).reply.is_over()) else {
            return;
        };
        let stands = self.app.life.where_is(&task).unwrap_or_default();
        let limit = self.app.harakiri.unwrap_or_default().as_secs_f64();
        let (is_begun, status) = {
            let state = lock(&self.state);
            (state.reply.is_begun(), state.reply.status)
        };
        let outcome = if is_begun {
            format!("its answer, which had begun with status {status}, was cut off")
        } else {
            "the client got status 504".to_owned()
        };
        let title = self.exchange.title();
        log(
            py,
            &format!(
                "lictor: harakiri: `{title}` took more than {limit} s; {outcome}; its task, which \
                 stands here, is cancelled\n{}",
                stands.trim_end()
            ),
        );
        self.give_up(504, true);
        if let Err(error) = task.call_method0(intern!(py, "cancel")) {
            error.display(py);
        }
    }

    /// Says something about this request in the app's own log.
    pub(super) fn log(&self, py: Python<'_>, what: &str) {
        log(py, &format!("lictor: {}: {what}", self.exchange.title()));
    }
}

impl Watcher for Call {
    fn progressed(&self) {
        let waiters = std::mem::take(&mut *lock(&self.waiters));
        if !waiters.is_empty() {
            Python::attach(|py| wake(py, &waiters));
        }
        if let Some(socket) = self.accepted() {
            self.look_at(socket);
        }
    }
}

fn wake(py: Python<'_>, waiters: &[Py<PyAny>]) {
    for waiter in waiters {
        let waiter = waiter.bind(py);
        // One that is done belongs to a wait that was cancelled.
        if !is_done(waiter)
            && let Err(error) = waiter.call_method1(intern!(py, "set_result"), (py.None(),))
        {
            error.display(py);
        }
    }
}

fn is_done(future: &Bound<'_, PyAny>) -> bool {
    future
        .call_method0(intern!(future.py(), "done"))
        .is_ok_and(|done| done.is_truthy().unwrap_or(true))
}

pub(super) fn is_cancelled(py: Python<'_>, error: &PyErr) -> bool {
    py.import(intern!(py, "asyncio"))
        .and_then(|asyncio| asyncio.getattr(intern!(py, "CancelledError")))
        .is_ok_and(|kind| error.matches(py, kind).unwrap_or(false))
}

/// What the loop calls when the task of a call is done.
#[pyclass(frozen, module = "lictor")]
pub(super) struct Ended(pub(super) Arc<Call>);

#[pymethods]
impl Ended {
    fn __call__(&self, task: &Bound<'_, PyAny>) {
        self.0.ended(task.py(), task);
    }
}
