//! The emperor's record of one generation: its master, the line to it, and what it said.

use std::io;
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lictor_core::config::{Address, GatewayConfig, Protocol, VassalConfig};
use lictor_core::ipc::{Channel, MasterOrder};
use lictor_core::observe::{ScalingStatus, WorkerStatus};
use lictor_core::sys::{ExitStatus, Pidfd, start_ticks};
use serde::{Deserialize, Serialize};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::line::{Line, Listener};
use super::run::Input;

/// After its mercy, what a generation has left behind is not listened to any further.
const LAST_OUTPUT: Duration = Duration::from_secs(10);

/// One generation.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) master: Pidfd,
    /// With its number, what no other process has.
    pub(super) start_ticks: Option<u64>,
    /// It was started by this process, which therefore is told how it ends.
    is_child: bool,
    /// None until a master that was found has answered.
    pub(super) line: Option<Arc<Line>>,
    /// Reads what its processes print.
    pub(super) reader: Option<AbortHandle>,
    /// When its master was started, or found.
    pub(super) started: Instant,
    pub(super) terms: Terms,
    pub(super) python: Option<String>,
    pub(super) interface: Option<String>,
    /// As of the last report.
    pub(super) workers: Vec<WorkerStatus>,
    /// The same.
    pub(super) scaling: Option<ScalingStatus>,
}

/// What of its configuration is needed as long as a generation lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Terms {
    pub(super) processes: u32,
    pub(super) reload_mercy: Duration,
    pub(super) http: Vec<Address>,
    #[serde(default)]
    pub(super) https: Vec<Address>,
    #[serde(default)]
    pub(super) gateway: GatewayConfig,
    #[serde(default)]
    pub(super) ready_path: Option<String>,
}

impl Terms {
    /// In the order of the configuration.
    pub(super) fn listening(&self) -> impl Iterator<Item = (Protocol, &Address)> {
        let http = self.http.iter().map(|address| (Protocol::Http, address));
        let https = self.https.iter().map(|address| (Protocol::Https, address));
        http.chain(https).chain(self.gateway.listening())
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.listening().map(|(_, address)| address)
    }
}

impl From<&VassalConfig> for Terms {
    fn from(config: &VassalConfig) -> Self {
        Self {
            processes: config.processes,
            reload_mercy: config.reload_mercy,
            http: config.http.clone(),
            https: (config.tls.https.iter())
                .map(|https| https.address.clone())
                .collect(),
            gateway: config.gateway.clone(),
            ready_path: config.ready_path.clone(),
        }
    }
}

impl Generation {
    /// Takes over a started master; what it says and its end arrive as inputs.
    pub(super) fn watch(
        place: Place,
        mut child: Child,
        channel: Channel,
        terms: Terms,
        inputs: &mpsc::Sender<Input>,
    ) -> io::Result<Self> {
        let ends = Pidfd::open(child.id())
            .and_then(|master| Ok((exit_of(&master)?, Line::new(channel)?, master)));
        let (exit, line, master) = match ends {
            Ok(ends) => ends,
            Err(error) => {
                // Nobody would hear of its end.
                drop(child.kill());
                drop(child.wait());
                return Err(error);
            }
        };
        let listener = Listener {
            place,
            channel: Arc::clone(&line),
            inputs: inputs.clone(),
            processes: terms.processes,
        };
        tokio::spawn(listener.follow(exit));
        Ok(Self {
            line: Some(line),
            ..Self::found(master, true, terms)
        })
    }

    /// A master that runs, and is still to be reached.
    pub(super) fn found(master: Pidfd, is_child: bool, terms: Terms) -> Self {
        Self {
            start_ticks: start_ticks(master.pid()),
            master,
            is_child,
            line: None,
            reader: None,
            started: Instant::now(),
            terms,
            python: None,
            interface: None,
            workers: Vec::new(),
            scaling: None,
        }
    }

    /// The master's process id.
    pub(super) fn pid(&self) -> u32 {
        self.master.pid()
    }

    /// Tells the master something; one that does not read is ended by a deadline. One that cannot
    /// be told to leave understands SIGTERM.
    pub(super) fn tell(&self, order: &MasterOrder) {
        let is_told = self.line.as_ref().is_some_and(|line| line.tell(order));
        if !is_told && matches!(order, MasterOrder::Drain { .. }) {
            drop(self.master.terminate());
        }
    }

    /// SIGKILL to the master and to its workers, which share its process group.
    pub(super) fn kill(&self) {
        self.master.kill_group(self.is_child);
    }

    /// Stops listening to what its processes print, once those that finish have had their time: a
    /// process that a tenant left behind would hold the pipe for ever.
    pub(super) fn stop_reading_later(&mut self) {
        if let Some(reader) = self.reader.take() {
            let patience = self.terms.reload_mercy + LAST_OUTPUT;
            tokio::spawn(async move {
                tokio::time::sleep(patience).await;
                reader.abort();
            });
        }
    }

    /// Collects the master's exit status, if it has ended.
    pub(super) fn reap(&mut self) -> Option<ExitStatus> {
        self.master.try_reap().ok().flatten()
    }
}

/// Readable once the process has ended.
pub(super) fn exit_of(master: &Pidfd) -> io::Result<Receiver> {
    use std::os::fd::AsFd;
    // Of a pidfd only the readiness is used, which is the same for every kind of descriptor.
    Receiver::from_owned_fd_unchecked(master.as_fd().try_clone_to_owned()?)
}

/// Which generation of which vassal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) vassal: String,
    pub(super) generation: u64,
}
