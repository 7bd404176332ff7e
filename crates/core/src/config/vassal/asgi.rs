//! ASGI apps: which interface, which event loop, what a websocket may do.

use serde::{Deserialize, Serialize};

/// How ASGI apps are run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AsgiConfig {}
