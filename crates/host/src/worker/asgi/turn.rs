//! The reactor as a guest of the app's event loop.
//!
//! The loop watches the reactor's epoll descriptor like any other and calls [`Turn`] when something
//! in it is ready; a turn takes what there is without waiting. A timer in the same set stands for
//! the timeout with which the reactor would wait by itself. One thread, no hand-over.

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pyo3::intern;
use pyo3::prelude::*;
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::time::{Itimerspec, TimerfdTimerFlags, timerfd_settime};

use super::Application;
use crate::worker::App;
use crate::worker::connection::Connection;
use crate::worker::deadlines::NEVER;
use crate::worker::door::Door;
use crate::worker::http::Arrived;
use crate::worker::phase::Phase;
use crate::worker::reactor::Reactor;
use crate::worker::sync::lock;
use crate::worker::threads;

/// Events taken in one turn.
const BATCH: usize = 64;
/// The timer's key of the epoll set, beside the reactor's own.
const TIMER_KEY: u64 = u64::MAX - 2;

/// Serves until the worker is done, then lets the app shut down.
pub(in crate::worker) fn run(
    py: Python<'_>,
    reactor: &Arc<Reactor>,
    app: &Arc<Application>,
) -> PyResult<()> {
    threads::take_number(0, reactor.slot.thread(0));
    epoll::add(
        &reactor.epoll,
        &app.timer,
        EventData::new_u64(TIMER_KEY),
        EventFlags::IN,
    )
    .map_err(std::io::Error::from)?;
    let turn = |sort| {
        let (reactor, app) = (Arc::clone(reactor), Arc::clone(app));
        Bound::new(py, Turn { reactor, app, sort })
    };
    let _set_once = app.later_turn.set(turn(Sort::Later)?.into_any().unbind());
    let fresh_look = Bound::new(py, FreshLook(Arc::clone(app)))?;
    let _set_once = app.fresh_look.set(fresh_look.into_any().unbind());
    let event_loop = app.life.event_loop(py);
    let number = reactor.epoll.as_raw_fd();
    event_loop.call_method1("add_reader", (number, turn(Sort::Look)?))?;
    let door = app.life.epoll().map(Door::new).transpose()?;
    let door = door.map(|door| reactor.door.get_or_init(|| door).number());
    if let Some(door) = door {
        event_loop.call_method1("add_reader", (door, turn(Sort::Accept)?))?;
    }
    while reactor.phase() != Phase::Finished {
        match event_loop.call_method0("run_forever") {
            Ok(_) => {}
            // `SystemExit` of a request leaves the loop by the way, and is that request's alone.
            Err(error) if app.is_of_a_call(py, &error) => {}
            // A signal handler of the app raised.
            Err(_) => reactor.finish(),
        }
    }
    for number in [Some(number), door].into_iter().flatten() {
        event_loop.call_method1("remove_reader", (number,))?;
    }
    let until = reactor.drain_until_ms.load(Ordering::Relaxed);
    let left = match until {
        NEVER => reactor.reload_mercy,
        until => Duration::from_millis(until.saturating_sub(reactor.now_ms())),
    };
    let calls: Vec<_> = lock(&app.calls)
        .iter()
        .map(|(_, call)| Arc::clone(call))
        .collect();
    app.life.finish(py, &calls, left);
    Ok(())
}

/// What the loop calls.
#[pyclass(frozen, module = "lictor")]
struct Turn {
    reactor: Arc<Reactor>,
    app: Arc<Application>,
    sort: Sort,
}

/// What a turn is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    /// To ask the epoll set what is ready.
    Look,
    /// To answer what has arrived before.
    Later,
    /// To take a new connection.
    Accept,
}

