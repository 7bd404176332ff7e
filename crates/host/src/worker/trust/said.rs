//! What the fields of a believed peer say of the client, put together.
//!
//! Nearly every proxy writes either `X-Forwarded-*` or `Forwarded`, and hands on what its client
//! wrote into the other. Where both are there, the first is read, being the usual one.

use lictor_core::config::ForwardedField;

use super::Trust;
use super::chain::{self, Place};
use super::forwarded;
use super::values::{self, Node};

/// What is believed of the client; what is not there is as the connection says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its address, and its port or 0.
    pub(crate) client: Option<(std::net::IpAddr, u16)>,
    /// Whether it spoke TLS.
    pub(crate) is_secure: Option<bool>,
    /// The host that it asked for.
    pub(crate) host: Option<String>,
    /// The port that it connected to.
    pub(crate) port: Option<u16>,
    /// The path below which it sees the app.
    pub(crate) prefix: Option<String>,
    /// `Forwarded` was there, and was not read.
    pub(crate) leaves_forwarded: bool,
}

/// The lines of each field, in the order of [`ForwardedField::ALL`].
type Lines<'a> = [Vec<&'a [u8]>; ForwardedField::ALL.len()];

pub(super) fn hear<'a>(trust: &Trust, fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Said {
    let mut lines = Lines::default();
    for (name, value) in fields {
        let known = ForwardedField::ALL.iter().zip(&mut lines);
        let mut known = known.filter(|(field, _)| field.name() == name && trust.reads(**field));
        if let Some((_, lines)) = known.next() {
            lines.push(value);
        }
    }
    let [forwarded, others @ ..] = &lines;
    let has_others = others.iter().any(|lines| !lines.is_empty());
    if !has_others {
        return from_forwarded(trust, forwarded);
    }
    let mut said = from_others(trust, others);
    said.leaves_forwarded = !forwarded.is_empty();
    said
}

fn from_others(trust: &Trust, lines: &[Vec<&[u8]>; 5]) -> Said {
    let [addresses, schemes, hosts, ports, prefixes] =
        lines.each_ref().map(|lines| chain::entries(lines));
    let place = walk(trust, &addresses);
    let pick = |entries| chain::beside(entries, place, addresses.len());
    let is_secure = pick(&schemes).and_then(values::is_secure);
    let host = pick(&hosts).and_then(values::host);
    let port = pick(&ports).and_then(values::port);
    Said {
        client: client(place),
        is_secure,
        host: host.map(|(host, _)| host.to_owned()),
        port: port.or_else(|| port_of(host, is_secure)),
        prefix: pick(&prefixes).and_then(values::prefix).map(str::to_owned),
        leaves_forwarded: false,
    }
}

fn from_forwarded(trust: &Trust, lines: &[&[u8]]) -> Said {
    let elements = forwarded::parse(lines).unwrap_or_default();
    let nodes: Vec<&str> = elements.iter().map(|element| &*element.node).collect();
    let place = walk(trust, &nodes);
    let Some(element) = place.index.and_then(|index| elements.get(index)) else {
        return Said::default();
    };
    let is_secure = values::is_secure(&element.proto);
    let host = values::host(&element.host);
    Said {
        client: client(place),
        is_secure,
        host: host.map(|(host, _)| host.to_owned()),
        port: port_of(host, is_secure),
        ..Said::default()
    }
}

fn walk(trust: &Trust, entries: &[&str]) -> Place {
    chain::walk(entries, |node| trust.allows(Some(node.address)))
}

fn client(place: Place) -> Option<(std::net::IpAddr, u16)> {
    place.client.map(|Node { address, port }| (address, port))
}

/// The port in the host, else that of the scheme, as far as somebody spoke of them.
fn port_of(host: Option<(&str, Option<u16>)>, is_secure: Option<bool>) -> Option<u16> {
    let usual = is_secure.map(|is_secure| if is_secure { 443 } else { 80 });
    host.and_then(|(_, port)| port).or(usual)
}
