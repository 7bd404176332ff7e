//! What the values of options mean: one small parser for each kind of value.

mod address;
mod apps;
mod choices;
mod env;
mod https;
mod log_format;
mod mounts;
mod numbers;
mod paths;
mod request_id;
mod trusted;
mod words;

pub(super) use address::{address, apart, distinct_addresses};
pub(super) use apps::{app_mounts, arguments, code, module_name, paste};
pub(super) use choices::{cheaper_algorithm, event_loop, http2, interface, lifespan};
pub(super) use env::variables;
pub(super) use https::{https, joined_https};
pub(super) use log_format::log_format;
pub(super) use mounts::{mounts, optional_mount};
pub(super) use numbers::{
    boolean, boolean_value, duration, megabytes, milliseconds, mode, niceness, size, umask, whole,
};
pub(super) use paths::path;
pub(super) use request_id::{is_field_name, request_id};
pub(super) use trusted::{forwarded_field, trusted_peer};
pub(super) use words::{
    access_log, callable, group, module, python, request_path, socket_owner, title, user,
    variable_name,
};
