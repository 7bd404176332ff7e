//! The sockets at which the emperor is watched: bound at its start, kept when it becomes another program.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;

use lictor_core::config::{Address, Mode};
use tokio::sync::mpsc;

use super::super::bind::{BindError, Bound, Owner, bind_at};
use super::super::record::SocketRecord;
use super::Monitoring;
use crate::control::{Command, Door, Told, watchers};

/// Under this name, which no vassal can have, they are handed down beside those of the vassals.
const NAME: &str = "";
/// Those who connect are few.
const BACKLOG: u32 = 64;
/// The emperor's own user and group.
const MODE: Mode = Mode(0o660);

/// Sockets handed down, by the vassal whose they are.
type HandedDown = BTreeMap<String, Vec<(SocketRecord, OwnedFd)>>;

/// The bound sockets, with what is told there.
#[derive(Debug, Default)]
pub(in crate::emperor) struct Endpoints(Vec<(Told, bool, Bound)>);

impl Endpoints {
    /// Binds what is asked for, unless the program that this process was had it bound.
    pub(in crate::emperor) fn open(
        wanted: &Monitoring,
        handed_down: &mut HandedDown,
    ) -> Result<Self, BindError> {
        let mut held = handed_down.remove(NAME).unwrap_or_default();
        let stats = wanted.stats.as_ref();
        let stats = stats.map(|address| (Told::Stats, wanted.stats_http, address));
        let metrics = wanted.metrics.as_ref();
        let metrics = metrics.map(|address| (Told::Metrics, true, address));
        let mut opened = Self::default();
        for (told, is_http, address) in stats.into_iter().chain(metrics) {
            let bound = match position(&held, address) {
                Some(at) => held.swap_remove(at).into(),
                None => bind_at(address, BACKLOG, MODE, Owner::default())?,
            };
            opened.0.push((told, is_http, bound));
        }
        for unwanted in held {
            Bound::from(unwanted).close();
        }
        Ok(opened)
    }

    /// Answers there from now on, until the receiver of the commands is dropped.
    pub(in crate::emperor) fn serve(&self, commands: &mpsc::Sender<Command>) -> io::Result<()> {
        for (told, is_http, bound) in &self.0 {
            let fd = bound.fd.try_clone()?;
            let door = match bound.address {
                Address::Tcp(_) => Door::tcp(fd)?,
                Address::Unix(_) | Address::Abstract(_) => Door::unix(fd)?,
            };
            let served = watchers(door, *told, *is_http, commands.clone());
            drop(tokio::spawn(served));
        }
        Ok(())
    }

    /// For the program that this process becomes.
    pub(in crate::emperor) fn hand_down(&mut self, sockets: &mut HandedDown) {
        let handed = std::mem::take(&mut self.0).into_iter();
        let handed = handed.map(|(_, _, bound)| {
            let record = SocketRecord {
                wanted: (bound.address.clone(), 0),
                address: bound.address,
                owner: bound.owner,
                mode: bound.mode,
                file: bound.file,
            };
            (record, bound.fd)
        });
        sockets.insert(NAME.to_owned(), handed.collect());
    }

    /// The emperor's end.
    pub(in crate::emperor) fn close(&mut self) {
        for (_, _, bound) in self.0.drain(..) {
            bound.close();
        }
    }
}

fn position(held: &[(SocketRecord, OwnedFd)], address: &Address) -> Option<usize> {
    held.iter()
        .position(|(record, _)| record.address == *address)
}
