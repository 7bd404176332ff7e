//! The further threads of a worker with `threads` above 1.
//!
//! Python's own `threading.Thread`, so that each has one thread state for its whole life and the
//! app's thread-locals, profilers and `threading.enumerate()` see what they expect. Daemons: a
//! request that is stuck must not keep the process from ending at its deadline.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lictor_core::sys::{RequestRecord, ThreadSlot};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyCFunction};

use super::reactor::Reactor;

/// How long threads that are told to end are waited for, all together.
const JOIN_LIMIT: Duration = Duration::from_millis(250);

thread_local! {
    static RECORD: Cell<Option<&'static RequestRecord>> = const { Cell::new(None) };
    static NUMBER: Cell<usize> = const { Cell::new(0) };
    static COUNTERS: Cell<Option<ThreadSlot>> = const { Cell::new(None) };
}

/// Where the calling thread says which request it is in, with `harakiri`.
pub(super) fn record() -> Option<&'static RequestRecord> {
    RECORD.get()
}

/// The calling thread's number, the main one's being 0.
pub(super) fn number() -> usize {
    NUMBER.get()
}

/// The calling thread has this number from now on, and counts here.
pub(super) fn take_number(number: usize, counters: ThreadSlot) {
    NUMBER.set(number);
    COUNTERS.set(Some(counters));
}

/// Where the calling thread counts; a thread of the app's own does not.
pub(super) fn counters() -> Option<ThreadSlot> {
    COUNTERS.get()
}

/// The calling thread writes here from now on.
pub(super) fn sit_at(record: &'static RequestRecord) {
    record.sit();
    RECORD.set(Some(record));
}

/// Starts `count` threads beside the calling one, with stacks of so many bytes, if said.
pub(super) fn start<'py>(
    py: Python<'py>,
    reactor: &Arc<Reactor>,
    count: u32,
    stack: Option<u64>,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let Some(stack) = stack else {
        return start_all(py, reactor, count);
    };
    let stack_size = py.import("threading")?.getattr("stack_size")?;
    let before = stack_size.call1((stack,))?;
    let threads = start_all(py, reactor, count);
    // Those of the app itself are its own business.
    stack_size.call1((before,))?;
    threads
}

fn start_all<'py>(
    py: Python<'py>,
    reactor: &Arc<Reactor>,
    count: u32,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let mut threads = Vec::new();
    for number in 0..count {
        let reactor = Arc::clone(reactor);
        let target = PyCFunction::new_closure(py, None, None, move |args, _| {
            args.py().detach(|| reactor.run(number as usize + 1));
        })?;
        let name = format!("lictor-{}", number + 2);
        let options = [("name", name.into_pyobject(py)?.into_any())].into_py_dict(py)?;
        options.set_item("target", target)?;
        options.set_item("daemon", true)?;
        let thread = py
            .import("threading")?
            .getattr("Thread")?
            .call((), Some(&options))?;
        thread.call_method0("start")?;
        threads.push(thread);
    }
    Ok(threads)
}

/// Waits a moment for threads that are between requests; those that are stuck stay behind.
pub(super) fn join(py: Python<'_>, threads: &[Bound<'_, PyAny>]) {
    let until = Instant::now() + JOIN_LIMIT;
    for thread in threads {
        let left = until.saturating_duration_since(Instant::now());
        if let Err(error) = thread.call_method1("join", (left.as_secs_f64(),)) {
            error.display(py);
        }
    }
}
