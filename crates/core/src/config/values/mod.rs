//! What the values of options mean: one small parser for each kind of value.

mod address;
mod choices;
mod env;
mod header_field;
mod https;
mod log_encoder;
mod log_format;
mod logger;
mod mounts;
mod numbers;
mod paths;
mod request_id;
mod trusted;
mod words;

pub(super) use address::{address, apart, distinct_addresses};
pub(super) use choices::{event_loop, http2, interface, lifespan};
pub(super) use env::variables;
pub(super) use header_field::{header_field, header_name};
pub(super) use https::{https, joined_https};
pub(super) use log_encoder::{
    date_form, log_encoder, log_route, pattern, pattern_expires, type_expires,
};
pub(super) use log_format::log_format;
pub(super) use logger::{datagram, logger, syslog};
pub(super) use mounts::{mounts, optional_mount};
pub(super) use numbers::{
    boolean, boolean_value, duration, megabytes, milliseconds, mode, niceness, size, umask, whole,
};
use paths::absolute;
pub(super) use paths::path;
pub(super) use request_id::{is_field_name, request_id};
pub(super) use trusted::{forwarded_field, trusted_peer};
pub(super) use words::{
    access_log, callable, group, module, python, request_path, socket_owner, title, user,
    variable_name,
};
