//! The PROXY protocol (haproxy.org, proxy-protocol.txt), versions 1 and 2: what a proxy says of its
//! client before the first byte of the connection that it passes on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How version 1 begins.
const TEXT: &[u8] = b"PROXY ";
/// How version 2 begins.
const BINARY: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Longest line of version 1, its end included.
const TEXT_LIMIT_BYTES: usize = 107;
/// Version 2 up to its length.
const BINARY_HEAD_BYTES: usize = 16;
/// Longest that may follow: addresses and whatever a proxy likes to add, for which the protocol
/// allows 64 KiB and real ones need some hundred bytes.
const BINARY_LIMIT_BYTES: usize = 4096;
/// As much as a preface may have.
pub(crate) const LIMIT_BYTES: usize = BINARY_HEAD_BYTES + BINARY_LIMIT_BYTES;

/// What the bytes at the beginning of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preface {
    /// They may become one: all of them belong to it.
    Unfinished,
    /// One of so many bytes.
    Whole(usize, Proxied),
}

/// On whose behalf the proxy has connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxied {
    /// Its own (a health check), or somebody's that it cannot name: the peer stays who it is.
    Peer,
    /// A client's.
    Client {
        address: IpAddr,
        port: u16,
        /// The port that the client connected to.
        server_port: u16,
    },
}

/// Why the bytes are not a preface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PrefaceError {
    #[error("it does not begin with the PROXY protocol")]
    Missing,
    #[error("its PROXY protocol header is malformed")]
    Malformed,
    #[error("its PROXY protocol header is longer than {LIMIT_BYTES} bytes")]
    TooLong,
}

/// Whether somebody speaks the PROXY protocol from the first byte on.
pub(crate) fn begins_preface(bytes: &[u8]) -> bool {
    bytes.starts_with(TEXT) || bytes.starts_with(BINARY)
}

impl Preface {
    /// Looks at what has arrived.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, PrefaceError> {
        if bytes.starts_with(BINARY) {
            return binary(bytes);
        }
        if bytes.starts_with(TEXT) {
            return text(bytes);
        }
        let may_become = TEXT.starts_with(bytes) || BINARY.starts_with(bytes);
        if may_become {
            Ok(Self::Unfinished)
        } else {
            Err(PrefaceError::Missing)
        }
    }
}

fn text(bytes: &[u8]) -> Result<Preface, PrefaceError> {
    let line = bytes.get(..TEXT_LIMIT_BYTES).unwrap_or(bytes);
    let Some(end) = line.iter().position(|byte| *byte == b'\n') else {
        return if line.len() < TEXT_LIMIT_BYTES {
            Ok(Preface::Unfinished)
        } else {
            Err(PrefaceError::Malformed)
        };
    };
    let line = line
        .get(TEXT.len()..end)
        .and_then(|line| line.strip_suffix(b"\r"));
    let line = line.and_then(|line| std::str::from_utf8(line).ok());
    let proxied = line.and_then(text_line).ok_or(PrefaceError::Malformed)?;
    Ok(Preface::Whole(end + 1, proxied))
}

fn text_line(line: &str) -> Option<Proxied> {
    let mut words = line.split(' ');
    let family = words.next()?;
    if family == "UNKNOWN" {
        // Whatever follows is to be ignored.
        return Some(Proxied::Peer);
    }
    let mut address = || -> Option<IpAddr> {
        let word = words.next()?;
        match family {
            "TCP4" => word.parse().ok().map(IpAddr::V4),
            "TCP6" => word.parse().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (client, _server) = (address()?, address()?);
    let mut port = || -> Option<u16> {
        let word = words.next()?;
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        let has_no_zero_before = word == "0" || !word.starts_with('0');
        word.parse()
            .ok()
            .filter(|_| is_number && has_no_zero_before)
    };
    let (port, server_port) = (port()?, port()?);
    words.next().is_none().then_some(Proxied::Client {
        address: client.to_canonical(),
        port,
        server_port,
    })
}

fn binary(bytes: &[u8]) -> Result<Preface, PrefaceError> {
    let Some(&[version_and_command, family, high, low]) =
        bytes.get(BINARY.len()..BINARY_HEAD_BYTES)
    else {
        return Ok(Preface::Unfinished);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > BINARY_LIMIT_BYTES {
        return Err(PrefaceError::TooLong);
    }
    let is_local = match version_and_command {
        0x20 => true,
        0x21 => false,
        _ => return Err(PrefaceError::Malformed),
    };
    let whole = BINARY_HEAD_BYTES + length;
    let Some(said) = bytes.get(BINARY_HEAD_BYTES..whole) else {
        return Ok(Preface::Unfinished);
    };
    let proxied = match family {
        _ if is_local => Proxied::Peer,
        // TCP, or UDP on which QUIC came in, over IPv4 and IPv6. What follows the addresses is not
        // needed.
        0x11 | 0x12 => binary_addresses::<4>(said, |bytes| Ipv4Addr::from(bytes).into())?,
        0x21 | 0x22 => binary_addresses::<16>(said, |bytes| {
            IpAddr::from(Ipv6Addr::from(bytes)).to_canonical()
        })?,
        // Unspecified, a unix socket, or what a later text of the protocol may add.
        _ => Proxied::Peer,
    };
    Ok(Preface::Whole(whole, proxied))
}

fn binary_addresses<const N: usize>(
    said: &[u8],
    address: fn([u8; N]) -> IpAddr,
) -> Result<Proxied, PrefaceError> {
    let parts = said.split_first_chunk::<N>().and_then(|(client, rest)| {
        let (_server, rest) = rest.split_first_chunk::<N>()?;
        let (port, rest) = rest.split_first_chunk::<2>()?;
        let (server_port, _rest) = rest.split_first_chunk::<2>()?;
        Some((*client, *port, *server_port))
    });
    let (client, port, server_port) = parts.ok_or(PrefaceError::Malformed)?;
    Ok(Proxied::Client {
        address: address(client),
        port: u16::from_be_bytes(port),
        server_port: u16::from_be_bytes(server_port),
    })
}
