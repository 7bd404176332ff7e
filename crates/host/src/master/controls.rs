//! What people tell a running vassal without `lictor`: by signals, letters in a fifo, touched files,
//! and edits of imported ones.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lictor_core::config::VassalConfig;
use lictor_core::ipc::{MasterMessage, WorkerOrder};
use pyo3::prelude::*;
use rustix::event::{PollFd, PollFlags};

use super::fifo::Fifo;
use super::orders::{Wish, wish_of_letter, wish_of_signal};
use super::overdue::say;
use super::pid_file;
use super::pool::PoolEvent;
use super::run::Master;
use super::signals::{Handlers, Signals};
use super::touch::Touch;

const NO_WRITER: &str = "`logto` alone is written by the app itself; add `log-master = true`, \
                         which has a process write the log files";

/// What is listened to.
pub(super) struct Controls {
    signals: Signals,
    /// Once this generation serves.
    fifo: Option<Fifo>,
    has_tried_fifo: bool,
    touch: Option<Touch>,
    /// `py-autoreload`.
    imported: Option<Touch>,
    /// Connections wait until they are let in again.
    is_paused: bool,
}

impl Controls {
    /// Whatever of this the vassal asks for. `since` is when the first file was imported.
    pub(super) fn new(
        py: Python<'_>,
        config: &VassalConfig,
        since: SystemTime,
    ) -> io::Result<(Self, Handlers)> {
        let (signals, handlers) = Signals::take(py)?;
        let imported = config
            .apps
            .autoreload
            .then(|| Touch::since(since))
            .flatten();
        let controls = Self {
            signals,
            fifo: None,
            has_tried_fifo: false,
            touch: Touch::watch(&config.touch_reload),
            imported,
            is_paused: false,
        };
        Ok((controls, handlers))
    }

    /// Everything that may have something to say.
    pub(super) fn poll_fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        let touches = self.touch.iter().chain(&self.imported);
        let touches = touches.map(|touch| PollFd::new(touch, PollFlags::IN));
        std::iter::once(PollFd::new(&self.signals, PollFlags::IN))
            .chain(
                self.fifo
                    .iter()
                    .map(|fifo| PollFd::new(fifo, PollFlags::IN)),
            )
            .chain(touches)
    }
}

impl Master {
    /// Takes in what people want.
    pub(super) fn hear_controls(&mut self, events: &mut Vec<PoolEvent>) {
        self.open_fifo();
        let signals = self.controls.signals.pending();
        let wishes = signals.into_iter().filter_map(wish_of_signal);
        let letters = self.controls.fifo.as_ref().map(Fifo::letters);
        let letters = letters.unwrap_or_default();
        let wishes: Vec<_> = wishes
            .map(|wish| ("a signal".to_owned(), wish))
            .chain(letters.into_iter().filter_map(|letter| {
                let from = format!("`{}` of `master-fifo`", letter.escape_ascii());
                Some((from, wish_of_letter(letter)?))
            }))
            .collect();
        for (from, wish) in wishes {
            events.extend(self.grant(&from, wish));
        }
        self.hear_touches();
    }

    fn grant(&mut self, from: &str, wish: Wish) -> Option<PoolEvent> {
        match wish {
            Wish::Leave => return Some(PoolEvent::DrainOrdered(self.parts.config.reload_mercy)),
            Wish::Stop if self.is_emperor_gone => {
                return Some(PoolEvent::DrainOrdered(self.parts.config.reload_mercy));
            }
            Wish::Stop => self.tell_emperor(&MasterMessage::StopWanted),
            Wish::Reload if self.is_emperor_gone => {
                decline(from, "there is no emperor to start a new generation");
            }
            Wish::Reload => self.want_reload(from.to_owned()),
            Wish::TogglePause => self.toggle_pause(),
            Wish::TellState => self.tell_state(),
            Wish::WritePidFile => pid_file::write(&self.parts.config),
            Wish::Slot(slot) => self.change_fifo(slot),
            Wish::Scale(step) => match self.scale_by_hand(step) {
                Ok(event) => return Some(event),
                Err(why) => decline(from, why),
            },
            Wish::Logs(order) => match &self.parts.log_writer {
                Some(writer) => writer.order(order),
                None => decline(from, NO_WRITER),
            },
            Wish::Decline(why) => decline(from, why),
        }
        None
    }

