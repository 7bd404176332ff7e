//! Talking to a running emperor.

mod command;

pub(crate) use command::{ActError, Acted, Command, LogLine, Verb};
