//! The event loop and the app's lifespan: made before the worker is ready, ended after its last request.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use lictor_core::config::{EventLoop, Lifespan, VassalConfig};
use lictor_core::observe::{Failure, FailureKind};
use lictor_core::sys::duplicate;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyDict, PyList, PyModule};
use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};

use super::Application;
use super::awaitable::Waiting;
use super::call::Call;
use super::scope::Scopes;
use crate::worker::Listener;
use crate::worker::deadlines::NEVER;
use crate::worker::files::file_field;
use crate::worker::wsgi::log;

const CODE: &str = include_str!("lifecycle.py");

/// What an app may still take once its time is over, before its master ends it.
const LAST_MOMENT: Duration = Duration::from_millis(400);

/// The event loop, the module that begins and ends it, and what the app makes of its lifespan.
pub(super) struct Life {
    event_loop: Py<PyAny>,
    /// The epoll set in which it waits, if that is to be seen.
    epoll: Option<OwnedFd>,
    module: Py<PyModule>,
    /// For each app; none if it does not take part.
    lifespans: Vec<Option<Lived>>,
    /// What runs in the loop for nobody in particular runs in this context, so that nothing that one
    /// request sets is seen by another.
    context: Py<PyAny>,
}

/// What an app makes of its lifespan.
struct Lived {
    lifespan: Py<PyAny>,
    state: Option<Py<PyDict>>,
}

impl Life {
    pub(super) fn event_loop<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.event_loop.bind(py)
    }

    /// Another descriptor of the epoll set in which the loop waits.
    pub(super) fn epoll(&self) -> Option<OwnedFd> {
        self.epoll.as_ref()?.try_clone().ok()
    }

    /// What this app put there when it started.
    pub(super) fn state<'py>(&self, py: Python<'py>, app: usize) -> Option<&Bound<'py, PyDict>> {
        let lived = self.lifespans.get(app)?.as_ref()?;
        lived.state.as_ref().map(|state| state.bind(py))
    }

    /// Has the loop call this soon.
    pub(super) fn call_soon(&self, callback: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = callback.py();
        let options = [(intern!(py, "context"), &self.context)].into_py_dict(py)?;
        self.event_loop(py)
            .call_method(intern!(py, "call_soon"), (callback,), Some(&options))?;
        Ok(())
    }

    /// The frames at which a task stands, as a traceback shows them.
    pub(super) fn where_is(&self, task: &Bound<'_, PyAny>) -> PyResult<String> {
        self.module
            .bind(task.py())
            .call_method1("where", (task,))?
            .extract()
    }

    /// Cancels these tasks, lets the app shut down, and closes the loop.
    pub(super) fn finish(&self, py: Python<'_>, calls: &[Arc<Call>], left: Duration) {
        let finished = || -> PyResult<()> {
            let tasks = PyList::new(py, calls.iter().filter_map(|call| call.task(py)))?;
            let seconds = (left + LAST_MOMENT).as_secs_f64();
            let lived = self.lifespans.iter().flatten();
            let lifespans = PyList::new(py, lived.map(|lived| lived.lifespan.bind(py)))?;
            let module = self.module.bind(py);
            let finish = module.call_method1("finish", (tasks, lifespans, seconds))?;
            let event_loop = self.event_loop(py);
            event_loop.call_method1("run_until_complete", (finish,))?;
            event_loop.call_method0("close")?;
            Ok(())
        };
        if let Err(error) = finished() {
            error.display(py);
        }
    }
}

/// Makes the loop and starts the apps up. The worker is not ready before this is done.
pub(crate) fn start(
    py: Python<'_>,
    callables: &[Py<PyAny>],
    config: &VassalConfig,
    listeners: &[Listener],
) -> Result<Application, Failure> {
    let life = begin_life(py, callables, config)?;
    let started = assemble(py, callables, config, listeners, life);
    started.map_err(|error| {
        let message = format!("the app's event loop could not be prepared: {error}");
        Failure::new(FailureKind::Crash, message, "")
    })
}

fn begin_life(
    py: Python<'_>,
    callables: &[Py<PyAny>],
    config: &VassalConfig,
) -> Result<Life, Failure> {
    let mut life = make_loop(py, config).map_err(|error| {
        let message = format!("the app's event loop could not be made: {error}");
        let hint = "hint: `loop = \"asyncio\"` needs nothing but Python itself";
        Failure::new(FailureKind::Python, message, hint)
    })?;
    if config.asgi.lifespan == Lifespan::Off {
        return Ok(life);
    }
    for callable in callables {
        let lived = begin_lifespan(py, callable, config, &life)?;
        life.lifespans.push(lived);
    }
    Ok(life)
}

