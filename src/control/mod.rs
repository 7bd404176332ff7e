//! Talking to a running emperor: HTTP with JSON over a unix socket in its run directory.
//!
//! The server ([`serve`]) turns requests into [`Command`]s for the emperor's loop and never looks
//! inside it; the [`Client`] is what the command line speaks through. Both agree on the addresses
//! in `route` and on the answers in `outcome`. Where the socket lies is decided in `run_dir`.

mod act;
mod answer;
mod ask;
mod client;
mod command;
mod deadline;
mod duration;
mod error;
mod outcome;
mod percent;
mod route;
mod run_dir;
mod server;
mod stream;
mod wait;
mod watchers;

#[cfg(test)]
mod tests;

pub(crate) use answer::nearest;
pub(crate) use client::{Client, ClientError, Lines};
pub(crate) use command::{ActError, Acted, Command, LogLine, Telling, Told, Upgrading, Verb};
pub(crate) use duration::{NotADuration, parse_duration};
pub(crate) use outcome::{ActAnswer, Lagged, Outcome};
pub(crate) use route::Filter;
pub(crate) use run_dir::{RunDir, RunDirError};
pub(crate) use server::serve;
pub(crate) use watchers::{Door, watchers};
