//! Clients that no server likes.

use crate::client::Client;
use crate::shape::{Shape, Trait};

/// What they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nuisance {
    /// Many of them, each with half a request head.
    SlowHeads,
    /// A body that never comes.
    HalfBody,
    /// A large answer that nobody reads.
    NotReading,
    /// A request, and a reset before its answer.
    Resets,
    /// Bytes that are no request.
    Garbage,
}

impl Nuisance {
    pub(crate) const ALL: [Self; 5] = [
        Self::SlowHeads,
        Self::HalfBody,
        Self::NotReading,
        Self::Resets,
        Self::Garbage,
    ];

    /// Whether a site can bear them at all.
    pub(crate) fn may_come_to(self, shape: &Shape) -> bool {
        match self {
            // They would take longer than a request may, and their workers with them.
            Self::HalfBody | Self::NotReading => !shape.has(Trait::Harakiri),
            Self::SlowHeads | Self::Resets | Self::Garbage => true,
        }
    }

    /// How many of these a site can bear and still answer others.
    fn count(self, places: usize) -> usize {
        match self {
            Self::SlowHeads => 50,
            // Each has a thread of the app as long as it stays.
            Self::HalfBody | Self::NotReading => (places / 3).max(1),
            Self::Resets | Self::Garbage => 20,
        }
    }

    /// Whether they take a site's only thread, so that they must go before others are answered.
    pub(crate) fn fills(self, places: usize) -> bool {
        match self {
            Self::HalfBody | Self::NotReading => self.count(places) >= places,
            Self::SlowHeads | Self::Resets | Self::Garbage => false,
        }
    }

    /// Begins; gives those that stay. A site that is being replaced may close on them at any time.
    pub(crate) fn begin(self, address: &str, places: usize) -> Vec<Client> {
        let clients = (0..self.count(places)).filter_map(|_| {
            let mut client = Client::connect(address).ok()?;
            client.send(self.words()).ok()?;
            if self == Self::Resets {
                client.reset();
                return None;
            }
            Some(client)
        });
        clients.collect()
    }

    fn words(self) -> &'static [u8] {
        match self {
            Self::SlowHeads => b"GET / HTTP/1.1\r\nHost: ch",
            Self::HalfBody => {
                b"POST /read HTTP/1.1\r\nHost: chaos\r\nContent-Length: 1000\r\n\r\nhalf"
            }
            Self::NotReading | Self::Resets => b"GET /large HTTP/1.1\r\nHost: chaos\r\n\r\n",
            Self::Garbage => b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        }
    }
}
