//! What every answer has or has not.

use serde::{Deserialize, Serialize};

/// Header fields of answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnswersConfig {
    /// Names and values that are added.
    pub added: Vec<(String, String)>,
    /// Names, in lower case, that are removed before.
    pub removed: Vec<String>,
}
