//! Which requests get a line.

use std::time::Duration;

use lictor_core::config::{AccessLog, RequestLogConfig};

/// What `access-log` asks for, and what is added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
pub(crate) struct Selection {
    is_all: bool,
    has_errors: bool,
    has_client_errors: bool,
    slow: Option<Duration>,
    has_empty: bool,
    big: Option<u64>,
    has_files: bool,
    has_cut_off: bool,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Came {
    pub(crate) status: u16,
    /// It was cut off, or failed in another way that its status does not tell.
    pub(crate) is_error: bool,
    pub(crate) took: Duration,
    pub(crate) body_bytes: u64,
    /// A file was sent.
    pub(crate) is_file: bool,
}

impl Selection {
    /// None if no request will ever get a line.
    pub(crate) fn new(access_log: AccessLog, log: &RequestLogConfig) -> Option<Self> {
        let selection = Self {
            is_all: access_log == AccessLog::All,
            has_errors: access_log == AccessLog::Errors || log.server_errors,
            has_client_errors: log.client_errors,
            slow: log.slow,
            has_empty: log.empty,
            big: log.big,
            has_files: log.files,
            has_cut_off: log.cut_off,
        };
        let is_any = selection.is_all
            || selection.has_errors
            || selection.has_client_errors
            || selection.slow.is_some()
            || selection.has_empty
            || selection.big.is_some()
            || selection.has_files
            || selection.has_cut_off;
        is_any.then_some(selection)
    }

    /// Whether a request that came to this gets one. An answer that was cut short counts by what
    /// went wrong, not by its status.
    pub(crate) fn wants(&self, came: &Came) -> bool {
        let Came {
            status,
            is_error,
            took,
            body_bytes,
            is_file,
        } = *came;
        self.is_all
            || self.has_errors && (is_error || status >= 500)
            || self.has_client_errors && (400..500).contains(&status)
            || self.slow.is_some_and(|slow| took >= slow)
            || self.has_empty && body_bytes == 0
            || self.big.is_some_and(|big| body_bytes >= big)
            || self.has_files && is_file
            || self.has_cut_off && is_error
    }
}
