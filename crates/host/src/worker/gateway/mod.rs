//! How web servers hand requests on: the uwsgi protocol, `FastCGI` and SCGI.
//!
//! A [`Reader`] takes the bytes of a connection and says what they are: the variables of a request,
//! pieces of its body, its end. [`Framing`] says how an answer goes back. Neither owns a socket, and
//! nothing here knows what an app is.

mod fastcgi;
mod frame;
mod reader;
mod refusal;
mod scgi;
#[cfg(test)]
mod tests;
mod uwsgi;
mod variables;

pub(crate) use self::frame::Framing;
pub(crate) use self::reader::{Event, Reader};
pub(crate) use self::refusal::Refusal;
pub(crate) use self::variables::Variables;

use lictor_core::config::Protocol;

/// What a web server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Uwsgi,
    FastCgi,
    Scgi,
}

impl Language {
    /// As messages call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Uwsgi => "uwsgi",
            Self::FastCgi => "FastCGI",
            Self::Scgi => "SCGI",
        }
    }

    /// What is spoken where not HTTP is.
    pub(crate) fn of(protocol: Protocol) -> Option<Self> {
        match protocol {
            Protocol::Http | Protocol::Https | Protocol::Stats => None,
            Protocol::Uwsgi => Some(Self::Uwsgi),
            Protocol::Fastcgi => Some(Self::FastCgi),
            Protocol::Scgi => Some(Self::Scgi),
        }
    }
}