    fn want_reload(&self, file: String) {
        self.tell_emperor(&MasterMessage::ReloadWanted { file });
    }

    /// The generation that serves has the fifo; one that leaves, leaves it to the next.
    fn open_fifo(&mut self) {
        let config = &self.parts.config;
        if self.pool.is_draining() {
            self.controls.fifo = None;
        } else if self.controls.fifo.is_none()
            && self.pool.serves()
            && !config.process.master_fifo.is_empty()
            && !self.controls.has_tried_fifo
        {
            // Once: what is wrong with it is told, and does not change by itself.
            self.controls.has_tried_fifo = true;
            match Fifo::open(&config.process.master_fifo, 0) {
                Ok(fifo) => self.controls.fifo = Some(fifo),
                Err(error) => tell_bad_fifo(&config.process.master_fifo, 0, &error),
            }
        }
    }

    fn change_fifo(&mut self, slot: usize) {
        let Some(fifo) = &self.controls.fifo else {
            return;
        };
        match fifo.at(slot) {
            Ok(fifo) => self.controls.fifo = Some(fifo),
            Err(error) => tell_bad_fifo(&self.parts.config.process.master_fifo, slot, &error),
        }
    }

    fn toggle_pause(&mut self) {
        self.controls.is_paused = !self.controls.is_paused;
        for worker in self.workers.values() {
            self.tell_pause(&worker.channel);
        }
        say(if self.controls.is_paused {
            "lictor: paused: connections wait until the next SIGTSTP or `p`\n"
        } else {
            "lictor: resumed: connections are answered again\n"
        });
    }

    /// Whether a worker lets connections wait.
    pub(super) fn tell_pause(&self, channel: &lictor_core::ipc::Channel) {
        let order = if self.controls.is_paused {
            WorkerOrder::Hold
        } else {
            WorkerOrder::Release
        };
        // One that does not read is gone, or is ended soon.
        drop(channel.send(&order, &[]));
    }

    pub(super) fn is_paused_by_order(&self) -> bool {
        self.controls.is_paused
    }

    fn tell_state(&self) {
        for worker in self.report() {
            say(&format!(
                "lictor: worker {} (pid {}) is {}: {} requests, {} errors, {} MiB resident\n",
                worker.id,
                worker.pid,
                worker.state,
                worker.requests,
                worker.errors,
                worker.rss >> 20
            ));
        }
    }

    fn hear_touches(&mut self) {
        let watched = [&mut self.controls.touch, &mut self.controls.imported];
        let changed = watched.into_iter().flatten().flat_map(Touch::touched);
        let files: Vec<PathBuf> = changed.collect();
        for file in files {
            self.want_reload(file.display().to_string());
        }
    }

    /// `py-autoreload`: the app has imported these.
    pub(super) fn watch_imported(&mut self, files: &[String]) {
        let Some(imported) = &mut self.controls.imported else {
            return;
        };
        for file in files {
            imported.add(Path::new(file));
        }
        // What was changed while it was imported is told by nobody else.
        self.hear_touches();
    }
}

fn decline(from: &str, why: &str) {
    say(&format!("lictor: nothing was done on {from}: {why}\n"));
}

fn tell_bad_fifo(paths: &[PathBuf], slot: usize, error: &io::Error) {
    let path = paths.get(slot).map(|path| path.display().to_string());
    let path = path.unwrap_or_else(|| slot.to_string());
    say(&format!(
        "lictor: could not open `{path}` of `master-fifo`: {error}; what this generation reads stays as it was\n"
    ));
}
