//! `wsgi.input`: the request body as a file.
//!
//! Small bodies are here before the app is called. Others come piece by piece: the interpreter is
//! released while a piece is waited for, and never more than the app asked for is kept.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes};
use pyo3::exceptions::{PyConnectionResetError, PyOSError, PyTimeoutError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::worker::exchange::{Exchange, ExchangeError, RequestBody};
use crate::worker::sync::lock;

/// The body of one request.
#[pyclass(frozen, module = "lictor")]
pub(super) struct Input {
    source: Mutex<Source>,
    /// The client broke off, or sent nothing for too long, and the app has been told.
    is_broken_off: AtomicBool,
}

/// What has arrived and not been read, and where more comes from.
struct Source {
    piece: Bytes,
    exchange: Option<Arc<dyn Exchange>>,
}

/// How much of the body a read wants.
#[derive(Clone, Copy)]
struct Wanted {
    limit: usize,
    is_line: bool,
}

impl Wanted {
    /// Python's convention: `None` and negative mean everything.
    fn new(size: Option<isize>, is_line: bool) -> Self {
        let limit = size
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(usize::MAX);
        Self { limit, is_line }
    }

    /// How much of `piece` to take after `had` bytes, and whether that is the last of it.
    fn share_of(self, piece: &[u8], had: usize) -> (usize, bool) {
        let room = self.limit.saturating_sub(had);
        let within = piece.get(..room).unwrap_or(piece);
        let newline = if self.is_line {
            within.iter().position(|byte| *byte == b'\n')
        } else {
            None
        };
        match newline {
            Some(at) => (at + 1, true),
            None => (within.len(), within.len() == room),
        }
    }
}

impl Input {
    pub(super) fn new(body: RequestBody, exchange: &Arc<dyn Exchange>) -> Self {
        let source = match body {
            RequestBody::Whole(piece) => Source {
                piece,
                exchange: None,
            },
            RequestBody::Streamed => Source {
                piece: Bytes::new(),
                exchange: Some(Arc::clone(exchange)),
            },
        };
        Self {
            source: Mutex::new(source),
            is_broken_off: AtomicBool::new(false),
        }
    }

    /// Whether an `OSError` of the app's is the client's doing.
    pub(super) fn is_broken_off(&self) -> bool {
        self.is_broken_off.load(Ordering::Relaxed)
    }

    /// The request is over; what the app keeps is an empty file.
    pub(super) fn close(&self) {
        let mut source = lock(&self.source);
        source.exchange = None;
        source.piece = Bytes::new();
    }

    fn take<'py>(&self, py: Python<'py>, wanted: Wanted) -> PyResult<Bound<'py, PyBytes>> {
        let mut taken = Vec::new();
        loop {
            // Held without waiting and without calling Python, so nobody waits for it for long.
            let mut source = lock(&self.source);
            let (share, is_enough) = wanted.share_of(&source.piece, taken.len());
            let is_enough = is_enough || source.exchange.is_none();
            if is_enough && taken.is_empty() {
                let bytes = PyBytes::new(py, source.piece.get(..share).unwrap_or_default());
                source.piece.advance(share);
                return Ok(bytes);
            }
            taken.extend_from_slice(source.piece.get(..share).unwrap_or_default());
            source.piece.advance(share);
            let exchange = source.exchange.clone();
            drop(source);
            let Some(exchange) = exchange.filter(|_| !is_enough) else {
                return Ok(PyBytes::new(py, &taken));
            };
            if let Err(error) = self.fetch(py, &exchange) {
                // What was taken is not lost to an app that reads on.
                let mut source = lock(&self.source);
                taken.extend_from_slice(&source.piece);
                source.piece = Bytes::from(taken);
                return Err(error);
            }
        }
    }

    fn fetch(&self, py: Python<'_>, exchange: &Arc<dyn Exchange>) -> PyResult<()> {
        loop {
            match py.detach(|| exchange.read()) {
                Ok(Some(piece)) => lock(&self.source).piece = piece,
                Ok(None) => lock(&self.source).exchange = None,
                Err(ExchangeError::Interrupted) => {
                    py.check_signals()?;
                    continue;
                }
                Err(error) => {
                    let is_clients = matches!(error, ExchangeError::Gone | ExchangeError::Stalled);
                    self.is_broken_off.store(is_clients, Ordering::Relaxed);
                    return Err(read_error(error));
                }
            }
            return Ok(());
        }
    }
}

/// What a read raises.
fn read_error(error: ExchangeError) -> PyErr {
    match error {
        ExchangeError::Stalled => PyTimeoutError::new_err(error.to_string()),
        ExchangeError::Gone => PyConnectionResetError::new_err(
            "the client went away before the end of the request body",
        ),
        ExchangeError::TooLarge | ExchangeError::Interrupted => {
            PyOSError::new_err(error.to_string())
        }
    }
}

#[pymethods]
impl Input {
    #[pyo3(signature = (size = None, /))]
    fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.take(py, Wanted::new(size, false))
    }

    #[pyo3(signature = (size = None, /))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.take(py, Wanted::new(size, true))
    }

    #[pyo3(signature = (hint = None, /))]
    fn readlines<'py>(&self, py: Python<'py>, hint: Option<isize>) -> PyResult<Bound<'py, PyList>> {
        // As `io.IOBase.readlines`: no hint, 0 and negative mean all.
        let most = hint
            .and_then(|hint| usize::try_from(hint).ok())
            .filter(|hint| *hint > 0);
        let lines = PyList::empty(py);
        let mut total = 0;
        loop {
            let line = self.take(py, Wanted::new(None, true))?;
            let length = line.as_bytes().len();
            if length == 0 {
                return Ok(lines);
            }
            lines.append(line)?;
            total += length;
            if most.is_some_and(|most| total >= most) {
                return Ok(lines);
            }
        }
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.take(py, Wanted::new(None, true))?;
        Ok((!line.as_bytes().is_empty()).then_some(line))
    }
}
