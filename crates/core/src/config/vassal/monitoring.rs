//! How a vassal lets itself be watched.

use serde::{Deserialize, Serialize};

use crate::config::types::Address;

/// Where the numbers of a vassal are told, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitoringConfig {
    /// Where uWSGI's JSON is told.
    pub stats: Vec<Address>,
    /// It is told as an answer of HTTP.
    pub stats_http: bool,
    /// It is told on one line.
    pub is_minified: bool,
    /// It is told without the threads of workers.
    pub leaves_out_cores: bool,
}
