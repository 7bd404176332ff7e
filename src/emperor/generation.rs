//! The emperor's record of one generation: its master, the channel to it, and what it said.

use std::io;
use std::process::Child;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lictor_core::config::VassalConfig;
use lictor_core::ipc::{self, Channel, MasterMessage, MasterOrder, Received};
use lictor_core::observe::{Failure, FailureKind, WorkerStatus};
use lictor_core::sys::{Pidfd, close_elsewhere};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::run::Input;

/// Messages of one master that are taken in a row; then the next one has to wait its time. A start
/// of many workers brings two for each.
const CREDIT: u32 = 128;
const CREDIT_OF_WORKER: u32 = 4;
/// What a message costs in time, in the long run: a tenant that makes its master talk without end
/// costs its neighbours little, and leaves them their place among the events that are kept.
const PACE: Duration = Duration::from_millis(10);
/// One that makes the emperor log at length or start a master costs as much as so many.
const DEAR: u32 = 32;
/// Messages of a master that has ended that are still heard.
const LAST_WORDS: usize = 1024;
/// After its mercy, what a generation has left behind is not listened to any further.
const LAST_OUTPUT: Duration = Duration::from_secs(10);
/// Most workers that a master can claim to have: the limit of `processes`, twice.
const WORKER_LIMIT: usize = 4096;

/// One generation.
#[derive(Debug)]
pub(super) struct Generation {
    child: Child,
    channel: Arc<Line>,
    /// Reads what its processes print.
    pub(super) reader: Option<AbortHandle>,
    /// When its master was started.
    pub(super) started: Instant,
    /// What it was started with.
    pub(super) config: Arc<VassalConfig>,
    pub(super) python: Option<String>,
    pub(super) interface: Option<String>,
    /// As of the last report.
    pub(super) workers: Vec<WorkerStatus>,
}

impl Generation {
    /// Takes over a started master; what it says and its end arrive as inputs.
    pub(super) fn watch(
        place: Place,
        mut child: Child,
        channel: Channel,
        config: Arc<VassalConfig>,
        inputs: &mpsc::Sender<Input>,
    ) -> io::Result<Self> {
        let (exit, channel) = match ends_of(&child, channel) {
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
            channel: Arc::clone(&channel),
            inputs: inputs.clone(),
            credit: config.processes.saturating_mul(CREDIT_OF_WORKER) + CREDIT,
        };
        tokio::spawn(listener.follow(exit));
        Ok(Self {
            child,
            channel,
            reader: None,
            started: Instant::now(),
            config,
            python: None,
            interface: None,
            workers: Vec::new(),
        })
    }

    /// The master's process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells the master something. One that does not read is ended by a deadline.
    pub(super) fn tell(&self, order: &MasterOrder) {
        if let Some(channel) = self.channel.stream() {
            drop(ipc::send(channel, order, &[]));
        }
    }

    /// SIGKILL to the master and to its workers, which share its process group. Both numbers are
    /// still the master's, because the master has not been reaped.
    pub(super) fn kill(&self) {
        let master = i32::try_from(self.pid())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(master) = master {
            // By its own number too: it makes its group itself, and may not have come that far.
            let _ = rustix::process::kill_process(master, rustix::process::Signal::KILL);
            let _ = rustix::process::kill_process_group(master, rustix::process::Signal::KILL);
        }
    }

    /// Stops listening to what its processes print, once those that finish have had their time: a
    /// process that a tenant left behind would hold the pipe for ever.
    pub(super) fn stop_reading_later(&mut self) {
        if let Some(reader) = self.reader.take() {
            let patience = self.config.reload_mercy + LAST_OUTPUT;
            tokio::spawn(async move {
                tokio::time::sleep(patience).await;
                reader.abort();
            });
        }
    }

    /// Collects the master's exit status, if it has ended.
    pub(super) fn reap(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().ok().flatten()
    }
}

fn ends_of(child: &Child, channel: Channel) -> io::Result<(Receiver, Arc<Line>)> {
    // Of a pidfd only the readiness is used, which is the same for every kind of descriptor.
    let exit = Receiver::from_owned_fd_unchecked(Pidfd::open(child.id())?.into())?;
    let channel = std::os::unix::net::UnixStream::from(channel.into_fd());
    Ok((exit, Arc::new(Line(Some(UnixStream::from_std(channel)?)))))
}

/// Which generation of which vassal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) vassal: String,
    pub(super) generation: u64,
}

/// The emperor's end of a channel.
#[derive(Debug)]
struct Line(Option<UnixStream>);

impl Line {
    fn stream(&self) -> Option<&UnixStream> {
        self.0.as_ref()
    }
}

impl Drop for Line {
    /// Unheard messages may hold descriptors of the tenant's, which are closed with it.
    fn drop(&mut self) {
        close_elsewhere(
            self.0
                .take()
                .map(UnixStream::into_std)
                .into_iter()
                .collect(),
        );
    }
}

/// Passes on what a master says and that it ended, in that order.
struct Listener {
    place: Place,
    channel: Arc<Line>,
    inputs: mpsc::Sender<Input>,
    credit: u32,
}

