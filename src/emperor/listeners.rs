//! The listening sockets of a vassal: bound by the emperor, outliving every process behind them.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use lictor_core::config::{Address, Protocol, VassalConfig};
use lictor_core::ipc::HandoverListener;
use lictor_core::observe::SocketStatus;
use lictor_core::sys::close_elsewhere;

use super::bind::{BindError, Bound, Owner, bind, warn_of_cap};
use super::generation::Terms;
use super::record::SocketRecord;

/// An address that a file asks for, and the how many-th of its kind it is: port 0 may be asked for
/// more than once, and is another port each time.
type Wanted = (Address, usize);

/// The sockets of one vassal, by what its file asks for.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    bound: BTreeMap<Wanted, Bound>,
}

impl Listeners {
    /// Binds what the configuration asks for and is not bound yet. What is bound stays as it is, if
    /// clients still reach it; what another vassal of the same user has just let go of is taken over.
    pub(super) fn bind(
        &mut self,
        config: &VassalConfig,
        owner: Owner,
        orphans: &mut Orphans,
    ) -> Result<bool, BindError> {
        for bound in self.bound.values_mut() {
            bound.adjust(config, owner);
        }
        let lost = self.bound.extract_if(.., |_, bound| !bound.is_reachable());
        lost.for_each(|(_, bound)| bound.close());
        let mut new = BTreeMap::new();
        for wanted in numbered(config.addresses()) {
            if self.bound.contains_key(&wanted) {
                continue;
            }
            let address = &wanted.0;
            if let Some(own) = self.of_port_held(address, config) {
                new.insert(wanted, own);
                continue;
            }
            let taken_over = orphans.take(address, owner).map(|mut bound| {
                bound.adjust(config, owner);
                Ok(bound)
            });
            match taken_over.unwrap_or_else(|| bind(address, config, owner)) {
                Ok(bound) => new.insert(wanted, bound),
                Err(error) => {
                    // All or none: a socket file that nobody serves would only mislead.
                    new.into_values().for_each(Bound::close);
                    return Err(error);
                }
            };
        }
        if !new.is_empty() {
            warn_of_cap(config.listen);
        }
        let is_changed = !new.is_empty();
        self.bound.extend(new);
        Ok(is_changed)
    }

    /// A socket of its own that listens there already, because the file before asked for any port
    /// and this one asks for the very port that it got. What serves may need it under its old name.
    fn of_port_held(&self, address: &Address, config: &VassalConfig) -> Option<Bound> {
        let held = self.bound.iter().find(|((asked, _), bound)| {
            matches!(address, Address::Tcp(_))
                && bound.address == *address
                && !config.addresses().any(|wanted| wanted == asked)
        });
        let (_, bound) = held?;
        Some(Bound {
            fd: bound.fd.try_clone().ok()?,
            address: bound.address.clone(),
            owner: bound.owner,
            mode: bound.mode,
            file: None,
            kept: None,
        })
    }

    /// Lets go of what is not needed; of everything without a list.
    pub(super) fn release(&mut self, needed: Option<&[Address]>, orphans: &mut Orphans) {
        let needed = numbered(needed.into_iter().flatten());
        let unneeded = self
            .bound
            .extract_if(.., |wanted, _| !needed.contains(wanted));
        orphans
            .0
            .extend(unneeded.map(|((address, _), bound)| Orphan {
                address,
                bound,
                until: None,
            }));
    }

    /// Those of which the service manager may have no copy yet. Of port 0 it is to have none: who asks
    /// for any port gets another one, and must not get that of somebody else who asked the same.
    pub(super) fn unkept(&mut self) -> impl Iterator<Item = &mut Bound> {
        self.bound
            .iter_mut()
            .filter(|((wanted, _), bound)| bound.kept.is_none() && *wanted == bound.address)
            .map(|(_, bound)| bound)
    }

    /// What a new master is given, in the order of the configuration.
    pub(super) fn handover(
        &self,
        config: &VassalConfig,
    ) -> (Vec<HandoverListener>, Vec<BorrowedFd<'_>>) {
        let wanted = numbered(config.addresses());
        let protocols = config.listening().map(|(protocol, _)| protocol);
        let bound = protocols
            .zip(&wanted)
            .filter_map(|(protocol, wanted)| Some((protocol, self.bound.get(wanted)?)));
        bound
            .map(|(protocol, bound)| {
                let listener = HandoverListener {
                    protocol: protocol.name().to_owned(),
                    address: bound.address.clone(),
                    fd: None,
                };
                (listener, bound.fd.as_fd())
            })
            .unzip()
    }

    /// Takes over a socket that a running master holds.
    pub(super) fn insert(&mut self, wanted: Wanted, bound: Bound) {
        if let Some(other) = self.bound.insert(wanted, bound) {
            close_elsewhere(vec![other.fd]);
        }
    }

    /// Each socket at which requests come, under the name by which it was asked for.
    pub(super) fn told(&self, terms: Option<&Terms>) -> Vec<(Protocol, String, BorrowedFd<'_>)> {
        let Some(terms) = terms else {
            return Vec::new();
        };
        let wanted = numbered(terms.addresses());
        let spoken = terms.listening().map(|(protocol, _)| protocol).zip(wanted);
        let bound = spoken.filter_map(|(protocol, wanted)| {
            let bound = self.bound.get(&wanted)?;
            Some((protocol, bound.address.to_string(), bound.fd.as_fd()))
        });
        bound
            .filter(|(protocol, ..)| *protocol != Protocol::Stats)
            .collect()
    }

