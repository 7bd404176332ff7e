//! What one `https` address speaks TLS with, and how it follows its files.
//!
//! Nobody watches the files: a worker looks at them when a client comes, at most once in a while,
//! so an idle one never wakes for them. A pair that cannot be used changes nothing.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lictor_core::config::{Http2, HttpsAddress};
use ring::digest;
use rustls::crypto::{CryptoProvider, ring as provider};
use rustls::server::{
    NoServerSessionStorage, ProducesTickets, VerifierBuilderError, WebPkiClientVerifier,
};
use rustls::{RootCertStore, ServerConfig};

use super::certificate::{certificates, load};
use super::choice::Choice;
use super::complaints::say;
use super::error::TlsError;
use super::identity::Identity;
use super::tickets::{PERIOD, Ratchet, Tickets};
use crate::worker::sync::lock;

/// How often the files are looked at, at most.
const PAUSE: Duration = Duration::from_secs(2);

/// What one address speaks TLS with.
pub(crate) struct TlsServer {
    https: HttpsAddress,
    number: usize,
    offered: Http2,
    provider: Arc<CryptoProvider>,
    ratchet: Arc<Ratchet>,
    current: Mutex<Arc<ServerConfig>>,
    started: Instant,
    /// On the clock of `started`.
    next_look_ms: AtomicU64,
    files: Mutex<Files>,
}

/// How the files were at the last look.
#[derive(Debug, Default)]
struct Files {
    /// Those in use.
    loaded: Vec<Option<Identity>>,
    /// Those that could not be used. A certificate and its key are seldom replaced in one moment, so
    /// it is only told when they are still the same at the look after.
    failed: Vec<Option<Identity>>,
    is_told: bool,
}

impl TlsServer {
    /// Reads the files of every address, as the vassal's user.
    pub(crate) fn load_all(
        https: &[HttpsAddress],
        offered: Http2,
    ) -> Result<Vec<Arc<Self>>, TlsError> {
        if https.is_empty() {
            return Ok(Vec::new());
        }
        let provider = Arc::new(provider::default_provider());
        let now = Instant::now();
        let ratchet =
            Ratchet::new(now).ok_or(TlsError::Library(rustls::Error::FailedToGetRandomBytes))?;
        let ratchet = Arc::new(ratchet);
        let servers = https.iter().enumerate().map(|(number, https)| {
            let loaded = identities(https);
            let current = configure(https, number, offered, &provider, &ratchet)?;
            Ok(Arc::new(Self {
                https: https.clone(),
                number,
                offered,
                provider: Arc::clone(&provider),
                ratchet: Arc::clone(&ratchet),
                current: Mutex::new(Arc::new(current)),
                started: now,
                next_look_ms: AtomicU64::new(0),
                files: Mutex::new(Files {
                    loaded,
                    ..Files::default()
                }),
            }))
        });
        servers.collect()
    }

    /// For a new connection: with the files as they are now, or were a moment ago.
    pub(super) fn config(&self) -> Arc<ServerConfig> {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let next = self.next_look_ms.load(Ordering::Relaxed);
        let after = now + u64::try_from(PAUSE.as_millis()).unwrap_or(u64::MAX);
        let is_due = now >= next
            && self
                .next_look_ms
                .compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if is_due {
            self.look();
        }
        Arc::clone(&lock(&self.current))
    }

    fn look(&self) {
        let mut files = lock(&self.files);
        let found = identities(&self.https);
        if found == files.loaded {
            files.failed.clear();
            return;
        }
        let is_known = found == files.failed;
        if is_known && files.is_told {
            return;
        }
        let at = &self.https.address;
        match configure(
            &self.https,
            self.number,
            self.offered,
            &self.provider,
            &self.ratchet,
        ) {
            Ok(config) => {
                *lock(&self.current) = Arc::new(config);
                *files = Files {
                    loaded: found,
                    ..Files::default()
                };
                say(&format!(
                    "lictor: the certificate of `{at}` has changed and is in use"
                ));
            }
            Err(error) => {
                files.failed = found;
                files.is_told = is_known;
                if is_known {
                    say(&format!(
                        "lictor: the certificate of `{at}` has changed and cannot be used, so the one \
                         before stays: {error}"
                    ));
                }
            }
        }
    }
}

impl fmt::Debug for TlsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsServer")
            .field("https", &self.https)
            .finish_non_exhaustive()
    }
}

/// Of all files of an address, in the same order each time.
fn identities(https: &HttpsAddress) -> Vec<Option<Identity>> {
    let pairs = https.certificates.iter();
    let pairs = pairs.flat_map(|files| [&files.cert, &files.key]);
    let ca = https.clients.iter().map(|clients| &clients.ca);
    pairs.chain(ca).map(|path| Identity::of(path)).collect()
}

fn configure(
    https: &HttpsAddress,
    number: usize,
    offered: Http2,
    provider: &Arc<CryptoProvider>,
    ratchet: &Arc<Ratchet>,
) -> Result<ServerConfig, TlsError> {
    let pairs = https.certificates.iter().map(|files| load(files, provider));
    let pairs = pairs.collect::<Result<Vec<_>, TlsError>>()?;
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&number.to_be_bytes());
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Library)?;
    let builder = match &https.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let roots = authorities(&clients.ca, &mut context)?;
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
            let verifier = if clients.is_required {
                verifier
            } else {
                verifier.allow_unauthenticated()
            };
            context.update(&[1, u8::from(clients.is_required)]);
            let verifier = verifier
                .build()
                .map_err(|error| unusable(&clients.ca, &error))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder.with_cert_resolver(Arc::new(Choice::new(pairs)));
    config.alpn_protocols = vec![b"http/1.1".to_vec(), b"http/1.0".to_vec()];
    if offered != Http2::Off {
        config.alpn_protocols.insert(0, b"h2".to_vec());
    }
    // A client comes back to any worker, which knows nothing but what a ticket says.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    config.ticketer = Arc::new(Tickets {
        ratchet: Arc::clone(ratchet),
        context: digest,
    });
    Ok(config)
}

fn authorities(path: &Path, context: &mut digest::Context) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, "client-ca")? {
        context.update(&certificate);
        roots
            .add(certificate)
            .map_err(|error| TlsError::NoAuthority {
                path: path.to_owned(),
                reason: error.to_string(),
            })?;
    }
    Ok(roots)
}

fn unusable(path: &Path, error: &VerifierBuilderError) -> TlsError {
    TlsError::NoAuthority {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(PERIOD.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.seal(Instant::now(), plain)
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.open(Instant::now(), ticket)
    }
}
