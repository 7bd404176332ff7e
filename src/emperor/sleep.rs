//! A vassal that sleeps (`die-on-idle`): the emperor holds its sockets, and the first connection to
//! one of them wakes it, but for those of `stats`. Nothing is accepted here: the connection waits where it is.

use std::io;
use std::os::fd::BorrowedFd;

use lictor_core::observe::EventKind;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::generation::Place;
use super::lifecycle::Event;
use super::run::{Emperor, Input};

/// Waits for a connection at any of the sockets of a vassal; dropped, it waits no more.
#[derive(Debug)]
pub(super) struct Sleep {
    /// Ended with this.
    _watches: JoinSet<()>,
}

impl Sleep {
    fn begin<'a>(
        name: &str,
        sockets: impl Iterator<Item = BorrowedFd<'a>>,
        inputs: &mpsc::Sender<Input>,
    ) -> io::Result<Self> {
        let mut watches = JoinSet::new();
        for socket in sockets {
            // Only the readiness is used, which is the same for every kind of descriptor.
            let socket = Receiver::from_owned_fd_unchecked(socket.try_clone_to_owned()?)?;
            watches.spawn(knock(socket, name.to_owned(), inputs.clone()));
        }
        Ok(Self { _watches: watches })
    }
}

async fn knock(socket: Receiver, name: String, inputs: mpsc::Sender<Input>) {
    if socket.readable().await.is_ok() {
        // Nobody takes it in only when the emperor itself is over.
        drop(inputs.send(Input::Knocked(name)).await);
    }
}

impl Emperor {
    /// A vassal sleeps from now on, or sleeps on by another file.
    pub(super) fn fall_asleep(&mut self, name: &str) {
        let Some(vassal) = self.vassals.get(name) else {
            return;
        };
        let place = Place {
            vassal: name.to_owned(),
            generation: vassal.life.newest(),
        };
        if let Err(failure) = self.bind_sockets(&place) {
            self.sleep_failed(&place, failure);
            return;
        }
        let Some(vassal) = self.vassals.get_mut(name) else {
            return;
        };
        // What was wrong with the file before is mended; whether this one works shows when it wakes.
        if !vassal.life.has_fallen_back() {
            vassal.error = None;
        }
        // Whoever asks for numbers wakes nobody, and is answered when somebody else has.
        let sleep = Sleep::begin(name, vassal.doors(), &self.inputs);
        match sleep {
            Ok(sleep) => vassal.sleep = Some(sleep),
            // Out of descriptors: then it is better awake.
            Err(_) => self.happen(name, Event::Knocked),
        }
    }

    /// A connection has come to one of its sockets.
    pub(super) fn knocked(&mut self, name: &str) {
        let Some(vassal) = self.vassals.get_mut(name) else {
            return;
        };
        if !vassal.life.is_asleep() {
            return;
        }
        let generation = vassal.life.newest() + 1;
        self.journal
            .tell(Some(name), EventKind::VassalWoken { generation });
        self.happen(name, Event::Knocked);
    }

    /// Whoever does not sleep any more is not waited for at its sockets.
    pub(super) fn wake_up(&mut self, name: &str) {
        if let Some(vassal) = self.vassals.get_mut(name)
            && !vassal.life.is_asleep()
        {
            vassal.sleep = None;
        }
    }
}
