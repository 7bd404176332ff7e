//! Proxies in front, and what they may say about the client.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Whose word about the client is believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustConfig {
    /// The peers that are believed. None: the option was not given, so that nobody is believed and
    /// what they say is handed on as it came.
    pub forwarded_allow: Option<Vec<TrustedPeer>>,
    /// Which of a believed peer's fields mean something.
    pub forwarded_fields: Vec<ForwardedField>,
    /// Whether believed peers begin each connection with the PROXY protocol.
    pub proxy_protocol: bool,
}

impl Default for TrustConfig {
    fn default() -> Self {
        Self {
            forwarded_allow: None,
            forwarded_fields: ForwardedField::ALL.to_vec(),
            proxy_protocol: false,
        }
    }
}

/// A peer that is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustedPeer {
    /// Whoever connects.
    Everyone,
    /// Whoever connects to a unix socket.
    Unix,
    /// An address, or all that share its first bits.
    Network {
        /// No IPv6 address stands for an IPv4 one, and no bit is set behind the prefix.
        address: IpAddr,
        /// How many bits count.
        prefix: u8,
    },
}

impl TrustedPeer {
    /// Whether this is the peer; none is a peer without an address, on a unix socket.
    pub fn is(&self, peer: Option<IpAddr>) -> bool {
        match (self, peer.map(|peer| peer.to_canonical())) {
            (Self::Everyone, _) | (Self::Unix, None) => true,
            (Self::Unix, Some(_)) | (Self::Network { .. }, None) => false,
            (Self::Network { address, prefix }, Some(peer)) => {
                first_bits(peer, *prefix) == Some(*address)
            }
        }
    }
}

/// The address with all bits behind the prefix cleared; none where it has not as many.
pub(in crate::config) fn first_bits(address: IpAddr, prefix: u8) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            let behind = 32_u32.checked_sub(prefix.into())?;
            let mask = u32::MAX.checked_shl(behind).unwrap_or(0);
            Some(IpAddr::V4((address.to_bits() & mask).into()))
        }
        IpAddr::V6(address) => {
            let behind = 128_u32.checked_sub(prefix.into())?;
            let mask = u128::MAX.checked_shl(behind).unwrap_or(0);
            Some(IpAddr::V6((address.to_bits() & mask).into()))
        }
    }
}

/// A field by which a proxy says something about the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedField {
    /// RFC 7239.
    Forwarded,
    /// `X-Forwarded-For`.
    For,
    /// `X-Forwarded-Proto`.
    Proto,
    /// `X-Forwarded-Host`.
    Host,
    /// `X-Forwarded-Port`.
    Port,
    /// `X-Forwarded-Prefix`.
    Prefix,
}

impl ForwardedField {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Forwarded,
        Self::For,
        Self::Proto,
        Self::Host,
        Self::Port,
        Self::Prefix,
    ];

    /// Its name on the wire, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::For => "x-forwarded-for",
            Self::Proto => "x-forwarded-proto",
            Self::Host => "x-forwarded-host",
            Self::Port => "x-forwarded-port",
            Self::Prefix => "x-forwarded-prefix",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str, prefix: u8) -> TrustedPeer {
        let address = address.parse().unwrap();
        TrustedPeer::Network { address, prefix }
    }

    #[test]
    fn a_network_holds_its_addresses_only() {
        for (peer, network, expected) in [
            ("10.1.2.3", network("10.0.0.0", 8), true),
            ("11.1.2.3", network("10.0.0.0", 8), false),
            ("10.1.2.3", network("10.1.2.3", 32), true),
            ("10.1.2.2", network("10.1.2.3", 32), false),
            ("1.2.3.4", network("0.0.0.0", 0), true),
            ("::1", network("0.0.0.0", 0), false),
            ("1.2.3.4", network("::", 0), false),
            // A dual-stack listener sees IPv4 clients so.
            ("::ffff:10.1.2.3", network("10.0.0.0", 8), true),
            ("2001:db8::1", network("2001:db8::", 32), true),
            ("2001:db9::1", network("2001:db8::", 32), false),
            ("2001:db8::1", network("2001:db8::1", 128), true),
        ] {
            let peer = peer.parse().unwrap();
            assert_eq!(network.is(Some(peer)), expected, "{peer} {network:?}");
        }
    }

    #[test]
    fn unix_peers_are_no_network_and_everyone_is_all() {
        let loopback = "127.0.0.1".parse().ok();
        assert!(TrustedPeer::Unix.is(None));
        assert!(!TrustedPeer::Unix.is(loopback));
        assert!(!network("0.0.0.0", 0).is(None));
        assert!(TrustedPeer::Everyone.is(None));
        assert!(TrustedPeer::Everyone.is(loopback));
    }
}
