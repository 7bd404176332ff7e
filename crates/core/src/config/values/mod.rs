//! What the values of options mean: one small parser for each kind of value.

mod address;
mod choices;
mod env;
mod numbers;
mod paths;
mod words;

pub(super) use address::{address, distinct_addresses};
pub(super) use choices::{event_loop, interface, lifespan};
pub(super) use env::variables;
pub(super) use numbers::{boolean, boolean_value, duration, megabytes, mode, size, whole};
pub(super) use paths::path;
pub(super) use words::{access_log, callable, group, module, python, request_path, user};
