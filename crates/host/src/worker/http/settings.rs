//! How hyper is set up, once for all connections of a worker.

use std::sync::Arc;

use hyper::server::conn::http1;

/// Smallest read and write buffer of a connection that pays for uploads.
const BUFFER_BYTES: usize = 64 * 1024;

/// What all connections of a worker have in common.
#[derive(Debug)]
pub(crate) struct DriverSettings {
    pub(super) builder: http1::Builder,
    pub(super) head_limit: usize,
    pub(super) body_limit: Option<u64>,
    pub(super) compress: Option<Arc<[String]>>,
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
            compress: None,
        }
    }

    /// Answers of these media types are compressed.
    pub(crate) fn compressing(mut self, types: &[String]) -> Self {
        self.compress = (!types.is_empty()).then(|| types.into());
        self
    }
}
