//! The pure files of the host library, whose own tests cannot run where they stand: nothing there
//! can be linked without a libpython.

#[path = "../crates/host/src/master/pool/mod.rs"]
mod pool;

#[path = "../crates/host/src/master/overdue/rules.rs"]
mod rules;

#[path = "../crates/host/src/master/overdue/report.rs"]
mod report;

#[path = "../crates/host/src/master/background/calendar/mod.rs"]
mod calendar;

#[path = "../crates/host/src/master/background/label.rs"]
mod label;

#[path = "../crates/host/src/master/background/life.rs"]
mod life;

#[path = "../crates/host/src/master/deaths.rs"]
mod deaths;

#[path = "../crates/host/src/master/log/backups.rs"]
mod log_backups;
#[path = "../crates/host/src/master/log/dress.rs"]
mod log_dress;
#[path = "../crates/host/src/master/log/lines.rs"]
mod log_lines;
#[path = "../crates/host/src/master/log/rules.rs"]
mod log_rules;

#[path = "../crates/host/src/master/heart.rs"]
mod heart;

#[path = "../crates/host/src/master/probe_answer.rs"]
mod probe_answer;

#[path = "../crates/host/src/master/troubles.rs"]
mod troubles;

#[path = "../crates/host/src/chance.rs"]
mod chance;

#[path = "../crates/host/src/worker/http/gate/mod.rs"]
mod gate;

#[path = "../crates/host/src/worker/http/percent.rs"]
mod percent;

#[path = "../crates/host/src/worker/wsgi/field_name.rs"]
mod field_name;

#[path = "../crates/host/src/worker/access_line/mod.rs"]
mod access_line;

#[path = "../crates/host/src/worker/tls/names.rs"]
mod names;
#[path = "../crates/host/src/worker/trust/mod.rs"]
mod trust;
#[path = "../crates/host/src/worker/websocket/mod.rs"]
mod websocket;

#[path = "../crates/host/src/worker/tls/tickets.rs"]
mod tickets;

#[path = "../crates/host/src/worker/files/rules/mod.rs"]
mod file_rules;
#[path = "../crates/host/src/worker/tls/x509.rs"]
mod x509;

#[path = "../crates/host/src/worker/files/open/mod.rs"]
mod file_open;

#[path = "../crates/host/src/worker/asgi/reply.rs"]
mod asgi_reply;
#[path = "../crates/host/src/worker/files/compress.rs"]
mod file_compress;

#[path = "../crates/host/src/worker/fields.rs"]
mod answer_fields;
#[path = "../crates/host/src/worker/http/frames.rs"]
mod http2_frames;

/// The gate beside another's reading of the same bytes.
#[path = "host_pure/second_reader.rs"]
mod second_reader;

#[path = "../crates/host/src/worker/gateway/mod.rs"]
mod gateway;

#[path = "../crates/host/src/worker/mounts.rs"]
mod mounts;

#[path = "../crates/host/src/master/scale/gauge/mod.rs"]
mod gauge_of_workers;
#[path = "../crates/host/src/master/scale/idleness.rs"]
mod idleness;
#[path = "../crates/host/src/master/orders.rs"]
mod orders;

#[path = "../crates/host/src/worker/routes/mod.rs"]
mod routes;
