//! The log of requests.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::LogFormat;

/// What is written down about requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
pub struct RequestLogConfig {
    /// How a line looks.
    pub format: LogFormat,
    /// Requests that take longer are logged, whatever `access-log` says.
    pub slow: Option<Duration>,
    /// Likewise those answered with 400 to 499.
    pub client_errors: bool,
    /// Likewise those answered with 500 and above.
    pub server_errors: bool,
    /// Likewise those answered without a body.
    pub empty: bool,
    /// Likewise those answered with a body of so many bytes.
    pub big: Option<u64>,
    /// Likewise those answered with a file.
    pub files: bool,
    /// Likewise those whose answer was cut off.
    pub cut_off: bool,
    /// The form `text` tells microseconds.
    pub in_micros: bool,
    /// `%(ftime)` has the form of `log-date`.
    pub has_own_time: bool,
    /// The field that carries the name of a request, in lower case.
    pub request_id: Option<String>,
}

impl RequestLogConfig {
    /// Whether some requests are asked for beside what `access-log` says.
    pub(in crate::config) fn selects(&self) -> bool {
        let kinds = [
            self.client_errors,
            self.server_errors,
            self.empty,
            self.files,
            self.cut_off,
        ];
        kinds.contains(&true) || self.slow.is_some() || self.big.is_some()
    }
}
