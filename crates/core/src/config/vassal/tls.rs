//! TLS and HTTP/2.

use serde::{Deserialize, Serialize};

/// Where TLS is spoken, and with which certificates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {}
