//! What every test stands on: a running emperor with a guard, its events, a client, the Pythons.

mod apps;
mod commands;
mod emperor;
mod events;
mod failure;
mod http;
mod load;
mod processes;
mod programs;
mod pythons;
mod service_manager;
mod setup;
mod web_servers;

pub(crate) use apps::{answering, hello, slow, write_python, write_whole};
pub(crate) use commands::{Ran, lictor, run};
pub(crate) use emperor::{Emperor, Vassal};
pub(crate) use events::Events;
pub(crate) use failure::Failure;
pub(crate) use http::{Connection, Response, connect, get, try_get};
pub(crate) use load::Load;
pub(crate) use processes::{Watched, signal, title_of};
pub(crate) use programs::{install_lictor, install_text};
pub(crate) use pythons::{Build, Python, pythons, says, virtualenv};
pub(crate) use service_manager::ServiceManager;
pub(crate) use setup::Setup;
pub(crate) use web_servers::{WebServer, free_port};

use std::time::Duration;

/// No wait of a test is longer. Generous, because the machine may be busy; nothing that works
/// comes near it.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);
