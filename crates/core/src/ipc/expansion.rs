//! Having a vassal file read by a process that is the vassal's user, since it names what is outside it.
//!
//! The emperor hands an [`ExpandOrder`] to a short-lived process of its own executable, which answers
//! with one JSON text. The answer is a tenant's word: bounded, parsed strictly, and never believed
//! about the user.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::{Policy, VassalConfig, VassalUser};
use crate::observe::Failure;
use crate::sys::read_memfd;

/// Largest order: a vassal file, the provider's files and the environment.
const ORDER_LIMIT_BYTES: u64 = 16 * 1024 * 1024;

/// What is to be read, and as whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpandOrder {
    /// Where the vassal file stands.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
    /// What the provider adds.
    pub policy: Policy,
    /// Who reads.
    pub user: VassalUser,
    /// Variables for `$(NAME)`.
    pub environment: Vec<(String, String)>,
    /// Soft limit of open files that apps get.
    pub open_files: Option<u64>,
}

/// What came of it.
pub type ExpandAnswer = Result<Box<VassalConfig>, Failure>;

impl ExpandOrder {
    /// Reads an order from a file without a name.
    pub fn read(document: OwnedFd) -> io::Result<Self> {
        let (bytes, _document) = read_memfd(document, ORDER_LIMIT_BYTES)?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}
