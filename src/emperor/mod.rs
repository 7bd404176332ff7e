//! The directory is the truth: vassal files are watched, and what runs follows them.
//!
//! One process, one thread of tokio, perhaps root: it loads no Python and trusts nothing that a
//! tenant wrote. Events of the directories are hints ([`watch`]); a look at the sources
//! ([`sources`]) gives a [`snapshot`], whose difference from the one before is fed to the
//! [`lifecycle`] of each vassal. That decides, purely; [`vassal`], `act` and [`mod@run`] do: bind sockets
//! ([`listeners`]), start masters ([`spawn`]), hear what they say, and tell the [`journal`]. A service
//! manager hears of it by `notify`, and keeps copies of the sockets (`fd_store`).

mod act;
mod adopt;
mod backoff;
mod bind;
mod commands;
mod entry;
mod expand;
mod fd_store;
mod found;
mod generation;
mod hear;
mod hold;
mod host;
mod journal;
mod kept;
mod last_used;
mod lifecycle;
mod line;
mod listeners;
mod log;
mod log_format;
mod look;
mod memory_pressure;
mod notify;
mod notify_socket;
mod outbox;
mod output;
mod policy;
mod queue;
mod reach;
mod record;
mod remember;
mod remnants;
mod reports;
mod rollback;
mod run;
mod settings;
mod signals;
mod sleep;
mod snapshot;
mod socket_file;
mod socket_name;
mod sources;
mod spawn;
mod start;
mod status_line;
mod tenure;
mod turns;
mod upgrade;
mod vassal;
mod watch;
mod worker_event;

pub(crate) use entry::{EmperorArgs, LogFormat, ServeArgs, govern, serve};
pub(crate) use expand::{read_served, read_vassal};
pub(crate) use hold::HoldError;
pub(crate) use memory_pressure::{FreeMemory, NotFreeMemory};
pub(crate) use policy::PolicyFiles;
pub(crate) use settings::EmperorError;
pub(crate) use upgrade::{answer_check, go_back};