#[pymethods]
impl Turn {
    fn __call__(&self, py: Python<'_>) -> PyResult<()> {
        let arrived = std::mem::take(&mut *lock(&self.app.later));
        for (connection, request) in arrived {
            self.reactor.answer(&connection, request);
            self.reactor
                .work_on(connection.parent.as_ref().unwrap_or(&connection));
        }
        match self.sort {
            Sort::Look => self.look(),
            Sort::Accept => self.reactor.accept_any(),
            Sort::Later => {}
        }
        self.app.look_at_fresh_soon(py);
        self.app.look_at_calls(py);
        self.reactor.look_at_deadlines();
        self.reactor.finish_if_empty();
        self.reactor.arm();
        // Once: uvloop keeps what is asked twice for the next time that it runs.
        let is_finished = self.reactor.phase() == Phase::Finished;
        if is_finished && !self.app.is_stopped.swap(true, Ordering::Relaxed) {
            self.app
                .life
                .event_loop(py)
                .call_method0(intern!(py, "stop"))?;
        }
        Ok(())
    }
}

/// What the loop calls behind the first steps of the tasks that a turn began.
#[pyclass(frozen, module = "lictor")]
struct FreshLook(Arc<Application>);

#[pymethods]
impl FreshLook {
    fn __call__(&self, py: Python<'_>) {
        self.0.look_at_fresh(py);
    }
}

impl Turn {
    fn look(&self) {
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut events: Vec<Event> = Vec::with_capacity(BATCH);
        // An error is a signal; what is ready stays so, and the loop calls again.
        let _again = epoll::wait(&self.reactor.epoll, spare_capacity(&mut events), Some(&now));
        for event in &events {
            match event.data.u64() {
                TIMER_KEY => {
                    self.app.armed_ms.store(NEVER, Ordering::Relaxed);
                    let _rings_again = rustix::io::read(&self.app.timer, &mut [0_u8; 8]);
                }
                key => self.reactor.dispatch(key, event.flags),
            }
        }
    }
}

impl Application {
    /// A request that arrived while the app held the thread; its connection stays claimed.
    pub(in crate::worker) fn answer_later(&self, connection: &Arc<Connection>, request: Arrived) {
        let is_first = {
            let mut later = lock(&self.later);
            later.push((Arc::clone(connection), request));
            later.len() == 1
        };
        if !is_first {
            return;
        }
        Python::attach(|py| {
            if let Some(turn) = self.later_turn.get()
                && let Err(error) = self.life.call_soon(turn.bind(py))
            {
                error.display(py);
            }
        });
    }

    /// Whether an exception that left the loop is what a call of the app ended with.
    fn is_of_a_call(&self, py: Python<'_>, error: &PyErr) -> bool {
        let calls: Vec<_> = lock(&self.calls)
            .iter()
            .map(|(_, call)| Arc::clone(call))
            .collect();
        let raised_it = |task: &Bound<'_, PyAny>| -> PyResult<bool> {
            Ok(task.call_method0("done")?.is_truthy()?
                && !task.call_method0("cancelled")?.is_truthy()?
                && task.call_method0("exception")?.is(error.value(py)))
        };
        calls
            .iter()
            .filter_map(|call| call.task(py))
            .any(|task| raised_it(&task).unwrap_or(false))
    }
}

impl Reactor {
    /// Lets the event loop call when the next deadline passes; a worker without one waits by itself.
    pub(in crate::worker) fn arm(&self) {
        let App::Asgi(app) = &self.app else {
            return;
        };
        let now = self.now_ms();
        let next = self
            .next_look_ms
            .load(Ordering::Relaxed)
            .min(self.drain_until_ms.load(Ordering::Relaxed));
        let overdue = app.next_overdue_in().map_or(NEVER, |left| now + left);
        let next = next.min(overdue);
        if next >= app.armed_ms.load(Ordering::Relaxed) {
            // Also one that has moved later: the timer rings for nothing, once.
            return;
        }
        // One millisecond late rather than early, which would ring twice.
        let left = Duration::from_millis(next.saturating_sub(now) + 1);
        let Ok(left) = Timespec::try_from(left) else {
            return;
        };
        let once = Itimerspec {
            it_interval: Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            },
            it_value: left,
        };
        if timerfd_settime(&app.timer, TimerfdTimerFlags::empty(), &once).is_ok() {
            app.armed_ms.store(next, Ordering::Relaxed);
        }
    }
}
