//! A vassal's processes as others see them: limits, names, and what they leave to others.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{LimitsConfig, ProcessNames};
use crate::config::types::SocketOwner;

/// What surrounds the processes of a vassal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessConfig {
    /// Limits of each process.
    pub limits: LimitsConfig,
    /// How processes are called.
    pub names: ProcessNames,
    /// Names of variables that the app does not get.
    pub unenv: Vec<String>,
    /// Owner of unix sockets, if it is another than the vassal's user and group.
    pub chown_socket: Option<SocketOwner>,
    /// File for the id of the master that serves, written as the vassal's user.
    pub pidfile: Option<PathBuf>,
    /// Stack of each further thread of a worker, in bytes.
    #[serde(default)]
    pub thread_stack: Option<u64>,
    /// Fifos by which the master that serves is told what to do.
    pub master_fifo: Vec<PathBuf>,
}
