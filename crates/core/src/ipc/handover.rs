//! What a new master is given: one JSON document in a sealed memfd, beside its descriptors.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{config::VassalConfig, observe::SocketStatus};

/// The document that a master starts from. The emperor fills it; the boot of the master adds
/// [`Handover::hosting`] and the descriptor numbers before the interpreter takes over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handover {
    /// The vassal's name.
    pub vassal: String,
    /// The vassal file, for messages.
    pub file: String,
    /// Which generation this master is.
    pub generation: u64,
    /// The vassal file as a typed value.
    pub config: VassalConfig,
    /// Environment that stands below `env-file` and `env`.
    pub environment: Vec<(String, String)>,
    /// The listening sockets, in the order of their descriptors.
    pub listeners: Vec<HandoverListener>,
    /// How the interpreter is run and the descriptors it finds; none until the boot knows.
    #[serde(default)]
    pub hosting: Option<Hosting>,
}

/// One listening socket of a [`Handover`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverListener {
    /// Protocol and address.
    pub socket: SocketStatus,
    /// Descriptor number in the master, once the boot knows.
    #[serde(default)]
    pub fd: Option<i32>,
}

/// What the boot of a master found out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hosting {
    /// The interpreter that stands for this app: `sys.executable`.
    pub executable: PathBuf,
    /// Descriptor of the channel to the emperor.
    pub channel_fd: i32,
    /// Whether the interpreter was executed instead of embedded.
    pub is_executed: bool,
}