fn begin_lifespan(
    py: Python<'_>,
    callable: &Py<PyAny>,
    config: &VassalConfig,
    life: &Life,
) -> Result<Option<Lived>, Failure> {
    let (lifespan, said) = start_up(py, callable, life).map_err(|error| {
        let message = format!("the app's startup was broken off: {error}");
        Failure::new(FailureKind::Import, message, "")
    })?;
    let (outcome, message, traceback) = said;
    match outcome.as_str() {
        "complete" => {
            let state = lifespan.getattr("state").ok();
            let state = state.and_then(|state| state.cast_into::<PyDict>().ok());
            Ok(Some(Lived {
                lifespan: lifespan.unbind(),
                state: state.map(Bound::unbind),
            }))
        }
        "failed" => Err(failed(&message, &traceback)),
        _ if config.asgi.lifespan == Lifespan::On => Err(without(&traceback)),
        _ => {
            if let Some(reason) = last_line(&traceback) {
                let said = "the app is served without lifespan, which it does not seem to support";
                log(py, &format!("lictor: {said}: {reason}"));
            }
            Ok(None)
        }
    }
}

fn make_loop(py: Python<'_>, config: &VassalConfig) -> PyResult<Life> {
    let code = CString::new(CODE)?;
    let module = PyModule::from_code(py, &code, c"lictor/lifecycle.py", c"_lictor_lifecycle")?;
    let wanted = match config.asgi.event_loop {
        EventLoop::Auto => "auto",
        EventLoop::Asyncio => "asyncio",
        EventLoop::Uvloop => "uvloop",
    };
    let made = module.call_method1("new_loop", (wanted,))?;
    let (event_loop, epoll): (Bound<'_, PyAny>, i32) = made.extract()?;
    let epoll = (epoll >= 0).then(|| duplicate(epoll).ok()).flatten();
    py.import("asyncio")?
        .call_method1("set_event_loop", (&event_loop,))?;
    let context = py.import("contextvars")?.call_method0("copy_context")?;
    Ok(Life {
        event_loop: event_loop.unbind(),
        epoll,
        module: module.unbind(),
        lifespans: Vec::new(),
        context: context.unbind(),
    })
}

/// Outcome, message and traceback.
type Said = (String, String, String);

/// Asks the app to start up, and waits until it has answered, or ended.
fn start_up<'py>(
    py: Python<'py>,
    callable: &Py<PyAny>,
    life: &Life,
) -> PyResult<(Bound<'py, PyAny>, Said)> {
    let lifespan = life.module.bind(py).call_method1("Lifespan", (callable,))?;
    let startup = lifespan.call_method0("startup")?;
    let event_loop = life.event_loop(py);
    let said = event_loop.call_method1("run_until_complete", (startup,))?;
    Ok((lifespan, said.extract()?))
}

/// The app said that it could not start. Starlette's message is a traceback.
fn failed(message: &str, traceback: &str) -> Failure {
    let said = last_line(message).or_else(|| last_line(traceback));
    let what = match said {
        Some(said) => format!("the app's startup failed: {said}"),
        None => "the app's startup failed".to_owned(),
    };
    let detail = if traceback.contains(message.trim()) || message.contains(traceback.trim()) {
        [message, traceback]
            .into_iter()
            .max_by_key(|text| text.len())
    } else {
        None
    };
    let detail = detail.map_or_else(|| format!("{message}\n{traceback}"), str::to_owned);
    Failure::new(FailureKind::Import, what, detail.trim_end())
}

fn without(traceback: &str) -> Failure {
    let reason = last_line(traceback).unwrap_or("it returned without an answer");
    let message = format!("the app did not answer `lifespan.startup`: {reason}");
    let hint = "hint: set `lifespan` to `auto` if it does without";
    Failure::new(
        FailureKind::Import,
        message,
        format!("{traceback}\n{hint}").trim_start(),
    )
}

fn last_line(text: &str) -> Option<&str> {
    let mut lines = text.lines().rev();
    lines.find(|line| !line.trim().is_empty() && !line.starts_with(' '))
}

fn assemble(
    py: Python<'_>,
    callables: &[Py<PyAny>],
    config: &VassalConfig,
    listeners: &[Listener],
    life: Life,
) -> PyResult<Application> {
    let addresses = listeners.iter().map(|Listener { address, .. }| address);
    let is_eager = py.version_info() >= (3, 12);
    let event_loop = life.event_loop(py);
    let spawn = if is_eager {
        let options = PyDict::new(py);
        options.set_item("loop", event_loop)?;
        options.set_item("eager_start", true)?;
        let task = py.import("asyncio")?.getattr("Task")?;
        py.import("functools")?
            .getattr("partial")?
            .call((task,), Some(&options))?
    } else {
        event_loop.getattr("create_task")?
    };
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    let timer = timerfd_create(TimerfdClockId::Monotonic, flags).map_err(std::io::Error::from)?;
    Ok(Application {
        callables: callables.iter().map(|app| app.clone_ref(py)).collect(),
        scopes: Scopes::new(py, addresses)?,
        spawn: spawn.unbind(),
        is_eager,
        done: Py::new(py, Waiting::done())?,
        calls: Mutex::default(),
        harakiri: config.harakiri,
        file_field: file_field(config.files.file_serve_mode),
        next_overdue_ms: AtomicU64::new(NEVER),
        later: Mutex::default(),
        later_turn: OnceLock::new(),
        fresh: Mutex::default(),
        fresh_look: OnceLock::new(),
        timer,
        armed_ms: AtomicU64::new(NEVER),
        is_stopped: AtomicBool::new(false),
        started: Instant::now(),
        life,
    })
}
