//! The log of requests.

use serde::{Deserialize, Serialize};

/// What is written down about requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestLogConfig {}
