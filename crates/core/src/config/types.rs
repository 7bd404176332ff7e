//! Values of options that cannot be wrong once they exist.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a socket listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Address {
    /// `HOST:PORT`, `:PORT` (every IPv4 and IPv6 address), `[v6]:PORT`.
    Tcp(SocketAddr),
    /// `/path` or `unix:/path`.
    Unix(PathBuf),
    /// `@name`, in the abstract namespace of `unix(7)`.
    Abstract(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
            Self::Abstract(name) => write!(f, "@{name}"),
        }
    }
}

/// What is spoken at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// HTTP/1.1, and HTTP/2 where `http2` allows it.
    Http,
    /// The same over TLS.
    Https,
    /// uwsgi, from a web server.
    Uwsgi,
    /// `FastCGI`, from a web server.
    Fastcgi,
    /// SCGI, from a web server.
    Scgi,
    /// The master tells how its workers are.
    Stats,
}

impl Protocol {
    /// As `status` and the options call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Uwsgi => "uwsgi",
            Self::Fastcgi => "fastcgi",
            Self::Scgi => "scgi",
            Self::Stats => "stats",
        }
    }
}

/// Permission bits of a unix socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mode(pub u32);

/// A user by name or number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserName {
    /// As in `passwd(5)`.
    Name(String),
    /// A number.
    Id(u32),
}

/// A group by name or number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupName {
    /// As in `group(5)`.
    Name(String),
    /// A number.
    Id(u32),
}

/// To whom a unix socket belongs; what is not said stays as it is without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SocketOwner {
    /// Its user.
    pub user: Option<UserName>,
    /// Its group.
    pub group: Option<GroupName>,
}

/// Which Python.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PythonChoice {
    /// `3.12`: `python3.12` on PATH.
    Version(u8, u8),
    /// The path of an interpreter.
    Path(PathBuf),
}

/// Which requests get a line in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccessLog {
    /// Those answered with 5xx.
    Errors,
    /// All.
    All,
    /// None.
    Off,
}
