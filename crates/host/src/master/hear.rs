//! What a master hears: the emperor's orders and trouble with output; its workers' words and ends are
//! in `listen`, what people want in `controls`.

use std::io;

use lictor_core::ipc::{MasterMessage, MasterOrder, Received};
use lictor_core::observe::{Failure, FailureKind};

use super::background::Background;
use super::pool::PoolEvent;
use super::run::Master;
use super::troubles::Part;

impl Master {
    /// Looks at everything that may have something to say.
    pub(super) fn collect(&mut self) -> Vec<PoolEvent> {
        let mut events = Vec::new();
        self.hear_controls(&mut events);
        self.hear_trouble();
        self.tend_logs();
        self.hear_emperor(&mut events);
        self.meet_emperor();
        self.hear_overdue(&mut events);
        self.hear_workers(&mut events);
        self.tell_withdrawal();
        self.hear_scale(&mut events);
        self.beat(&mut events);
        self.look_at_memory(&mut events);
        self.tend_background(&events);
        self.tell_stats();
        // Last, so that nobody is judged who has just spoken.
        events.push(PoolEvent::Woken);
        events
    }

    /// What serves goes on and waits for the next emperor; what was paused for a generation that now
    /// will not come serves again. What does not serve yet would wait for a word that nobody says.
    fn without_emperor(&self, heard: &[PoolEvent]) -> Option<PoolEvent> {
        let serves = self.pool.serves() || heard.contains(&PoolEvent::ServeOrdered);
        let is_paused = self.pool.is_paused()
            || heard
                .iter()
                .any(|e| matches!(e, PoolEvent::PauseOrdered(_)));
        match (self.parts.meeting.is_some() && serves, is_paused) {
            (true, true) => Some(PoolEvent::ResumeOrdered),
            (true, false) => None,
            (false, _) => Some(PoolEvent::DrainOrdered(self.parts.config.reload_mercy)),
        }
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
                        scaling: self.scale.status(),
                        background: self.background.as_ref().map(Background::status),
                    });
                }
                Ok(Received::Message(MasterOrder::ForkWorkers, _)) => {
                    events.push(PoolEvent::ForkOrdered);
                }
                Ok(Received::Message(MasterOrder::Pause { deadline }, _)) => {
                    events.push(PoolEvent::PauseOrdered(deadline));
                }
                Ok(Received::Message(MasterOrder::Resume, _)) => {
                    events.push(PoolEvent::ResumeOrdered);
                }
                Ok(Received::Message(MasterOrder::Start | MasterOrder::Adopt { .. }, _)) => {}
                Ok(Received::Nothing) => return,
                Ok(Received::Closed) | Err(_) => {
                    self.is_emperor_gone = true;
                    let next = self.without_emperor(events);
                    events.extend(next);
                }
            }
        }
    }

    fn hear_trouble(&mut self) {
        let mut bytes = [0; 64];
        let Ok(count) = rustix::io::read(&self.parts.trouble, &mut bytes[..]) else {
            return;
        };
        let Some(&last) = bytes.get(..count).and_then(<[u8]>::last) else {
            return;
        };
        if last == 0 {
            return self.tell_mended(Part::Output);
        }
        let reason = io::Error::from_raw_os_error(i32::from(last));
        let place = match &self.parts.config.logto {
            _ if self.parts.config.logs.files().next().is_some() => "one of its loggers".to_owned(),
            Some(path) => format!("`{}` of `logto`", path.display()),
            None => "its output".to_owned(),
        };
        let message = format!("the app could not write to {place}: {reason}");
        let hint =
            "hint: the app serves on and its output is dropped; make room, or change `logto`";
        let failure = Failure::new(FailureKind::Logto, message, hint);
        let message = self.troubles.begin(Part::Output, failure);
        self.tell_emperor(&message);
    }
}
