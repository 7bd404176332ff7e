//! Why TLS cannot be spoken with the files that `https` names.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use lictor_core::observe::{Failure, FailureKind};
use lictor_core::sys::FileReadError;

/// What is wrong with a file, or with two of them.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TlsError {
    #[error("could not read the {what} `{}` of `https`: {reason}", path.display())]
    Unreadable {
        what: &'static str,
        path: PathBuf,
        reason: String,
        is_forbidden: bool,
    },
    #[error("`{}` holds no certificate", .0.display())]
    NoCertificate(PathBuf),
    #[error("the certificate in `{}` cannot be used: {reason}", path.display())]
    BadCertificate { path: PathBuf, reason: String },
    #[error("`{}` holds no private key", .0.display())]
    NoKey(PathBuf),
    #[error("the private key in `{}` is encrypted", .0.display())]
    EncryptedKey(PathBuf),
    #[error("the private key in `{}` cannot be used: {reason}", path.display())]
    BadKey { path: PathBuf, reason: String },
    #[error("the key `{}` does not belong to the certificate `{}`", key.display(), cert.display())]
    Mismatch { cert: PathBuf, key: PathBuf },
    #[error("`{}` holds no authority that clients could be believed by: {reason}", path.display())]
    NoAuthority { path: PathBuf, reason: String },
    #[error("TLS cannot be set up: {0}")]
    Library(rustls::Error),
}

impl TlsError {
    pub(super) fn unreadable(what: &'static str, path: &Path, source: &FileReadError) -> Self {
        let (reason, is_forbidden) = match source {
            FileReadError::Io(error) => (
                error.to_string(),
                error.kind() == ErrorKind::PermissionDenied,
            ),
            FileReadError::NotRegular | FileReadError::TooLarge { .. } => {
                (source.to_string(), false)
            }
        };
        Self::Unreadable {
            what,
            path: path.to_owned(),
            reason,
            is_forbidden,
        }
    }

    fn is_forbidden(&self) -> bool {
        matches!(
            self,
            Self::Unreadable {
                is_forbidden: true,
                ..
            }
        )
    }

    fn hint(&self) -> String {
        match self {
            Self::Unreadable { path, .. } if self.is_forbidden() => format!(
                "hint: the vassal's own user reads it; give that user the right to, for instance \
                 with `setfacl -m u:USER:r {}`",
                path.display()
            ),
            Self::Unreadable { .. } => {
                "hint: name a PEM file that is there, from the vassal file's directory or from `/`"
                    .to_owned()
            }
            Self::NoCertificate(_) | Self::NoAuthority { .. } => {
                "hint: it must be a PEM file with a line `-----BEGIN CERTIFICATE-----`".to_owned()
            }
            Self::NoKey(_) => {
                "hint: it must be a PEM file with a line `-----BEGIN PRIVATE KEY-----`".to_owned()
            }
            Self::EncryptedKey(path) => format!(
                "hint: nobody can type its passphrase here; `openssl pkey -in {} -out NEW` makes one \
                 without",
                path.display()
            ),
            Self::BadKey { .. } => {
                "hint: RSA from 2048 to 8192 bits, ECDSA with P-256 or P-384, and Ed25519 can be used"
                    .to_owned()
            }
            Self::Mismatch { .. } => {
                "hint: `https` takes ADDRESS,CERT,KEY; the certificate of the site itself must stand \
                 first in CERT, those between it and its authority behind it"
                    .to_owned()
            }
            Self::BadCertificate { .. } => {
                "hint: it must be an X.509 certificate of version 3".to_owned()
            }
            Self::Library(_) => String::new(),
        }
    }

    /// As `status` shows it.
    pub(crate) fn failure(&self) -> Failure {
        let kind = if self.is_forbidden() {
            FailureKind::Permission
        } else {
            FailureKind::Config
        };
        Failure::new(kind, self.to_string(), self.hint())
    }
}
