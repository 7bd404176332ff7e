//! Peers that are believed, and the fields by which they say something.

use std::net::IpAddr;

use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::Setting;
use crate::config::tree::Node;
use crate::config::vassal::{ForwardedField, TrustedPeer, first_bits};

/// IPv6 addresses that stand for IPv4 ones have this many bits before those.
const MAPPED_BITS: u8 = 96;

/// An address, a network, `unix` or `*`.
pub(in crate::config) fn trusted_peer(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<TrustedPeer, Complaint> {
    let text = setting.text(node)?;
    match text {
        "*" => return Ok(TrustedPeer::Everyone),
        "unix" => return Ok(TrustedPeer::Unix),
        _ => {}
    }
    if text.contains(',') {
        return Err(setting
            .mismatch(node)
            .hint("give several as a list; in INI write the option once for each"));
    }
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return Err(setting.mismatch(node).hint(
            "write the address itself: host names are not looked up, and a peer has no fixed port",
        ));
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    let Some(prefix) = prefix.map_or(Some(longest), parse_prefix) else {
        return Err(setting.mismatch(node));
    };
    network(setting, node, address, prefix)
}

fn parse_prefix(text: &str) -> Option<u8> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

fn network(
    setting: &Setting<'_>,
    node: &Node,
    address: IpAddr,
    prefix: u8,
) -> Result<TrustedPeer, Complaint> {
    let Some(first) = first_bits(address, prefix) else {
        let what = format!("has a network of {prefix} bits, which no such address has");
        return Err(setting.wrong(node, &what));
    };
    if first != address {
        let message = format!(
            "{} has bits set behind its first {prefix}",
            quote(&address.to_string())
        );
        return Err(Complaint::new(node.place.clone(), message).hint(format!(
            "write `{first}/{prefix}` for the network, or the address alone"
        )));
    }
    // As peers are spelt once they are looked at.
    let canonical = address.to_canonical();
    let prefix = if canonical == address {
        prefix
    } else {
        prefix.saturating_sub(MAPPED_BITS)
    };
    Ok(TrustedPeer::Network {
        address: canonical,
        prefix,
    })
}

/// A field's name.
pub(in crate::config) fn forwarded_field(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<ForwardedField, Complaint> {
    let text = setting.text(node)?;
    ForwardedField::ALL
        .into_iter()
        .find(|field| field.name().eq_ignore_ascii_case(text))
        .ok_or_else(|| setting.mismatch(node))
}
