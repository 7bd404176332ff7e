//! The line to a master: what it says becomes inputs, bounded, cleaned and paid for with time.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lictor_core::ipc::{self, Channel, MasterMessage, MasterOrder, Received};
use lictor_core::observe::{BackgroundStatus, Failure, FailureKind};
use lictor_core::sys::close_elsewhere;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;

use super::generation::Place;
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
/// Most workers that a master can claim to have: the limit of `processes`, twice.
const WORKER_LIMIT: usize = 4096;
/// Most daemons, jobs or runs of one that are shown.
const BACKGROUND_LIMIT: usize = 256;

/// The emperor's end of a channel.
#[derive(Debug)]
pub(super) struct Line(Option<UnixStream>);

impl Line {
    pub(super) fn new(channel: Channel) -> io::Result<Arc<Self>> {
        let channel = std::os::unix::net::UnixStream::from(channel.into_fd());
        Ok(Arc::new(Self(Some(UnixStream::from_std(channel)?))))
    }

    /// Whether it could be said.
    pub(super) fn tell(&self, order: &MasterOrder) -> bool {
        self.stream()
            .is_some_and(|channel| ipc::send(channel, order, &[]).is_ok())
    }

    pub(super) fn stream(&self) -> Option<&UnixStream> {
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
pub(super) struct Listener {
    pub(super) place: Place,
    pub(super) channel: Arc<Line>,
    pub(super) inputs: mpsc::Sender<Input>,
    pub(super) processes: u32,
}

impl Listener {
    pub(super) async fn follow(self, exit: Receiver) {
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
        let credit = PACE * (self.processes.saturating_mul(CREDIT_OF_WORKER) + CREDIT);
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
        | MasterMessage::StopWanted
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
        | MasterMessage::Scaled { .. }
        | MasterMessage::Idle
        | MasterMessage::Report { .. } => 1,
    }
}

/// A text of a tenant's as one line that may be shown.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it takes the place of what was said"
)]
pub(super) fn clean(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).take(256).collect()
}

fn tame_background(background: &mut BackgroundStatus) {
    background.daemons.truncate(BACKGROUND_LIMIT);
    background.crons.truncate(BACKGROUND_LIMIT);
    for daemon in &mut background.daemons {
        tame(&mut daemon.command);
        tame(&mut daemon.state);
        daemon.last_exit.iter_mut().for_each(tame);
    }
    for cron in &mut background.crons {
        tame(&mut cron.command);
        tame(&mut cron.schedule);
        cron.pids.truncate(BACKGROUND_LIMIT);
        cron.last_exit.iter_mut().for_each(tame);
    }
}

/// A tenant can make its master say anything: texts are cut and cleaned, lists bounded.
fn tamed(mut message: MasterMessage) -> MasterMessage {
    match &mut message {
        MasterMessage::Booted { python: text }
        | MasterMessage::Ready { interface: text }
        | MasterMessage::WorkerExited { status: text, .. }
        | MasterMessage::WorkerRetiring { reason: text, .. }
        | MasterMessage::Scaled { reason: text, .. }
        | MasterMessage::ReloadWanted { file: text } => tame(text),
        MasterMessage::Failed(failure) | MasterMessage::Troubled(failure) => {
            *failure = failure.clone().tamed();
        }
        MasterMessage::Report {
            workers,
            scaling,
            background,
            ..
        } => {
            workers.truncate(WORKER_LIMIT);
            if let Some(scaling) = scaling {
                tame(&mut scaling.reason);
            }
            if let Some(background) = background {
                tame_background(background);
            }
        }
        MasterMessage::RequestOverdue {
            method,
            path,
            traceback,
            ..
        } => {
            tame(method);
            tame(path);
            let text = std::mem::take(traceback);
            *traceback = Failure::new(FailureKind::Timeout, "", text).detail;
        }
        MasterMessage::Adopted(_)
        | MasterMessage::StopWanted
        | MasterMessage::Loaded
        | MasterMessage::Idle
        | MasterMessage::Paused
        | MasterMessage::Mended
        | MasterMessage::Withdrawn
        | MasterMessage::WorkerSpawned { .. }
        | MasterMessage::WorkerReady { .. } => {}
    }
    message
}

fn tame(text: &mut String) {
    *text = clean(std::mem::take(text));
}
