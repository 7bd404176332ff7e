//! Which requests get a line.

use std::time::Duration;

use lictor_core::config::{AccessLog, RequestLogConfig};

/// What `access-log` asks for, and what is added to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    is_all: bool,
    has_errors: bool,
    has_client_errors: bool,
    slow: Option<Duration>,
}

impl Selection {
    /// None if no request will ever get a line.
    pub(crate) fn new(access_log: AccessLog, log: &RequestLogConfig) -> Option<Self> {
        let selection = Self {
            is_all: access_log == AccessLog::All,
            has_errors: access_log == AccessLog::Errors || log.server_errors,
            has_client_errors: log.client_errors,
            slow: log.slow,
        };
        let is_any = selection.is_all
            || selection.has_errors
            || selection.has_client_errors
            || selection.slow.is_some();
        is_any.then_some(selection)
    }

    /// Whether a request that came to this gets one. An answer that was cut short counts by what
    /// went wrong, not by its status.
    pub(crate) fn wants(&self, status: u16, is_error: bool, took: Duration) -> bool {
        self.is_all
            || self.has_errors && (is_error || status >= 500)
            || self.has_client_errors && (400..500).contains(&status)
            || self.slow.is_some_and(|slow| took >= slow)
    }
}
