//! Proxies in front, and what they may say about the client.

use serde::{Deserialize, Serialize};

/// Whose word about the client is believed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustConfig {}
