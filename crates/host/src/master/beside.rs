//! Where the master's loop meets what runs beside its workers.

use lictor_core::ipc::MasterMessage;
use lictor_core::observe::{Failure, FailureKind};

use super::background::{Background, Change, run_hooks, try_hooks};
use super::pid_file;
use super::pool::PoolEvent;
use super::run::{Master, Outcome};
use super::troubles::Part;

const NO_APP: &str = "none";

impl Master {
    /// Lets daemons and jobs have what they wait for.
    pub(super) fn tend_background(&mut self, events: &[PoolEvent]) {
        let serves = self.pool.serves() || events.contains(&PoolEvent::ServeOrdered);
        let Some(background) = &mut self.background else {
            return;
        };
        let news = background.tend(serves);
        match news.trouble {
            Some(Change::Wrong(message)) => {
                let hint = "hint: see `lictor logs`; the app serves on meanwhile";
                let failure = Failure::new(FailureKind::Crash, message, hint);
                let message = self.troubles.begin(Part::Background, failure);
                self.tell_emperor(&message);
            }
            Some(Change::Mended) => self.tell_mended(Part::Background),
            None => {}
        }
        if news.wants_reload {
            let file = "attach-control-daemon".to_owned();
            self.tell_emperor(&MasterMessage::ReloadWanted { file });
        }
    }

    pub(super) fn background_leaves(&mut self) {
        if let Some(background) = &mut self.background {
            background.leave();
        }
    }

    pub(super) fn is_background_over(&self) -> bool {
        self.background.as_ref().is_none_or(Background::is_over)
    }

    /// Every worker can serve: what was to be done first is done now.
    pub(super) fn tell_ready(&mut self) -> Outcome {
        let config = &self.parts.config;
        let hooks = &config.background.hooks.after_app;
        if let Err(failure) = run_hooks("behind the app", hooks, config.start_timeout) {
            // The emperor ends this generation, workers and all.
            self.tell_emperor(&MasterMessage::Failed(failure));
            return Outcome::GoOn;
        }
        pid_file::write(config);
        let interface = if config.apps.is_empty() {
            NO_APP.to_owned()
        } else {
            self.interface.clone()
        };
        self.tell_emperor(&MasterMessage::Ready { interface });
        Outcome::GoOn
    }

    /// The last that is done before the master ends.
    pub(super) fn say_goodbye(&self) {
        let config = &self.parts.config;
        pid_file::remove(config);
        if self.has_served {
            let hooks = &config.background.hooks.at_exit;
            try_hooks("at the end", hooks, config.reload_mercy);
        }
    }
}
