//! What a process of a vassal knows of itself. Set once in the master, and inherited by the workers,
//! which add who they are.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use lictor_core::config::{Given, VassalConfig};
use lictor_core::ipc::Channel;
use lictor_core::sys::{Locks, Scoreboard};

static FACTS: OnceLock<Facts> = OnceLock::new();
static SCOREBOARD: OnceLock<Scoreboard> = OnceLock::new();
static STAFF: OnceLock<Staff> = OnceLock::new();

/// Of which generation of which vassal this is a process.
pub(crate) struct Place {
    pub(crate) vassal: String,
    /// The vassal file.
    pub(crate) file: String,
    pub(crate) generation: u64,
    /// The numbers of the listening sockets.
    pub(crate) sockets: Vec<i32>,
}

/// What holds in all processes of a generation.
pub(super) struct Facts {
    pub(super) place: Place,
    pub(super) given: BTreeMap<String, Given>,
    pub(super) locks: Locks,
    pub(super) processes: u32,
    pub(super) threads: u32,
    pub(super) buffer_size: u32,
    pub(super) chdir: String,
    pub(super) pidfile: Option<String>,
    pub(super) master_pid: u32,
    pub(super) started: SystemTime,
}

/// Who a worker is.
pub(super) struct Staff {
    pub(super) id: u32,
    /// To the master.
    pub(super) channel: Arc<Channel>,
}

impl Facts {
    pub(super) fn new(config: &VassalConfig, place: Place, locks: Locks) -> Self {
        let pidfile = config.process.pidfile.as_ref();
        Self {
            place,
            given: config.module.given.clone(),
            locks,
            processes: config.processes,
            threads: config.threads,
            buffer_size: config.buffer_size,
            chdir: config.chdir.display().to_string(),
            pidfile: pidfile.map(|path| path.display().to_string()),
            master_pid: std::process::id(),
            started: SystemTime::now(),
        }
    }
}

pub(super) fn set(facts: Facts) {
    let _set_once = FACTS.set(facts);
}

pub(super) fn set_scoreboard(scoreboard: Scoreboard) {
    let _set_once = SCOREBOARD.set(scoreboard);
}

pub(super) fn set_staff(staff: Staff) {
    let _set_once = STAFF.set(staff);
}

/// None before the master has come so far, when nobody can ask.
pub(super) fn facts() -> Option<&'static Facts> {
    FACTS.get()
}

/// None while the master loads the app.
pub(super) fn scoreboard() -> Option<&'static Scoreboard> {
    SCOREBOARD.get()
}

/// None in the master.
pub(super) fn staff() -> Option<&'static Staff> {
    STAFF.get()
}
