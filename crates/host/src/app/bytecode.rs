//! New code is new code, also when it was written in the second in which the old was compiled.
//!
//! Python takes a `.pyc` for current when the source's size and its time in whole seconds are those
//! that the `.pyc` names (PEP 3147, PEP 552). A source that is compiled and changed to one of the
//! same size within a second would thus stay as it was for ever, and a touch would bring the old
//! code. So a source that has just been written is compiled, but the result is not kept yet.

use std::ffi::CStr;

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Wraps the one method that writes a `.pyc`; the class is found without an import.
const KEEP_NO_RACY_BYTECODE: &CStr = cr#"
def wrap(loader, now):
    write = loader._cache_bytecode

    def _cache_bytecode(self, source_path, bytecode_path, data):
        if now() - self.path_stats(source_path)["mtime"] > 2:
            return write(self, source_path, bytecode_path, data)

    loader._cache_bytecode = _cache_bytecode


import sys
import time

wrap(sys.modules["_frozen_importlib_external"].SourceFileLoader, time.time)
"#;

/// Keeps this interpreter from writing bytecode that cannot be told from a later source's.
pub(super) fn keep_no_racy_bytecode(py: Python<'_>) -> PyResult<()> {
    py.run(KEEP_NO_RACY_BYTECODE, Some(&PyDict::new(py)), None)
}
