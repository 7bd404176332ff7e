//! The directory is the truth: vassal files are watched, and what runs follows them.
//!
//! One process, one thread of tokio, perhaps root: it loads no Python and trusts nothing that a
//! tenant wrote. Events of the directories are hints ([`watch`]); a look at the sources
//! ([`sources`]) gives a [`snapshot`], whose difference from the one before is fed to the
//! [`lifecycle`] of each vassal. That decides, purely; [`vassal`] and [`run`] do: bind sockets
//! ([`listeners`]), start masters ([`spawn`]), hear what they say, and tell the [`journal`].

mod backoff;
mod act;
mod commands;
mod generation;
mod hear;
mod host;
mod journal;
mod lifecycle;
mod listeners;
mod look;
mod output;
mod reports;
mod run;
mod run_dir;
mod snapshot;
mod sources;
mod spawn;
mod vassal;
mod watch;

pub(crate) use run::{EmperorError, Settings, run};
pub(crate) use run_dir::RunDirError;
pub(crate) use sources::{SingleApp, Source};
