//! A vassal file becomes a [`VassalConfig`] or diagnostics; nothing else parses.

mod types;
mod vassal;

pub use types::{AccessLog, Address, GroupName, Mode, PythonChoice, UserName};
pub use vassal::{AppTarget, VassalConfig};
