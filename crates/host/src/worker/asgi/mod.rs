//! The app as an ASGI 3 callable, and the event loop that runs it.
//!
//! The loop runs on the worker's own thread, and the reactor's epoll set is one of the descriptors
//! that it watches (`turn`). A request becomes a task of the app's coroutine (`call`); what the app
//! receives and sends goes through a `LiveExchange`, at once where that is possible, else the
//! app waits for a future of the loop (`awaitable`). Nothing here knows how requests travel.

mod awaitable;
mod call;
mod lifespan;
mod message;
mod pathsend;
mod receive;
mod reply;
mod scope;
mod send;
mod tls;
mod turn;
mod websocket;

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use pyo3::exceptions::PyIndexError;
use pyo3::intern;
use pyo3::prelude::*;
use slab::Slab;

use self::awaitable::Waiting;
use self::call::{Call, Ended};
use self::lifespan::Life;
use self::receive::Receive;
use self::scope::{Scope, Scopes};
use self::send::Send;
use super::connection::Connection;
use super::deadlines::NEVER;
use super::exchange::{Asked, RequestBody, RequestFields, RequestHead};
use super::http::Arrived;
use super::sync::lock;

pub(crate) use self::lifespan::start;
pub(super) use self::turn::run;

/// The app, its event loop, and everything prepared for its calls.
pub(crate) struct Application {
    callables: Vec<Py<PyAny>>,
    life: Life,
    scopes: Scopes,
    /// Makes a task of a coroutine; an eager one takes its first step at once.
    spawn: Py<PyAny>,
    is_eager: bool,
    /// What `send` gives when there is nothing to wait for.
    done: Py<Waiting>,
    /// The calls whose tasks go on, answered or not.
    calls: Mutex<Slab<Arc<Call>>>,
    harakiri: Option<Duration>,
    /// By which an answer names a file that is to be sent instead.
    file_field: Option<&'static [u8]>,
    /// When the next call is overdue, on the clock of `turn`.
    next_overdue_ms: AtomicU64,
    /// Requests that arrived while the app held the thread.
    later: Mutex<Vec<(Arc<Connection>, Arrived)>>,
    /// What the loop calls for them, once it runs.
    later_turn: OnceLock<Py<PyAny>>,
    /// Calls whose tasks have not taken their first step, and what the loop calls when they have.
    fresh: Mutex<Vec<Arc<Call>>>,
    fresh_look: OnceLock<Py<PyAny>>,
    timer: OwnedFd,
    /// When it rings.
    armed_ms: AtomicU64,
    /// The loop has been told to stop.
    is_stopped: AtomicBool,
    started: std::time::Instant,
}

impl Application {
    /// The scope of a request, which asks for a websocket if subprotocols are given; none if Python could not make it, which has been logged.
    pub(super) fn scope(
        &self,
        head: &RequestHead<'_>,
        fields: &mut RequestFields<'_>,
        subprotocols: Option<&[String]>,
    ) -> Option<Scope> {
        Python::attach(|py| {
            let scope = self
                .scopes
                .build(py, head, fields, self.life.state(py, head.app));
            let scope = scope.and_then(|scope| match subprotocols {
                Some(offered) => scope.of_websocket(py, offered, head.is_secure),
                None => Ok(scope),
            });
            scope.inspect_err(|error| error.display(py)).ok()
        })
    }

    /// Calls the app for one request. `watch` is told whom to tell of progress, before that.
    pub(super) fn begin(
        self: &Arc<Self>,
        scope: Scope,
        body: RequestBody,
        asked: Asked,
        watch: impl FnOnce(Arc<Call>),
    ) {
        let call = Arc::new(Call::new(self, asked, body, scope.is_head));
        watch(Arc::clone(&call));
        Python::attach(|py| {
            let begun = self.spawn(py, &call, scope);
            let result = match begun {
                Ok(task) if !self.is_eager => {
                    self.keep(&call, &task);
                    lock(&self.fresh).push(Arc::clone(&call));
                    Ok(())
                }
                Ok(task) if is_done(&task) => return call.ended(py, &task),
                Ok(task) => {
                    self.keep(&call, &task);
                    tell_end(&call, &task)
                }
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                call.failed(py, Some(error));
            }
        });
    }

