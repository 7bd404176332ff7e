//! `wsgi.file_wrapper`: an iterable over the blocks of a file, which need not be iterated over when
//! the file is a real one.

use std::sync::Arc;

use lictor_core::sys::duplicate;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::start_response::StartResponse;
use crate::worker::exchange::{FilePart, Outcome};
use crate::worker::files::open::entry::Opened;

/// What PEP 3333 calls a file wrapper.
#[pyclass(frozen, module = "lictor")]
pub(super) struct FileWrapper {
    /// The file-like object.
    #[pyo3(get)]
    filelike: Py<PyAny>,
    /// Bytes in a block.
    #[pyo3(get)]
    block_size: usize,
}

#[pymethods]
impl FileWrapper {
    #[new]
    #[pyo3(signature = (filelike, block_size = 8192))]
    fn new(filelike: Py<PyAny>, block_size: usize) -> Self {
        Self {
            filelike,
            block_size,
        }
    }

    fn __iter__(this: PyRef<'_, Self>) -> PyRef<'_, Self> {
        this
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let block = self
            .filelike
            .bind(py)
            .call_method1(intern!(py, "read"), (self.block_size,))?;
        let is_end = match block.cast::<PyBytes>() {
            Ok(bytes) => bytes.as_bytes().is_empty(),
            Err(_) => !block.is_truthy()?,
        };
        Ok((!is_end).then_some(block))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(close) = self.filelike.bind(py).getattr_opt(intern!(py, "close"))? {
            close.call0()?;
        }
        Ok(())
    }
}

/// The answer, if it is a file wrapper over a real file from its current position on, and nothing has
/// been sent. The file itself may be closed then; ours is another descriptor of it.
pub(super) fn as_file(iterable: &Bound<'_, PyAny>, start: &StartResponse) -> Option<Outcome> {
    let wrapper = iterable.cast_exact::<FileWrapper>().ok()?;
    let filelike = wrapper.get().filelike.bind(iterable.py());
    // Whatever goes wrong goes wrong again while it is read, and is told then.
    let (descriptor, offset) = position(filelike).ok()??;
    let file = duplicate(descriptor).ok()?;
    let file = Opened::new(file).ok()??;
    let rest = file.size.saturating_sub(offset);
    let (head, length) = start.with_reply(|reply| reply.file(rest))?;
    let part = FilePart {
        file: Arc::new(file.fd),
        offset,
        length,
    };
    Some(Outcome::File(head, part))
}

/// The descriptor of a file that Python reads without changing a byte, and where it stands.
///
/// A `fileno()` alone says little: that of a `gzip.GzipFile` is the packed file. So what reads must be
/// a method of one of `io`'s own binary files, behind which the objects of `tempfile` and Django stand.
fn position(filelike: &Bound<'_, PyAny>) -> PyResult<Option<(i32, u64)>> {
    let py = filelike.py();
    let Some(read) = filelike.getattr_opt(intern!(py, "read"))? else {
        return Ok(None);
    };
    let read = match read.getattr_opt(intern!(py, "__wrapped__"))? {
        Some(wrapped) => wrapped,
        None => read,
    };
    let Some(reader) = read.getattr_opt(intern!(py, "__self__"))? else {
        return Ok(None);
    };
    let io = py.import(intern!(py, "io"))?;
    let is_a =
        |object: &Bound<'_, PyAny>, name| io.getattr(name).map(|kind| object.get_type().is(&kind));
    let is_random = is_a(&reader, intern!(py, "BufferedRandom"))?;
    if is_random || is_a(&reader, intern!(py, "BufferedReader"))? {
        if !is_a(&reader.getattr(intern!(py, "raw"))?, intern!(py, "FileIO"))? {
            return Ok(None);
        }
        if is_random {
            reader.call_method0(intern!(py, "flush"))?;
        }
    } else if !is_a(&reader, intern!(py, "FileIO"))? {
        return Ok(None);
    }
    let descriptor = reader.call_method0(intern!(py, "fileno"))?.extract()?;
    let offset = reader.call_method0(intern!(py, "tell"))?.extract()?;
    Ok(Some((descriptor, offset)))
}
