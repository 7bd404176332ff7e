//! The start of a master, up to the interpreter: `lictor __master`, then `lictor __embed`.
//!
//! The emperor runs its own executable again, so that nothing but exec happens between its fork and
//! the exec. This process then receives its orders, confines itself ([`crate::jail`]), finds the
//! vassal's Python ([`python`]), and executes once more, with exactly the environment of the app:
//! either the interpreter itself, or Lictor again, which opens the interpreter's shared library
//! ([`mod@embed`]). Both load the same host library, which does the rest (package `lictor-host`).

mod embed;
mod environment;
mod error;
mod execute;
mod expand;
mod master;
mod output;
mod python;

pub(crate) use embed::embed;
pub(crate) use expand::expand;
pub(crate) use master::master;
