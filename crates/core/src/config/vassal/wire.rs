//! Limits and timeouts of connections.

use serde::{Deserialize, Serialize};

/// What a client may send, and how long it may take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WireConfig {}
