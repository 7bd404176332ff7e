//! A certificate and its key, from two PEM files.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lictor_core::config::CertificateFiles;
use lictor_core::sys::read_bounded;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::complaints::say;
use super::error::TlsError;
use super::x509::Description;

/// Most bytes of a PEM file; a file of all authorities that browsers believe is a quarter of it.
const FILE_LIMIT_BYTES: u64 = 1024 * 1024;

/// Reads a pair, and says so if the certificate is out of date.
pub(super) fn load(
    files: &CertificateFiles,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&files.cert, "certificate")?;
    let key = private_key(&files.key)?;
    if let Some(leaf) = chain.first() {
        warn_of_age(&files.cert, leaf);
    }
    CertifiedKey::from_der(chain, key, provider).map_err(|error| {
        if error == Error::InconsistentKeys(InconsistentKeys::KeyMismatch) {
            return TlsError::Mismatch {
                cert: files.cert.clone(),
                key: files.key.clone(),
            };
        }
        let reason = error.to_string();
        if matches!(error, Error::InvalidCertificate(_)) {
            let path = files.cert.clone();
            TlsError::BadCertificate { path, reason }
        } else {
            let path = files.key.clone();
            TlsError::BadKey { path, reason }
        }
    })
}

/// All certificates of a file; at least one.
pub(super) fn certificates(
    path: &Path,
    what: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let text = read_bounded(path, FILE_LIMIT_BYTES)
        .map_err(|source| TlsError::unreadable(what, path, &source))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if found.is_empty() => Err(TlsError::NoCertificate(path.to_owned())),
        Ok(found) => Ok(found),
        Err(error) => Err(TlsError::BadCertificate {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let text = read_bounded(path, FILE_LIMIT_BYTES)
        .map_err(|source| TlsError::unreadable("key", path, &source))?;
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        let has = |mark: &[u8]| text.windows(mark.len()).any(|at| at == mark);
        let is_encrypted = has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED");
        let path = path.to_owned();
        if is_encrypted {
            TlsError::EncryptedKey(path)
        } else if matches!(error, pem::Error::NoItemsFound) {
            TlsError::NoKey(path)
        } else {
            let reason = error.to_string();
            TlsError::BadKey { path, reason }
        }
    })
}

/// Clients will refuse it; that is for the log, as an old certificate may be better than no site.
fn warn_of_age(path: &Path, leaf: &CertificateDer<'_>) {
    let Some(description) = Description::of(leaf) else {
        return;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = i64::try_from(now.unwrap_or(Duration::ZERO).as_secs()).unwrap_or(i64::MAX);
    let path = path.display();
    if description.not_after < now {
        let days = (now - description.not_after) / 86_400;
        say(&format!(
            "lictor: warning: the certificate `{path}` expired {days} days ago; clients will refuse it"
        ));
    } else if description.not_before > now {
        say(&format!(
            "lictor: warning: the certificate `{path}` is not valid yet; clients will refuse it"
        ));
    }
}
