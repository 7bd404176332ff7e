//! What the modules cannot do in Python.

use std::time::SystemTime;

use lictor_core::config::Given;
use lictor_core::ipc::WorkerMessage;
use lictor_core::sys::{LockFault, Scoreboard, WorkerActivity, WorkerNumbers, set_title};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::facts::{Facts, facts, scoreboard, staff};
use crate::worker::{current, note};

/// How long a worker waits for its master to have room for what it asks.
const ASK_AGAIN: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 500_000_000,
};
/// And how often.
const ASK_LIMIT: u32 = 4;

/// The server, as `core.py` sees it.
#[pyclass(frozen, module = "lictor")]
pub(super) struct Host;

#[pymethods]
#[expect(clippy::unused_self, reason = "methods of the one object there is")]
impl Host {
    /// What holds as long as the process lives, by name.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let facts = known()?;
        let dict = PyDict::new(py);
        dict.set_item("lictor", env!("CARGO_PKG_VERSION"))?;
        dict.set_item("vassal", &facts.place.vassal)?;
        dict.set_item("file", &facts.place.file)?;
        dict.set_item("generation", facts.place.generation)?;
        dict.set_item("sockets", &facts.place.sockets)?;
        dict.set_item("processes", facts.processes)?;
        dict.set_item("threads", facts.threads)?;
        dict.set_item("buffer_size", facts.buffer_size)?;
        dict.set_item("chdir", &facts.chdir)?;
        dict.set_item("pidfile", &facts.pidfile)?;
        dict.set_item("masterpid", facts.master_pid)?;
        let started = facts.started.duration_since(SystemTime::UNIX_EPOCH);
        dict.set_item("started_on", started.unwrap_or_default().as_secs())?;
        Ok(dict)
    }

    /// What the vassal file says: `True`, `str`, or a list of `str`.
    fn given<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let dict = PyDict::new(py);
        for (key, given) in &known()?.given {
            match given {
                Given::Switch => dict.set_item(key, true)?,
                Given::Text(text) => dict.set_item(key, text)?,
                Given::List(items) => dict.set_item(key, PyList::new(py, items)?)?,
            }
        }
        Ok(dict)
    }

    /// 0 in the master.
    fn worker_id(&self) -> u32 {
        staff().map_or(0, |staff| staff.id)
    }

    /// Asks for a reload. False in the master, which has nothing to reload yet.
    fn reload(&self, py: Python<'_>, by: &str) -> PyResult<bool> {
        let Some(staff) = staff() else {
            return Ok(false);
        };
        let message = WorkerMessage::ReloadWanted { by: by.to_owned() };
        for _ in 0..ASK_LIMIT {
            if staff.channel.send(&message, &[]).is_ok() {
                return Ok(true);
            }
            let mut fds = [PollFd::new(&*staff.channel, PollFlags::OUT)];
            // Whether there is room, the next attempt shows.
            let _ready = py.detach(|| poll(&mut fds, Some(&ASK_AGAIN)));
        }
        Err(PyOSError::new_err(
            "the master does not read what its worker asks for; touch the vassal file instead",
        ))
    }

    fn lock(&self, py: Python<'_>, number: usize) -> PyResult<()> {
        let locks = known()?.locks;
        py.detach(|| locks.lock(number)).map_err(said)
    }

    /// Whether the thread held it.
    fn unlock(&self, number: usize) -> PyResult<bool> {
        match known()?.locks.unlock(number) {
            Ok(()) => Ok(true),
            Err(LockFault::NotHeld) => Ok(false),
            Err(fault) => Err(said(fault)),
        }
    }

    fn is_locked(&self, number: usize) -> PyResult<bool> {
        known()?.locks.is_locked(number).map_err(said)
    }

    /// The environ of the request that the thread is in.
    fn environ(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        current(py).map(|current| current.environ(py))
    }

    fn start_response(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        current(py).map(|current| current.start_response(py))
    }

    /// Whether the app has called `start_response`.
    fn has_head(&self, py: Python<'_>) -> bool {
        current(py).is_none_or(|current| current.has_head())
    }

    fn descriptor(&self, py: Python<'_>) -> Option<i32> {
        current(py)?.descriptor()
    }

    /// Whether there was a client to let go.
    fn disconnect(&self, py: Python<'_>) -> bool {
        let current = current(py);
        if let Some(current) = &current {
            current.disconnect(py);
        }
        current.is_some()
    }

    /// Whether the thread is in a request that a line may be about.
    fn set_log_variable(&self, py: Python<'_>, name: String, value: Vec<u8>) -> bool {
        let is_in_request = current(py).is_some();
        if is_in_request {
            note(|notes| notes.set(name, value));
        }
        is_in_request
    }

    fn log_variable(&self, py: Python<'_>, name: &str) -> Option<Vec<u8>> {
        current(py)?;
        note(|notes| notes.get(name))
    }

    fn log_this_request(&self, py: Python<'_>) -> bool {
        let is_in_request = current(py).is_some();
        if is_in_request {
            note(|notes| notes.is_line_wanted = true);
        }
        is_in_request
    }

    fn set_title(&self, title: &str) {
        set_title(title);
    }

    /// Each worker's numbers, in the order of their ids.
    fn workers<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let numbers = scoreboard().map(Scoreboard::numbers);
        let numbers = numbers.map_or(Vec::new(), |numbers| numbers.workers);
        let workers = numbers.iter();
        workers.map(|worker| numbers_of(py, worker)).collect()
    }
}

fn known() -> PyResult<&'static Facts> {
    facts().ok_or_else(|| PyRuntimeError::new_err("the master of this vassal has not begun"))
}

fn numbers_of<'py>(py: Python<'py>, worker: &WorkerNumbers) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("id", worker.id)?;
    dict.set_item("pid", worker.pid)?;
    dict.set_item("requests", worker.sum(|thread| thread.requests))?;
    dict.set_item("delta_requests", worker.delta_requests)?;
    dict.set_item("exceptions", worker.sum(|thread| thread.exceptions))?;
    dict.set_item(
        "status",
        match worker.activity {
            WorkerActivity::Cheap => "cheap",
            WorkerActivity::Idle => "idle",
            WorkerActivity::Busy => "busy",
        },
    )?;
    dict.set_item("running_time", worker.sum(|thread| thread.running_micros))?;
    dict.set_item("last_spawn", worker.last_spawn)?;
    dict.set_item("respawn_count", worker.respawns)?;
    dict.set_item("tx", worker.sum(|thread| thread.sent_bytes))?;
    dict.set_item("avg_rt", worker.average_micros())?;
    Ok(dict)
}

fn said(fault: LockFault) -> PyErr {
    match fault {
        LockFault::Absent => PyValueError::new_err(
            "Invalid lock number: there are lock 0 and as many more as the option `locks` says",
        ),
        LockFault::Held => PyRuntimeError::new_err(
            "this thread holds the lock already, and would wait for itself for ever",
        ),
        LockFault::NotHeld => PyRuntimeError::new_err(
            "this thread does not hold the lock, which only its holder can give up",
        ),
        LockFault::System(error) => {
            PyOSError::new_err(std::io::Error::from_raw_os_error(error).to_string())
        }
    }
}
