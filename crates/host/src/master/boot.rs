//! From the handover document to the first fork.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::SystemTime;

use lictor_core::config::{Protocol, VassalConfig};
use lictor_core::ipc::{Channel, Handover, Hosting, MasterMessage};
use lictor_core::observe::{Failure, FailureKind};
use lictor_core::sys::{Scoreboard, adopt, set_title, thread_count};
use pyo3::prelude::*;
use rustix::pipe::{PipeFlags, pipe_with};

use super::again;
use super::fork::Seed;
use super::meeting::Meeting;
use super::pool::seat_count;
use super::run::Master;
use crate::app::{Apps, failure_of, load, prepare, python_version};
use crate::worker::{Listener, TlsError, TlsServer};

/// Everything that came over the exec.
pub(crate) struct Boot {
    pub(super) handover: Handover,
    pub(super) hosting: Hosting,
    pub(super) channel: Channel,
    pub(super) document: OwnedFd,
    pub(super) host: OwnedFd,
    pub(super) meeting: Option<Meeting>,
    pub(super) listeners: Vec<Listener>,
}

/// How a process of this generation goes on.
pub(crate) enum End {
    /// The generation was told to leave, and did.
    Left,
    /// It could not come up; the emperor has been told.
    Failed,
    /// This is a new worker.
    Forked(Box<Seed>),
}

impl Boot {
    /// Reads the document and takes over the descriptors it names.
    pub(crate) fn read(number: i32) -> io::Result<Self> {
        let (handover, document) = Handover::read(adopt(number)?)?;
        let hosting = handover.hosting.clone().ok_or(io::ErrorKind::InvalidData)?;
        let listeners = handover.listeners.iter().map(|listener| {
            let number = listener.fd.ok_or(io::ErrorKind::InvalidData)?;
            Ok(Listener {
                fd: adopt(number)?,
                address: listener.address.clone(),
                protocol: protocol_of(&listener.protocol)?,
                tls: None,
            })
        });
        Ok(Self {
            listeners: listeners.collect::<io::Result<_>>()?,
            channel: Channel::from_fd(adopt(hosting.channel_fd)?),
            host: adopt(hosting.host_fd)?,
            meeting: Meeting::adopt(&handover)?,
            document,
            hosting,
            handover,
        })
    }
}

/// Loads the app, unless each worker shall, and runs the master's loop.
pub(crate) fn boot(py: Python<'_>, mut boot: Boot) -> End {
    let Handover {
        vassal,
        generation,
        config,
        ..
    } = &boot.handover;
    let since = SystemTime::now();
    let title = format!("lictor: {vassal} #{generation}");
    set_title(&config.process.names.of_master(&title));
    match prepared(py, &mut boot) {
        Ok(prepared) => start(py, boot, prepared, since),
        Err(failure) => {
            // The emperor also sees the exit; if it does not read, there is nobody else to tell.
            drop(boot.channel.send(&MasterMessage::Failed(failure), &[]));
            End::Failed
        }
    }
}

/// The apps, if they are loaded here, and the pipe by which output tells of trouble.
struct Prepared {
    apps: Option<Apps>,
    trouble: OwnedFd,
    python: String,
}

fn prepared(py: Python<'_>, boot: &mut Boot) -> Result<Prepared, Failure> {
    let python = |error: PyErr| Failure {
        kind: FailureKind::Python,
        ..failure_of(py, &error, "it started")
    };
    let version = python_version(py).map_err(python)?;
    // A full channel here would mean that nobody reads: the loop will see it closed.
    drop(boot.channel.send(
        &MasterMessage::Booted {
            python: version.clone(),
        },
        &[],
    ));
    let (trouble, teller) =
        pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(|error| {
            Failure::new(
                FailureKind::Crash,
                format!("could not make a pipe: {error}"),
                "",
            )
        })?;
    let config = &boot.handover.config;
    prepare(py, config, teller).map_err(python)?;
    let https = boot.listeners.iter_mut();
    let https = https.filter(|listener| listener.protocol == Protocol::Https);
    arm(https, config).map_err(|error| error.failure())?;
    let apps = if config.lazy_apps {
        None
    } else {
        Some(load(py, config)?)
    };
    Ok(Prepared {
        apps,
        trouble,
        python: version,
    })
}

/// What the emperor calls by this name. It is of the same build.
fn protocol_of(name: &str) -> io::Result<Protocol> {
    let known = [
        Protocol::Http,
        Protocol::Https,
        Protocol::Uwsgi,
        Protocol::Fastcgi,
        Protocol::Scgi,
    ];
    let known = known.into_iter().find(|known| known.name() == name);
    known.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Reads certificates and keys before any code of the app runs, and before workers are forked: all of
/// a generation have the same. `listeners` are those of `https`, in the order of the file.
fn arm<'a>(
    listeners: impl Iterator<Item = &'a mut Listener>,
    config: &VassalConfig,
) -> Result<(), TlsError> {
    let servers = TlsServer::load_all(&config.tls.https, config.wire.http2)?;
    for (listener, server) in listeners.zip(servers) {
        listener.tls = Some(server);
    }
    Ok(())
}

fn start(py: Python<'_>, boot: Boot, prepared: Prepared, since: SystemTime) -> End {
    let Prepared {
        apps,
        trouble,
        python,
    } = prepared;
    if apps.is_some() && thread_count() > 1 {
        // A fork would lose the threads that the import started: start again without the import.
        again::without_preload(boot);
        return End::Failed;
    }
    // From here on the loop hears that the emperor is gone, and lets the workers finish.
    let _ = rustix::process::set_parent_process_death_signal(None);
    if apps.is_some() {
        freeze(py);
    }
    let Boot {
        handover,
        channel,
        meeting,
        listeners,
        ..
    } = boot;
    // Without it this generation ends with its emperor, and does its work until then.
    let meeting = meeting.filter(|meeting| meeting.open().is_ok());
    let config: Arc<VassalConfig> = Arc::new(handover.config);
    let Ok(scoreboard) = Scoreboard::new(seat_count(config.processes) as usize) else {
        let failure = Failure::new(
            FailureKind::Crash,
            "could not map memory for the workers",
            "",
        );
        drop(channel.send(&MasterMessage::Failed(failure), &[]));
        return End::Failed;
    };
    let master = Master::new(
        py,
        super::run::Parts {
            vassal: handover.vassal,
            generation: handover.generation,
            config,
            channel,
            meeting,
            python,
            listeners,
            scoreboard,
            apps,
            trouble,
            since,
        },
    );
    match master {
        Ok((master, handlers)) => master.run(py, handlers),
        Err(_) => End::Failed,
    }
}

/// What the import left behind is moved out of the collector's sight, so that collections in the
/// workers do not write to shared pages (`gc.freeze`). Best effort.
fn freeze(py: Python<'_>) {
    if let Ok(gc) = py.import("gc") {
        drop(gc.call_method0("collect"));
        drop(gc.call_method0("freeze"));
    }
}
