//! The values that proxies write: each is what it should be, or nothing.

use std::net::{IpAddr, Ipv6Addr};

/// Longest host name of the DNS (RFC 1035 §2.3.4), with room for brackets and a port.
const HOST_LIMIT_BYTES: usize = 255 + 8;
const PREFIX_LIMIT_BYTES: usize = 1024;

/// A client as `X-Forwarded-For` and `Forwarded` spell it, with its port or 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`. Neither
/// `unknown` nor a name with `_` before it (RFC 7239 §6.3) is an address.
pub(super) fn node(text: &str) -> Option<Node> {
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let address = IpAddr::V6(address.parse::<Ipv6Addr>().ok()?).to_canonical();
        let port = match rest {
            "" => 0,
            rest => port(rest.strip_prefix(':')?)?,
        };
        return Some(Node { address, port });
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        let address = address.to_canonical();
        return Some(Node { address, port: 0 });
    }
    let (address, behind) = text.split_once(':')?;
    let address = IpAddr::V4(address.parse().ok()?);
    let port = port(behind)?;
    Some(Node { address, port })
}

/// A port that can be one.
pub(super) fn port(text: &str) -> Option<u16> {
    let is_number = (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port > 0)
}

/// Whether the scheme is a secure one.
pub(super) fn is_secure(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        // A websocket's own schemes are those of the request that opened it.
        "https" | "wss" => Some(true),
        "http" | "ws" => Some(false),
        _ => None,
    }
}

/// A host with or without its port, as it stands in `Host` (RFC 9110 §7.2), and the port.
pub(super) fn host(text: &str) -> Option<(&str, Option<u16>)> {
    if text.len() > HOST_LIMIT_BYTES {
        return None;
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        return match rest {
            "" => Some((text, None)),
            rest => Some((text, Some(port(rest.strip_prefix(':')?)?))),
        };
    }
    let (name, port) = match text.split_once(':') {
        Some((name, behind)) => (name, Some(port(behind)?)),
        None => (text, None),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (!name.is_empty() && name.bytes().all(is_plain)).then_some((text, port))
}

/// Where the app stands in the proxy's paths: begins with one `/`, ends with none, may be empty.
pub(super) fn prefix(text: &str) -> Option<&str> {
    if text.len() > PREFIX_LIMIT_BYTES || !text.starts_with('/') {
        return None;
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
    let text = text.trim_end_matches('/');
    // `//host` would be a reference to another site (RFC 3986 §4.2), and dots would leave it.
    let is_tidy = text.bytes().all(is_plain)
        && !text.contains("//")
        && !text.split('/').any(|step| step == "." || step == "..");
    is_tidy.then_some(text)
}
