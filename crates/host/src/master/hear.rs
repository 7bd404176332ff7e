//! What a master hears: the emperor's orders, its workers' words and ends, touched files, trouble
//! with output.

use std::io;

use lictor_core::ipc::{MasterMessage, MasterOrder, Received, WorkerMessage};
use lictor_core::observe::{Failure, FailureKind, WorkerState, WorkerStatus};
use lictor_core::sys::{ExitStatus, SlotState, resident_bytes};

use super::pool::PoolEvent;
use super::run::{Master, index_of};
use super::touch::Touch;

impl Master {
    /// Looks at everything that may have something to say.
    pub(super) fn collect(&mut self) -> Vec<PoolEvent> {
        let mut events = vec![PoolEvent::Woken];
        if rustix::io::read(&self.sigterm, &mut [0; 16][..]).is_ok_and(|count| count > 0) {
            events.push(PoolEvent::DrainOrdered(self.parts.config.reload_mercy));
        }
        self.hear_trouble();
        self.hear_touches();
        self.hear_emperor(&mut events);
        self.meet_emperor();
        self.hear_overdue(&mut events);
        for id in 1..=self.parts.config.processes {
            self.hear_worker(id, &mut events);
        }
        self.tell_withdrawal();
        events
    }

    fn hear_emperor(&mut self, events: &mut Vec<PoolEvent>) {
        while !self.is_emperor_gone {
            match self.parts.channel.receive::<MasterOrder>() {
                Ok(Received::Message(MasterOrder::Serve, _)) => {
                    events.push(PoolEvent::ServeOrdered);
                }
                Ok(Received::Message(MasterOrder::Drain { deadline }, _)) => {
                    events.push(PoolEvent::DrainOrdered(deadline));
                }
                Ok(Received::Message(MasterOrder::Report { id }, _)) => {
                    self.tell_emperor(&MasterMessage::Report {
                        id,
                        workers: self.report(),
                    });
                }
                Ok(Received::Message(
                    MasterOrder::Start
                    | MasterOrder::Adopt { .. }
                    | MasterOrder::ForkWorkers
                    | MasterOrder::Pause { .. }
                    | MasterOrder::Resume,
                    _,
                )) => {}
                Ok(Received::Nothing) => return,
                Ok(Received::Closed) | Err(_) => {
                    self.is_emperor_gone = true;
                    // What serves goes on and waits for the next emperor. What does not serve yet
                    // would wait for a word that nobody says.
                    let serves = self.pool.serves() || events.contains(&PoolEvent::ServeOrdered);
                    if self.parts.meeting.is_none() || !serves {
                        events.push(PoolEvent::DrainOrdered(self.parts.config.reload_mercy));
                    }
                }
            }
        }
    }

    fn hear_worker(&mut self, id: u32, events: &mut Vec<PoolEvent>) {
        let Some(worker) = self.workers.get(index_of(id)).and_then(Option::as_ref) else {
            return;
        };
        let pid = worker.pidfd.pid();
        let mut said = Vec::new();
        while let Ok(Received::Message(message, _)) = worker.channel.receive::<WorkerMessage>() {
            said.push(message);
        }
        let exit = worker.pidfd.try_reap().ok().flatten();
        for message in said {
            match message {
                WorkerMessage::Ready { interface } => {
                    self.interface = interface;
                    self.tell_emperor(&MasterMessage::WorkerReady { worker: id, pid });
                    events.push(PoolEvent::WorkerReady(id));
                }
                WorkerMessage::Withdrawn => self.worker_withdrew(id),
                WorkerMessage::Alive | WorkerMessage::Retire { .. } => {}
                WorkerMessage::Failed(failure) => {
                    let failure = failure.tamed();
                    self.tell_emperor(&MasterMessage::Troubled(failure.clone()));
                    self.failure = Some(failure);
                }
            }
        }
        if let Some(status) = exit {
            self.worker_exited(id, pid, status);
            events.push(PoolEvent::WorkerExited(id));
        }
    }

    fn worker_withdrew(&mut self, id: u32) {
        if let Some(worker) = self.workers.get_mut(index_of(id)).and_then(Option::as_mut) {
            worker.has_withdrawn = true;
        }
    }

    /// Once, when the last worker that took connections has stopped doing so.
    fn tell_withdrawal(&mut self) {
        let is_withdrawn = self
            .workers
            .iter()
            .flatten()
            .all(|worker| worker.has_withdrawn);
        if self.pool.is_draining() && is_withdrawn && !self.has_told_withdrawal {
            self.has_told_withdrawal = true;
            self.tell_emperor(&MasterMessage::Withdrawn);
        }
    }

    fn worker_exited(&mut self, id: u32, pid: u32, status: ExitStatus) {
        if let Some(worker) = self.workers.get_mut(index_of(id)) {
            *worker = None;
        }
        self.watched_exited(pid);
        let expected = self.pool.is_draining();
        if !expected && self.failure.is_none() {
            let message = format!("worker {id} ended unexpectedly: {status}");
            self.failure = Some(Failure::new(
                FailureKind::Crash,
                message,
                "hint: see `lictor logs`",
            ));
        }
        let status = status.to_string();
        self.tell_emperor(&MasterMessage::WorkerExited {
            worker: id,
            pid,
            status,
            expected,
        });
    }

    fn hear_touches(&mut self) {
        let touched = self.touch.as_mut().map(Touch::touched).unwrap_or_default();
        for file in touched {
            self.tell_emperor(&MasterMessage::ReloadWanted {
                file: file.display().to_string(),
            });
        }
    }

    fn hear_trouble(&self) {
        let mut bytes = [0; 64];
        let Ok(count) = rustix::io::read(&self.parts.trouble, &mut bytes[..]) else {
            return;
        };
        let Some(&last) = bytes.get(..count).and_then(<[u8]>::last) else {
            return;
        };
        if last == 0 {
            self.tell_emperor(&MasterMessage::Mended);
            return;
        }
        let reason = io::Error::from_raw_os_error(i32::from(last));
        let place = match &self.parts.config.logto {
            Some(path) => format!("`{}` of `logto`", path.display()),
            None => "its output".to_owned(),
        };
        let message = format!("the app could not write to {place}: {reason}");
        let hint =
            "hint: the app serves on and its output is dropped; make room, or change `logto`";
        self.tell_emperor(&MasterMessage::Troubled(Failure::new(
            FailureKind::Logto,
            message,
            hint,
        )));
    }

    fn report(&self) -> Vec<WorkerStatus> {
        let ids = 1..=self.parts.config.processes;
        let living = ids
            .zip(&self.workers)
            .filter_map(|(id, worker)| Some((id, worker.as_ref()?)));
        living
            .filter_map(|(id, worker)| {
                let slot = self.parts.scoreboard.slot(id)?;
                let state = match slot.state() {
                    SlotState::Starting => WorkerState::Starting,
                    SlotState::Draining => WorkerState::Draining,
                    SlotState::Serving if slot.is_busy() => WorkerState::Busy,
                    SlotState::Serving => WorkerState::Idle,
                };
                let pid = worker.pidfd.pid();
                Some(WorkerStatus {
                    id,
                    pid,
                    generation: self.parts.generation,
                    state,
                    requests: slot.requests(),
                    errors: slot.errors(),
                    rss: resident_bytes(pid),
                    since: worker.since,
                })
            })
            .collect()
    }
}
