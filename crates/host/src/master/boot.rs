//! From the handover document to the first fork.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use lictor_core::config::{Protocol, VassalConfig};
use lictor_core::ipc::{Channel, Handover, Hosting, MasterMessage};
use lictor_core::observe::{Failure, FailureKind};
use lictor_core::sys::{Scoreboard, Shape, adopt, set_title, thread_count};
use pyo3::prelude::*;
use rustix::pipe::{PipeFlags, pipe_with};

use super::again;
use super::background::run_hooks;
use super::fork::Seed;
use super::log::LogWriter;
use super::meeting::Meeting;
use super::run::Master;
use crate::app::{Apps, failure_of, load, prepare, python_version};
use crate::module::{self, Place};
use crate::worker::{Listener, TlsError, TlsServer};

/// Everything that came over the exec.
pub(crate) struct Boot {
    pub(super) handover: Handover,
    pub(super) hosting: Hosting,
    pub(super) channel: Channel,
    pub(super) document: OwnedFd,
    pub(super) host: OwnedFd,
    pub(super) meeting: Option<Meeting>,
    /// What keeps two generations from running the same beside their workers.
    pub(super) gates: Vec<OwnedFd>,
    pub(super) counters: Option<OwnedFd>,
    pub(super) listeners: Vec<Listener>,
    /// From before the app is loaded.
    pub(super) log_writer: Option<LogWriter>,
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
        let gates = handover.gates.iter().map(|number| {
            let number = number.ok_or(io::ErrorKind::InvalidData)?;
            adopt(number)
        });
        Ok(Self {
            gates: gates.collect::<io::Result<_>>()?,
            listeners: listeners.collect::<io::Result<_>>()?,
            channel: Channel::from_fd(adopt(hosting.channel_fd)?),
            host: adopt(hosting.host_fd)?,
            meeting: Meeting::adopt(&handover)?,
            counters: match handover.counters {
                Some(counters) => Some(adopt(counters.fd.ok_or(io::ErrorKind::InvalidData)?)?),
                None => None,
            },
            log_writer: None,
            document,
            hosting,
            handover,
        })
    }

    /// How `ps` shows the master, unless the file says otherwise.
    fn title(&self) -> String {
        let Handover {
            vassal, generation, ..
        } = &self.handover;
        format!("lictor: {vassal} #{generation}")
    }
}

/// Loads the app, unless each worker shall, and runs the master's loop.
pub(crate) fn boot(py: Python<'_>, mut boot: Boot) -> End {
    let since = SystemTime::now();
    let names = &boot.handover.config.process.names;
    set_title(&names.of_master(&boot.title()));
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
    startup_ms: u64,
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
    boot.log_writer =
        LogWriter::start(&boot.handover.config, &boot.title(), &teller).map_err(|error| {
            let message = format!("could not start the process that writes its logs: {error}");
            Failure::new(FailureKind::Crash, message, "")
        })?;
    let config = &boot.handover.config;
    prepare(py, config, teller).map_err(python)?;
    let https = boot.listeners.iter_mut();
    let https = https.filter(|listener| listener.protocol == Protocol::Https);
    arm(https, config).map_err(|error| error.failure())?;
    let hooks = &config.background.hooks;
    let before = hooks.as_user.iter().chain(&hooks.before_app);
    run_hooks("before the app", before, config.start_timeout)?;
    module::install(py, config, place_of(&boot.handover, &boot.listeners))?;
    let begun = Instant::now();
    let apps = if config.lazy_apps || config.apps.is_empty() {
        None
    } else {
        module::import_beside(py, config)?;
        Some(load(py, config)?)
    };
    Ok(Prepared {
        apps,
        trouble,
        python: version,
        startup_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

fn place_of(handover: &Handover, listeners: &[Listener]) -> Place {
    let sockets = listeners.iter();
    Place {
        vassal: handover.vassal.clone(),
        file: handover.file.clone(),
        generation: handover.generation,
        sockets: sockets.map(|listener| listener.fd.as_raw_fd()).collect(),
    }
}

/// What the emperor calls by this name. It is of the same build.
fn protocol_of(name: &str) -> io::Result<Protocol> {
    let known = [
        Protocol::Http,
        Protocol::Https,
        Protocol::Uwsgi,
        Protocol::Fastcgi,
        Protocol::Scgi,
        Protocol::Stats,
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
        startup_ms,
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
    if let Err(failure) = run_master_hooks(&boot.handover.config) {
        drop(boot.channel.send(&MasterMessage::Failed(failure), &[]));
        return End::Failed;
    }
    let Boot {
        handover,
        channel,
        meeting,
        gates,
        counters,
        listeners,
        log_writer,
        ..
    } = boot;
    // Without it this generation ends with its emperor, and does its work until then.
    let meeting = meeting.filter(|meeting| meeting.open().is_ok());
    let config: Arc<VassalConfig> = Arc::new(handover.config);
    let Ok(scoreboard) = scoreboard(&config, counters.as_ref()) else {
        let message = "could not map memory for the workers";
        let failure = Failure::new(FailureKind::Crash, message, "");
        drop(channel.send(&MasterMessage::Failed(failure), &[]));
        return End::Failed;
    };
    scoreboard.set_startup_ms(startup_ms);
    module::know_scoreboard(scoreboard);
    let master = Master::new(
        py,
        super::run::Parts {
            vassal: handover.vassal,
            generation: handover.generation,
            config,
            channel,
            meeting,
            gates,
            python,
            listeners,
            scoreboard,
            counters,
            apps,
            trouble,
            since,
            log_writer,
        },
    );
    master.map_or(End::Failed, |(master, handlers)| master.run(py, handlers))
}

fn run_master_hooks(config: &VassalConfig) -> Result<(), Failure> {
    let hooks = &config.background.hooks.master_start;
    run_hooks("at the start of the master", hooks, config.start_timeout)
}

/// Where the workers count: in memory that the emperor has made, if it has.
fn scoreboard(config: &VassalConfig, counters: Option<&OwnedFd>) -> io::Result<Scoreboard> {
    let shape = Shape::of(config.processes, config.threads);
    let scoreboard = match counters {
        Some(counters) => Scoreboard::over(counters, shape)?,
        None => Scoreboard::new(shape)?,
    };
    if !config.monitoring.stats.is_empty() {
        scoreboard.want_times();
    }
    Ok(scoreboard)
}

/// What the import left behind is moved out of the collector's sight, so that collections in the
/// workers do not write to shared pages (`gc.freeze`). Best effort.
fn freeze(py: Python<'_>) {
    if let Ok(gc) = py.import("gc") {
        drop(gc.call_method0("collect"));
        drop(gc.call_method0("freeze"));
    }
}
