//! Whose word about the client is believed, and what it comes to. Pure: from fields to values.
//!
//! A proxy says who its client was by fields of the request (`forwarded`, `chain`) or before the
//! first request (`preface`). Whether it is asked at all depends on who it is: that is [`Trust`].
//! What is not believed is taken away, so that the app does not believe it either.

mod chain;
mod forwarded;
mod preface;
mod request_id;
mod said;
#[cfg(test)]
mod tests;
mod values;

use std::net::IpAddr;

use lictor_core::config::{ForwardedField, TrustConfig, TrustedPeer};

pub(crate) use self::preface::{
    LIMIT_BYTES as PREFACE_LIMIT_BYTES, Preface, PrefaceError, Proxied, begins_preface,
};
pub(crate) use self::request_id::{hex_id, is_request_id};
pub(crate) use self::said::Said;

/// Further fields that apps or frameworks take for a proxy's word.
const ALIKE: [&str; 9] = [
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-scheme",
    "x-url-scheme",
    "x-original-host",
    "front-end-https",
];

/// What `forwarded-allow` and the options beside it say.
#[derive(Debug)]
pub(crate) struct Trust {
    allowed: Vec<TrustedPeer>,
    fields: Vec<ForwardedField>,
}

impl Trust {
    /// None where nobody was named: then nothing is interpreted and nothing is taken away.
    pub(crate) fn new(config: &TrustConfig) -> Option<Self> {
        Some(Self {
            allowed: config.forwarded_allow.clone()?,
            fields: config.forwarded_fields.clone(),
        })
    }

    /// Whether a peer is believed; none is one without an address, on a unix socket.
    pub(crate) fn allows(&self, peer: Option<IpAddr>) -> bool {
        self.allowed.iter().any(|allowed| allowed.is(peer))
    }

    /// What a believed peer's fields, names in lower case, say of the client.
    pub(crate) fn hear<'a>(&self, fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Said {
        said::hear(self, fields)
    }

    /// Whether the app must not see this field of such a peer.
    pub(crate) fn takes_away(&self, name: &str, is_believed: bool) -> bool {
        if name.contains('_') {
            // No proxy writes it so, and some frameworks do not tell it from the other.
            return self.takes_away(&name.replace('_', "-"), false);
        }
        if !name.starts_with("x-forwarded") && name != "forwarded" {
            return !is_believed && ALIKE.contains(&name);
        }
        let known = ForwardedField::ALL
            .into_iter()
            .find(|field| field.name() == name);
        // Those that mean nothing here, such as `X-Forwarded-Server`, are the proxy's own affair.
        !is_believed || known.is_some_and(|field| !self.fields.contains(&field))
    }

    fn reads(&self, field: ForwardedField) -> bool {
        self.fields.contains(&field)
    }
}
