//! How hyper is set up, once for all connections of a worker.

use std::sync::Arc;

use hyper::server::conn::{http1, http2};
use lictor_core::config::{AnswersConfig, Http2};

use super::multiplex::Crew;
use super::own_fields::OwnFields;

/// Smallest read and write buffer of a connection that pays for uploads.
const BUFFER_BYTES: usize = 64 * 1024;

/// What all connections of a worker have in common.
#[derive(Clone, Debug)]
pub(crate) struct DriverSettings {
    pub(super) builder: http1::Builder,
    pub(super) head_limit: usize,
    pub(super) body_limit: Option<u64>,
    /// Where HTTP/2 is spoken.
    pub(super) http2: Http2,
    pub(super) streams: Streams,
    pub(super) compress: Option<Arc<[String]>>,
    /// Fields that every answer has or has not.
    pub(super) own_fields: Option<Arc<OwnFields>>,
    pub(super) keeps_alive: bool,
    /// The log of requests tells how long heads of answers are.
    pub(super) measures_heads: bool,
}

impl DriverSettings {
    pub(crate) fn new(head_limit: u32, body_limit: Option<u64>, keeps_alive: bool) -> Self {
        let head_limit = head_limit as usize;
        let mut builder = http1::Builder::new();
        builder
            .keep_alive(keeps_alive)
            // The number of fields stays at hyper's own limit of 100, for which it needs no memory.
            // Without this, hyper reads ahead to notice a client that leaves: one more syscall.
            .half_close(true)
            .max_header_size(head_limit)
            .max_buf_size(head_limit.max(BUFFER_BYTES))
            // The reactor's own sweep closes slow connections; hyper would need a timer.
            .header_read_timeout(None);
        Self {
            builder,
            head_limit,
            body_limit,
            http2: Http2::default(),
            streams: Streams {
                head_limit: u32::try_from(head_limit).unwrap_or(u32::MAX),
            },
            compress: None,
            own_fields: None,
            keeps_alive,
            measures_heads: false,
        }
    }

    /// Speaks HTTP/2, where it may.
    pub(crate) fn speaking(mut self, http2: Http2) -> Self {
        self.http2 = http2;
        self
    }

    /// The log of requests tells how long heads of answers are.
    pub(crate) fn measuring_heads(mut self, measures_heads: bool) -> Self {
        self.measures_heads = measures_heads;
        self
    }

    /// Every answer has these fields, and has not those; those of these media types are compressed.
    pub(crate) fn answering(mut self, answers: &AnswersConfig, compressed: &[String]) -> Self {
        self.compress = (!compressed.is_empty()).then(|| compressed.into());
        self.own_fields = OwnFields::new(answers).map(Arc::new);
        self
    }
}

/// Streams of a connection that may be open at a time.
const STREAMS: u32 = 128;
/// What a client may send of one body before anybody reads it: as much as HTTP/1 gathers.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
/// The same of all bodies of a connection.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// What is laid down for one stream and not yet sent.
const SEND_BUFFER_BYTES: usize = 128 * 1024;
/// Streams that a client has reset before anybody looked at them (CVE-2023-44487).
const RESETS: usize = 20;
/// Streams that were reset because the client broke the protocol.
const ERRORS: usize = 100;

/// What the streams of a connection may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Streams {
    head_limit: u32,
}

impl Streams {
    pub(super) fn apply(self, builder: &mut http2::Builder<Crew>) {
        builder
            .max_concurrent_streams(STREAMS)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(ERRORS)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .max_header_list_size(self.head_limit);
    }
}
