//! Where an app's `print` goes: a stream that neither blocks nor fails.
//!
//! The reader of a pipe may be slow, and the disk under `logto` may be full; neither may stop an
//! app or turn its requests into errors. What cannot be written is dropped and counted, and the
//! first time that it cannot the master is told through a pipe, one byte per change.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pyo3::prelude::*;
use pyo3::types::PyBytes;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// How long a reader may take to make room, once; after that nothing waits until there is room.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};
/// A pipe that polls as writable takes this much without blocking (`pipe(7)`, `PIPE_BUF`).
const PIECE_BYTES: usize = 4096;

/// The raw stream below `sys.stdout` and `sys.stderr`.
#[pyclass(frozen, module = "lictor")]
pub(crate) struct Outlet {
    fd: i32,
    title: &'static str,
    trouble: Arc<OwnedFd>,
    is_failing: AtomicBool,
    is_stuck: AtomicBool,
    dropped: AtomicU64,
}

impl Outlet {
    /// A stream to descriptor 1 or 2.
    pub(crate) fn new(fd: i32, title: &'static str, trouble: Arc<OwnedFd>) -> Self {
        Self {
            fd,
            title,
            trouble,
            is_failing: AtomicBool::new(false),
            is_stuck: AtomicBool::new(false),
            dropped: AtomicU64::new(0),
        }
    }

    fn write_all(&self, py: Python<'_>, bytes: &[u8]) {
        for piece in bytes.chunks(PIECE_BYTES) {
            if !self.has_room(py) {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            match self.write_piece(piece) {
                Ok(()) => self.tell(None),
                Err(error) => {
                    self.dropped.fetch_add(1, Ordering::Relaxed);
                    self.tell(Some(error));
                    return;
                }
            }
        }
    }

    fn write_piece(&self, mut piece: &[u8]) -> Result<(), Errno> {
        while !piece.is_empty() {
            match self.with_fd(|fd| rustix::io::write(fd, piece)) {
                // Some special files take nothing and call it success.
                Ok(0) => return Err(Errno::IO),
                Ok(count) => piece = piece.get(count..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether a piece can be written without blocking.
    fn has_room(&self, py: Python<'_>) -> bool {
        let is_ready = |timeout: &Timespec| {
            self.with_fd(|fd| {
                poll(
                    &mut [PollFd::from_borrowed_fd(fd, PollFlags::OUT)],
                    Some(timeout),
                )
            })
            .is_ok_and(|ready| ready > 0)
        };
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let has_room = is_ready(&now)
            || (!self.is_stuck.load(Ordering::Relaxed) && py.detach(|| is_ready(&PATIENCE)));
        if has_room && self.is_stuck.swap(false, Ordering::Relaxed) {
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            let line = format!(
                "lictor: {dropped} writes to {} were dropped: no reader\n",
                self.title
            );
            let _ = self.write_piece(line.as_bytes());
        } else if !has_room {
            self.is_stuck.store(true, Ordering::Relaxed);
        }
        has_room
    }

    /// One byte to the master per change: the error number, or 0 when writing works again.
    fn tell(&self, error: Option<Errno>) {
        if self.is_failing.swap(error.is_some(), Ordering::Relaxed) != error.is_some() {
            let number = error.map_or(0, |error| {
                u8::try_from(error.raw_os_error()).unwrap_or(u8::MAX)
            });
            // The pipe holds thousands of bytes; if the master does not read, nothing is lost.
            let _ = rustix::io::write(&self.trouble, &[number]);
        }
    }

    fn with_fd<T>(&self, action: impl FnOnce(BorrowedFd<'_>) -> T) -> T {
        if self.fd == 1 {
            action(std::io::stdout().as_fd())
        } else {
            action(std::io::stderr().as_fd())
        }
    }
}

#[pymethods]
impl Outlet {
    fn write(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        let bytes = match data.cast::<PyBytes>() {
            Ok(bytes) => bytes.clone(),
            // bytearray, memoryview: the buffer protocol is not in the oldest stable ABI.
            Err(_) => py
                .import("builtins")?
                .getattr("bytes")?
                .call1((data,))?
                .cast_into::<PyBytes>()?,
        };
        self.write_all(py, bytes.as_bytes());
        Ok(bytes.as_bytes().len())
    }

    #[expect(clippy::unused_self, reason = "a method of Python's stream interface")]
    fn flush(&self) {}

    #[expect(clippy::unused_self, reason = "a method of Python's stream interface")]
    fn close(&self) {}

    #[expect(clippy::unused_self, reason = "a method of Python's stream interface")]
    fn isatty(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "a method of Python's stream interface")]
    fn readable(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "a method of Python's stream interface")]
    fn seekable(&self) -> bool {
        false
    }

    #[expect(clippy::unused_self, reason = "a method of Python's stream interface")]
    fn writable(&self) -> bool {
        true
    }

    fn fileno(&self) -> i32 {
        self.fd
    }

    #[getter]
    #[expect(
        clippy::unused_self,
        reason = "a property of Python's stream interface"
    )]
    fn closed(&self) -> bool {
        false
    }

    #[getter]
    fn name(&self) -> String {
        format!("<{}>", self.title)
    }

    #[getter]
    #[expect(
        clippy::unused_self,
        reason = "a property of Python's stream interface"
    )]
    fn mode(&self) -> &'static str {
        "wb"
    }
}
