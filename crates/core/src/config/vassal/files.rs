//! Bytes that Python need not touch: files, and compression of answers.

use serde::{Deserialize, Serialize};

/// Files served without the app, and compression.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesConfig {}