    /// For the next emperor.
    pub(super) fn records(&self) -> Vec<SocketRecord> {
        self.bound
            .iter()
            .map(|(wanted, bound)| record_of(wanted, bound))
            .collect()
    }

    /// For the program that this process becomes.
    pub(super) fn hand_down(&mut self) -> Vec<(SocketRecord, OwnedFd)> {
        std::mem::take(&mut self.bound)
            .into_iter()
            .map(|(wanted, bound)| (record_of(&wanted, &bound), bound.fd))
            .collect()
    }

    /// For `status`. What is spoken at a socket is a matter of the generation that serves it.
    pub(super) fn status(&self, terms: Option<&Terms>) -> Vec<SocketStatus> {
        let mut spoken: Vec<(Wanted, Protocol)> = Vec::new();
        if let Some(terms) = terms {
            let protocols = terms.listening().map(|(protocol, _)| protocol);
            spoken.extend(numbered(terms.addresses()).into_iter().zip(protocols));
        }
        // One socket may be bound under two names, of which only one is spoken of.
        let mut addresses: BTreeMap<&Address, Option<Protocol>> = BTreeMap::new();
        for (wanted, bound) in &self.bound {
            let found = spoken.iter().find(|(known, _)| known == wanted);
            let protocol = addresses.entry(&bound.address).or_default();
            *protocol = protocol.or(found.map(|(_, protocol)| *protocol));
        }
        let sockets = addresses
            .into_iter()
            .map(|(address, protocol)| SocketStatus {
                protocol: protocol.unwrap_or(Protocol::Http).name().to_owned(),
                address: address.to_string(),
            });
        sockets.collect()
    }

    /// Whether this vassal listens there.
    pub(super) fn has(&self, address: &Address) -> bool {
        self.bound
            .iter()
            .any(|((wanted, _), bound)| wanted == address || bound.address == *address)
    }
}

fn record_of(wanted: &Wanted, bound: &Bound) -> SocketRecord {
    SocketRecord {
        wanted: wanted.clone(),
        address: bound.address.clone(),
        owner: bound.owner,
        mode: bound.mode,
        file: bound.file,
    }
}

fn numbered<'a>(addresses: impl Iterator<Item = &'a Address>) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    for address in addresses {
        let earlier = wanted.iter().filter(|(other, _)| other == address).count();
        wanted.push((address.clone(), earlier));
    }
    wanted
}

/// Sockets that are nobody's, until every vassal that waits for its start has had the chance to take
/// them over: a vassal has let go of them, and a file that is renamed keeps its socket; or the service
/// manager gave them back.
#[derive(Debug, Default)]
pub(super) struct Orphans(Vec<Orphan>);

#[derive(Debug)]
struct Orphan {
    /// As the file asks for it.
    address: Address,
    bound: Bound,
    /// One that came back waits so long at least: a master that still serves it may not have been
    /// found yet, and a file may just be being mended.
    until: Option<Instant>,
}

impl Orphans {
    /// Sockets that came back, and how long they wait at least.
    pub(super) fn returned(sockets: Vec<Bound>, until: Instant) -> Self {
        let orphans = sockets.into_iter().map(|bound| Orphan {
            address: bound.address.clone(),
            bound,
            until: Some(until),
        });
        Self(orphans.collect())
    }

    /// Whether a socket of this address waits.
    pub(super) fn has(&self, address: &Address) -> bool {
        self.0.iter().any(|orphan| orphan.address == *address)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Only for the same user: processes of the vassal before may still hold the socket. One that came
    /// back for another user is in the way.
    fn take(&mut self, address: &Address, owner: Owner) -> Option<Bound> {
        let at = |orphan: &Orphan| orphan.address == *address;
        let is_wanted = |orphan: &Orphan| at(orphan) && orphan.bound.owner == owner;
        if let Some(place) = self.0.iter().position(is_wanted) {
            return Some(self.0.swap_remove(place).bound);
        }
        let is_in_the_way = |orphan: &Orphan| at(orphan) && orphan.until.is_some();
        if let Some(place) = self.0.iter().position(is_in_the_way) {
            self.0.swap_remove(place).bound.close();
        }
        None
    }

    /// If a socket that a vassal has came back as well, the copy is let go of, and the vassal's own is
    /// the one that the service manager keeps.
    pub(super) fn reclaim(&mut self, bound: &mut Bound) -> bool {
        let is_same =
            |orphan: &Orphan| orphan.until.is_some() && is_same_socket(&orphan.bound, bound);
        let Some(place) = self.0.iter().position(is_same) else {
            return false;
        };
        let copy = self.0.swap_remove(place).bound;
        bound.kept = copy.kept;
        // Not the last descriptor of it, and no file is removed.
        drop(copy.fd);
        true
    }

    /// Closes what nobody took; without a time, also what was to wait longer.
    pub(super) fn close(&mut self, now: Option<Instant>) {
        let is_over = |orphan: &mut Orphan| match (orphan.until, now) {
            (Some(until), Some(now)) => until <= now,
            (None, _) | (_, None) => true,
        };
        for orphan in self.0.extract_if(.., is_over) {
            orphan.bound.close();
        }
    }

    /// When [`Orphans::close`] has something to do at the latest.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.0.iter().filter_map(|orphan| orphan.until).min()
    }
}

/// Whether two descriptors are of one socket: each has an inode of its own (`stat(2)`).
fn is_same_socket(one: &Bound, other: &Bound) -> bool {
    let identity = |bound: &Bound| {
        let status = rustix::fs::fstat(&bound.fd).ok()?;
        Some((status.st_dev, status.st_ino))
    };
    identity(one).is_some() && identity(one) == identity(other)
}
