//! Limits and timeouts of connections.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Where HTTP/2 is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Http2 {
    /// At addresses of `https`, with clients that agree on it.
    #[default]
    Tls,
    /// Also at those of `http`, with clients that begin with it.
    All,
    /// Nowhere.
    Off,
}

/// How long a client may take, and how many may be there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireConfig {
    /// Longest time to the end of a request head.
    pub head_timeout: Duration,
    /// How long an idle connection is kept; zero: no connection is kept.
    pub keepalive: Duration,
    /// How long a body may stand still, either way.
    pub socket_timeout: Duration,
    /// Connections of one worker; else as many as it has descriptors for.
    pub max_connections: Option<u32>,
    /// Where HTTP/2 is spoken.
    pub http2: Http2,
}

impl WireConfig {
    /// How long an idle connection is kept if nothing is said.
    pub(in crate::config) const KEEPALIVE: Duration = Duration::from_secs(65);
}

impl Default for WireConfig {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            keepalive: Self::KEEPALIVE,
            socket_timeout: Duration::from_mins(1),
            max_connections: None,
            http2: Http2::default(),
        }
    }
}
