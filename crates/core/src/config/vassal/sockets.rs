//! Where a vassal listens, and what is spoken there.

use serde::{Deserialize, Serialize};

use super::VassalConfig;
use crate::config::types::{Address, Protocol};

/// Where web servers hand requests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayConfig {
    /// By the uwsgi protocol.
    pub uwsgi: Vec<Address>,
    /// By `FastCGI`.
    pub fastcgi: Vec<Address>,
    /// By SCGI.
    pub scgi: Vec<Address>,
}

impl GatewayConfig {
    /// Every such address with its protocol.
    pub fn listening(&self) -> impl Iterator<Item = (Protocol, &Address)> {
        let each = [
            (Protocol::Uwsgi, &self.uwsgi),
            (Protocol::Fastcgi, &self.fastcgi),
            (Protocol::Scgi, &self.scgi),
        ];
        each.into_iter()
            .flat_map(|(protocol, addresses)| addresses.iter().map(move |at| (protocol, at)))
    }
}

impl VassalConfig {
    /// Every address that the vassal listens at with what is spoken there, in the order in which its
    /// sockets are handed down.
    pub fn listening(&self) -> impl Iterator<Item = (Protocol, &Address)> {
        let http = self.http.iter().map(|address| (Protocol::Http, address));
        let https = self.tls.https.iter();
        let https = https.map(|https| (Protocol::Https, &https.address));
        let stats = self.monitoring.stats.iter();
        let stats = stats.map(|address| (Protocol::Stats, address));
        http.chain(https)
            .chain(self.gateway.listening())
            .chain(stats)
    }

    /// The addresses alone.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.listening().map(|(_, address)| address)
    }
}
