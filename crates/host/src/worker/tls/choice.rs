//! Which certificate a client is shown: by the name that it asks for (SNI, RFC 6066 §3).

use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The certificates of one address, in the order of the file.
#[derive(Debug)]
pub(super) struct Choice(pub(super) Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let (first, others) = self.0.split_first()?;
        if others.is_empty() {
            return Some(Arc::clone(first));
        }
        // Of two for the same name, the first with a key that the client understands.
        let is_understood =
            |pair: &&Arc<CertifiedKey>| pair.key.choose_scheme(hello.signature_schemes()).is_some();
        let name = hello.server_name().map(ServerName::try_from);
        let named = name.and_then(Result::ok).and_then(|name| {
            let named = self.0.iter().filter(|pair| is_named(pair, &name));
            named.clone().find(is_understood).or(named.clone().next())
        });
        let chosen = named.or_else(|| self.0.iter().find(is_understood));
        Some(Arc::clone(chosen.unwrap_or(first)))
    }
}

fn is_named(pair: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let leaf = pair.end_entity_cert().ok();
    let leaf = leaf.and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
    leaf.is_some_and(|leaf| verify_server_name(&leaf, name).is_ok())
}
