//! TLS: where it is spoken, and with which certificates.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::types::Address;

/// Where TLS is spoken, and with which certificates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// Where to speak HTTP/1.1 over TLS; each address once.
    pub https: Vec<HttpsAddress>,
}

/// One address that speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpsAddress {
    /// Where it listens.
    pub address: Address,
    /// At least one; the first is for clients that ask for no name, or for one that none has.
    pub certificates: Vec<CertificateFiles>,
    /// Whose certificates clients may show.
    pub clients: Option<ClientCertificates>,
}

/// A certificate and its key, each a PEM file that the vassal's user reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateFiles {
    /// The certificate, followed by those between it and the authority.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What is asked of clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientCertificates {
    /// The authorities that are believed.
    pub ca: PathBuf,
    /// Whether a client without a certificate is refused.
    pub is_required: bool,
}
