//! What the values of options mean: one small parser for each kind of value.

mod address;
mod apps;
mod choices;
mod crons;
mod daemons;
mod env;
mod header_field;
mod hooks;
mod https;
mod log_encoder;
mod log_format;
mod logger;
mod mounts;
mod numbers;
mod paths;
mod request_id;
mod route_text;
mod routes;
mod trusted;
mod words;

pub use address::parse_address;
pub(super) use address::{address, apart, distinct_addresses};
pub(super) use apps::{app_mounts, arguments, code, module_name, paste};
pub(super) use choices::{cheaper_algorithm, event_loop, http2, interface, lifespan};
pub(super) use crons::{cron, keyed_cron};
pub(super) use daemons::{keyed_daemon, pidfile_daemon, plain_daemon};
pub(super) use env::variables;
pub(super) use header_field::{header_field, header_name};
pub(super) use hooks::{exec_hook, hook, touch_exec, touch_hook};
pub(super) use https::{https, joined_https};
pub(super) use log_encoder::{
    date_form, log_encoder, log_route, pattern, pattern_expires, type_expires,
};
pub(super) use log_format::log_format;
pub(super) use logger::{datagram, logger, syslog};
pub(super) use mounts::{mounts, optional_mount};
pub(super) use numbers::{
    boolean, boolean_value, duration, kilobytes, megabytes, milliseconds, mode, niceness, size,
    umask, whole,
};
use paths::absolute;
pub(super) use paths::path;
pub(super) use request_id::{is_field_name, request_id};
pub(super) use routes::route;
pub(super) use trusted::{forwarded_field, trusted_peer};
pub(super) use words::{
    access_log, callable, group, module, python, request_path, socket_owner, title, user,
    variable_name,
};
