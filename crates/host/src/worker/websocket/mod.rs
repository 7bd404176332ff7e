//! The websocket protocol as a machine of values: RFC 6455 with permessage-deflate (RFC 7692).
//!
//! It owns no socket and no clock. `handshake` reads a request, `accept` writes the fields of the
//! 101; from then on [`WebSocket`] takes the bytes that came and says what happened, takes what the
//! app sends and holds the bytes that are to go out, while [`Timers`] say when to ping and when to
//! give up. Who drives it decides what is read and when: nothing here waits.

mod accept;
mod close;
mod deflate;
mod extensions;
mod frame;
mod handshake;
mod incoming;
mod machine;
mod mask;
mod tail;
#[cfg(test)]
mod tests;
mod text;
mod timers;
mod violation;

use std::time::Duration;

pub(crate) use self::accept::AcceptError;
pub(crate) use self::handshake::{Refusal, Upgrade};
pub(crate) use self::machine::{CloseError, Closed, Event, WebSocket};
pub(crate) use self::timers::{Due, Timers};

/// What one connection may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Bytes of one message, before compression and after.
    pub(crate) message_size: usize,
    /// How long a client may be silent before it is pinged; `None`: never pinged.
    pub(crate) ping_interval: Option<Duration>,
    /// How long a pinged client may stay silent.
    pub(crate) ping_timeout: Duration,
    /// Whether permessage-deflate is agreed to.
    pub(crate) deflate: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_size: 16 * 1024 * 1024,
            ping_interval: Some(Duration::from_secs(20)),
            ping_timeout: Duration::from_secs(20),
            deflate: true,
        }
    }
}