    fn spawn<'py>(
        &self,
        py: Python<'py>,
        call: &Arc<Call>,
        scope: Scope,
    ) -> PyResult<Bound<'py, PyAny>> {
        let receive = Bound::new(py, Receive(Arc::clone(call)))?;
        let send = Bound::new(py, Send(Arc::clone(call)))?;
        let callable = self.callables.get(scope.app);
        let coroutine = callable
            .ok_or_else(|| PyIndexError::new_err("no such app"))?
            .bind(py)
            .call1((scope.dict.into_bound(py), receive, send))?;
        self.spawn.bind(py).call1((coroutine,))
    }

    /// Remembers a call whose task goes on.
    fn keep(&self, call: &Arc<Call>, task: &Bound<'_, PyAny>) {
        // An eager task may have accepted a websocket by now, which has all time.
        let limit = self.harakiri.filter(|_| call.accepted().is_none());
        let overdue_ms = limit.map(|limit| self.now_ms() + millis(limit));
        let index = lock(&self.calls).insert(Arc::clone(call));
        call.set_task(index, task, overdue_ms);
        if let Some(overdue_ms) = overdue_ms {
            self.next_overdue_ms
                .fetch_min(overdue_ms, Ordering::Relaxed);
        }
    }

    /// Has the loop look at the tasks that began in this turn, behind their first step.
    fn look_at_fresh_soon(&self, py: Python<'_>) {
        if lock(&self.fresh).is_empty() {
            return;
        }
        if let Some(look) = self.fresh_look.get()
            && let Err(error) = self.life.call_soon(look.bind(py))
        {
            error.display(py);
        }
    }

    /// Most calls end with their first step, and need nobody to be told when they do.
    fn look_at_fresh(&self, py: Python<'_>) {
        let fresh = std::mem::take(&mut *lock(&self.fresh));
        for call in fresh {
            let Some(task) = call.task(py) else { continue };
            if is_done(&task) {
                call.ended(py, &task);
            } else if let Err(error) = tell_end(&call, &task) {
                call.failed(py, Some(error));
            }
        }
    }

    fn forget(&self, index: usize) {
        lock(&self.calls).try_remove(index);
    }

    /// Whether no call goes on.
    pub(super) fn is_at_rest(&self) -> bool {
        lock(&self.calls).is_empty() && lock(&self.later).is_empty()
    }

    fn now_ms(&self) -> u64 {
        millis(self.started.elapsed())
    }

    /// When to look at the calls again.
    fn next_overdue_in(&self) -> Option<u64> {
        let next = self.next_overdue_ms.load(Ordering::Relaxed);
        (next != NEVER).then(|| next.saturating_sub(self.now_ms()))
    }

    /// `harakiri`: ends the calls that have taken too long.
    fn look_at_calls(&self, py: Python<'_>) {
        let now = self.now_ms();
        if now < self.next_overdue_ms.load(Ordering::Relaxed) {
            return;
        }
        let mut next = NEVER;
        let mut overdue = Vec::new();
        for (_, call) in lock(&self.calls).iter() {
            match call.overdue_ms() {
                at if at <= now => overdue.push(Arc::clone(call)),
                at => next = next.min(at),
            }
        }
        self.next_overdue_ms.store(next, Ordering::Relaxed);
        for call in overdue {
            call.expire(py);
        }
    }
}

/// Lets the loop say when the task of a call is done.
fn tell_end(call: &Arc<Call>, task: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = task.py();
    let ended = Bound::new(py, Ended(Arc::clone(call)))?;
    task.call_method1(intern!(py, "add_done_callback"), (ended,))?;
    Ok(())
}

fn is_done(task: &Bound<'_, PyAny>) -> bool {
    task.call_method0(intern!(task.py(), "done"))
        .is_ok_and(|done| done.is_truthy().unwrap_or(false))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
