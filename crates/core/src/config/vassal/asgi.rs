//! ASGI apps: whether the app is one, which event loop runs it, whether it is told of start and end.

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
