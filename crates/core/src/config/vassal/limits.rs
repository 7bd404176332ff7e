//! Limits of a vassal's processes, and how the kernel treats them.

use serde::{Deserialize, Serialize};

use crate::config::types::Mode;

/// What each process of a vassal may have. What is not said is as the emperor's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Open files, connections included.
    pub open_files: Option<u64>,
    /// Address space in bytes.
    pub address_space: Option<u64>,
    /// Processes and threads of the user.
    pub user_processes: Option<u64>,
    /// Which permissions new files do not get.
    pub umask: Option<Mode>,
    /// From -20, the most favoured, to 19.
    pub niceness: Option<i32>,
}
