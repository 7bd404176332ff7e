//! Lictor from the outside: the real binary, real Pythons, real sockets.
//!
//! One test program, so that the harness is compiled once; a file a theme. A test waits on the
//! emperor's stream of events with a deadline, and its guard fails it when a process is left behind.

#![expect(
    clippy::expect_used,
    reason = "a test that cannot go on says why and ends"
)]
#![expect(
    clippy::indexing_slicing,
    reason = "fields of JSON and of short lists, where a panic is the message"
)]
#![expect(clippy::panic, reason = "the same")]
#![expect(
    clippy::print_stderr,
    reason = "the emperor's log is printed when a test fails"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "files that the tests wrote themselves are small"
)]

mod harness;

mod access_log;
mod adoption;
mod answer_fields;
mod app_names;
mod asgi;
mod asgi_answers;
mod asgi_apps;
mod asgi_life;
mod autoreload;
mod background;
mod boot_storm;
mod broken;
mod cheaper;
mod commands;
mod compress;
mod controls;
mod corpus;
mod crash_loops;
mod dialect;
mod downloads;
mod examples;
mod files;
mod foreground;
mod gateway;
mod harakiri;
mod heartbeat;
mod http2;
mod http_framing;
mod http_hostile;
mod http_limits;
mod http_mutations;
mod http_streams;
mod http_threads;
mod http_timeouts;
mod idle;
mod interpreters;
mod limits;
mod logging;
mod memory;
mod migration;
mod monitoring;
mod mounts;
mod output;
mod overlap;
mod readme;
mod ready_path;
mod real_apps;
mod recycling;
mod refused_requests;
mod reload;
mod retry;
mod rollback;
mod routing;
mod sendfile;
mod site;
mod sockets;
mod static_files;
mod surroundings;
mod systemd;
mod tenants;
mod tls;
mod trust;
mod upgrade;
mod uwsgi_module;
mod websocket;
mod websocket_clients;
mod workers;
mod wsgi_answers;
mod wsgi_environ;
mod wsgi_input;
