//! Which certificate a client is shown: by the name that it asks for (SNI, RFC 6066 §3).

use std::cell::Cell;
use std::sync::Arc;

use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::client::pem;

thread_local! {
    /// rustls does not tell which certificate it has shown.
    static SHOWN: Cell<Option<Arc<str>>> = const { Cell::new(None) };
}

/// The certificate that was chosen since this was last asked on this thread.
pub(super) fn take_shown() -> Option<Arc<str>> {
    SHOWN.take()
}

/// The certificates of one address, in the order of the file.
#[derive(Debug)]
pub(super) struct Choice(Vec<Pair>);

#[derive(Debug)]
struct Pair {
    certified: Arc<CertifiedKey>,
    /// The certificate as text, for apps.
    pem: Arc<str>,
}

impl Choice {
    pub(super) fn new(pairs: impl IntoIterator<Item = CertifiedKey>) -> Self {
        let pairs = pairs.into_iter().map(|certified| Pair {
            pem: certified
                .cert
                .first()
                .map_or("".into(), |leaf| pem(leaf).into()),
            certified: Arc::new(certified),
        });
        Self(pairs.collect())
    }

    fn choose(&self, hello: &ClientHello<'_>) -> Option<&Pair> {
        let (first, others) = self.0.split_first()?;
        if others.is_empty() {
            return Some(first);
        }
        // Of two for the same name, the first with a key that the client understands.
        let schemes = hello.signature_schemes();
        let is_understood = |pair: &&Pair| pair.certified.key.choose_scheme(schemes).is_some();
        let name = hello.server_name().map(ServerName::try_from);
        let named = name.and_then(Result::ok).and_then(|name| {
            let named = self
                .0
                .iter()
                .filter(|pair| is_named(&pair.certified, &name));
            named.clone().find(is_understood).or(named.clone().next())
        });
        let chosen = named.or_else(|| self.0.iter().find(is_understood));
        Some(chosen.unwrap_or(first))
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chosen = self.choose(&hello)?;
        SHOWN.set(Some(Arc::clone(&chosen.pem)));
        Some(Arc::clone(&chosen.certified))
    }
}

fn is_named(pair: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let leaf = pair.end_entity_cert().ok();
    let leaf = leaf.and_then(|leaf| ParsedCertificate::try_from(leaf).ok());
    leaf.is_some_and(|leaf| verify_server_name(&leaf, name).is_ok())
}
