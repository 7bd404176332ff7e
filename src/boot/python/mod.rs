//! Which Python runs a vassal: its `python`, else its virtualenv's, else `python3` on PATH.
//!
//! Done in the master, as the vassal's user: the emperor follows nothing that a vassal file names.

mod choose;
mod error;
mod inspect;
mod venv;

pub(super) use choose::{Interpreter, choose};
pub(super) use error::PythonError;