impl Listener {
    async fn follow(self, exit: Receiver) {
        tokio::select! {
            // Hears first, so that nothing is lost when both are there.
            biased;
            () = self.hear() => drop(exit.readable().await),
            _ = exit.readable() => self.hear_rest().await,
        }
        drop(self.inputs.send(Input::MasterExited(self.place)).await);
    }

    /// Until the master hangs up or talks nonsense.
    async fn hear(&self) {
        let Some(channel) = self.channel.stream() else {
            return;
        };
        let credit = PACE * self.credit;
        // The moment up to which everything heard so far is paid for.
        let mut paid = Instant::now();
        while channel.readable().await.is_ok() {
            match self.receive(channel) {
                Received::Nothing => {}
                Received::Closed => return,
                Received::Message(message, _) => {
                    paid = paid.max(Instant::now()) + PACE * cost_of(&message);
                    self.pass_on(message).await;
                }
            }
            let ahead = paid.saturating_duration_since(Instant::now());
            if ahead > credit {
                tokio::time::sleep(ahead.saturating_sub(credit)).await;
            }
        }
    }

    /// What the channel still holds of a master that has ended. Others may hold its end open.
    async fn hear_rest(&self) {
        let Some(channel) = self.channel.stream() else {
            return;
        };
        for _ in 0..LAST_WORDS {
            match self.receive(channel) {
                Received::Message(message, _) => self.pass_on(message).await,
                Received::Nothing | Received::Closed => return,
            }
        }
    }

    /// Whoever says what no master says is not listened to any further.
    fn receive(&self, channel: &UnixStream) -> Received<MasterMessage> {
        let received = channel.try_io(Interest::READABLE, || {
            match ipc::receive_bare::<MasterMessage>(channel) {
                Ok(Received::Nothing) => Err(io::ErrorKind::WouldBlock.into()),
                other => Ok(other),
            }
        });
        match received {
            Ok(Ok(received)) => received,
            Ok(Err(error)) => {
                let Place { vassal, generation } = &self.place;
                tracing::warn!(vassal, "generation {generation}: {error}");
                Received::Closed
            }
            Err(_would_block) => Received::Nothing,
        }
    }

    async fn pass_on(&self, message: MasterMessage) {
        // Nobody takes it in only when the emperor itself is over.
        drop(
            self.inputs
                .send(Input::MasterSaid(self.place.clone(), tamed(message)))
                .await,
        );
    }
}

fn cost_of(message: &MasterMessage) -> u32 {
    match message {
        MasterMessage::Failed(_)
        | MasterMessage::Troubled(_)
        | MasterMessage::ReloadWanted { .. }
        | MasterMessage::RequestOverdue { .. } => DEAR,
        MasterMessage::Booted { .. }
        | MasterMessage::Ready { .. }
        | MasterMessage::Adopted(_)
        | MasterMessage::Loaded
        | MasterMessage::Paused
        | MasterMessage::WorkerRetiring { .. }
        | MasterMessage::Mended
        | MasterMessage::Withdrawn
        | MasterMessage::WorkerSpawned { .. }
        | MasterMessage::WorkerReady { .. }
        | MasterMessage::WorkerExited { .. }
        | MasterMessage::Report { .. } => 1,
    }
}

/// A tenant can make its master say anything: texts are cut and cleaned, lists bounded.
fn tamed(message: MasterMessage) -> MasterMessage {
    let clean =
        |text: String| -> String { text.chars().filter(|c| !c.is_control()).take(256).collect() };
    match message {
        MasterMessage::Booted { python } => MasterMessage::Booted {
            python: clean(python),
        },
        MasterMessage::Ready { interface } => MasterMessage::Ready {
            interface: clean(interface),
        },
        MasterMessage::Failed(failure) => MasterMessage::Failed(failure.tamed()),
        MasterMessage::Troubled(failure) => MasterMessage::Troubled(failure.tamed()),
        MasterMessage::WorkerExited {
            worker,
            pid,
            status,
            expected,
        } => MasterMessage::WorkerExited {
            worker,
            pid,
            status: clean(status),
            expected,
        },
        MasterMessage::Report { id, mut workers } => {
            workers.truncate(WORKER_LIMIT);
            MasterMessage::Report { id, workers }
        }
        MasterMessage::ReloadWanted { file } => MasterMessage::ReloadWanted { file: clean(file) },
        MasterMessage::RequestOverdue {
            worker,
            pid,
            method,
            path,
            age_ms,
            traceback,
        } => MasterMessage::RequestOverdue {
            worker,
            pid,
            method: clean(method),
            path: clean(path),
            age_ms,
            traceback: Failure::new(FailureKind::Timeout, "", traceback).detail,
        },
        MasterMessage::WorkerRetiring {
            worker,
            pid,
            reason,
        } => MasterMessage::WorkerRetiring {
            worker,
            pid,
            reason: clean(reason),
        },
        MasterMessage::Adopted(_)
        | MasterMessage::Loaded
        | MasterMessage::Paused
        | MasterMessage::Mended
        | MasterMessage::Withdrawn
        | MasterMessage::WorkerSpawned { .. }
        | MasterMessage::WorkerReady { .. } => message,
    }
}
