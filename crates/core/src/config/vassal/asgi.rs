//! ASGI apps: whether the app is one, which event loop runs it, whether it is told of start and end.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How ASGI apps are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AsgiConfig {
    /// Which interface the app speaks.
    pub interface: Interface,
    /// Which event loop runs it.
    pub event_loop: EventLoop,
    /// Whether it is told of start and end.
    pub lifespan: Lifespan,
    /// What a websocket may cost.
    pub websocket: WebsocketConfig,
}

/// What a websocket may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebsocketConfig {
    /// Bytes of one message that is received.
    pub max_size: usize,
    /// How long a client may be silent before it is pinged; none: it never is.
    pub ping_interval: Option<Duration>,
    /// How long a pinged client may stay silent.
    pub ping_timeout: Duration,
    /// Whether messages are compressed where the client can do that.
    pub deflate: bool,
}

impl Default for WebsocketConfig {
    fn default() -> Self {
        Self {
            max_size: 16 << 20,
            ping_interval: Some(Duration::from_secs(20)),
            ping_timeout: Duration::from_secs(20),
            deflate: true,
        }
    }
}

/// Which interface an app speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interface {
    /// As the app looks.
    #[default]
    Auto,
    /// WSGI (PEP 3333).
    Wsgi,
    /// ASGI 3.
    Asgi,
}

/// Which event loop runs an ASGI app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventLoop {
    /// uvloop if it is installed, else asyncio's.
    #[default]
    Auto,
    /// asyncio's own.
    Asyncio,
    /// uvloop's.
    Uvloop,
}

/// Whether an ASGI app is told of start and end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifespan {
    /// If it wants to be.
    #[default]
    Auto,
    /// It must take part.
    On,
    /// Not.
    Off,
}
