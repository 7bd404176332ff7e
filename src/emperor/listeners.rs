//! The listening sockets of a vassal: bound by the emperor, outliving every process behind them.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};

use lictor_core::config::{Address, VassalConfig};
use lictor_core::ipc::HandoverListener;
use lictor_core::observe::SocketStatus;

use super::bind::{BindError, Bound, Owner, bind, warn_of_cap};

/// The sockets of one vassal, by the address that its file asks for.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    bound: BTreeMap<Address, Bound>,
}

impl Listeners {
    /// Binds what the configuration asks for and is not bound yet. What is bound stays as it is;
    /// what another vassal of the same user has just let go of is taken over.
    pub(super) fn bind(
        &mut self,
        config: &VassalConfig,
        owner: Owner,
        orphans: &mut Orphans,
    ) -> Result<bool, BindError> {
        let mut new = BTreeMap::new();
        for address in &config.http {
            if self.bound.contains_key(address) || new.contains_key(address) {
                continue;
            }
            let bound = match orphans.take(address, owner) {
                Some(bound) => bound,
                None => bind(address, config, owner)?,
            };
            new.insert(address.clone(), bound);
        }
        if !new.is_empty() {
            warn_of_cap(config.listen);
        }
        let is_changed = !new.is_empty();
        self.bound.extend(new);
        Ok(is_changed)
    }

    /// Lets go of what `config` does not ask for; of everything without one.
    pub(super) fn release(&mut self, config: Option<&VassalConfig>, orphans: &mut Orphans) {
        let is_unneeded =
            |address: &Address| config.is_none_or(|config| !config.http.contains(address));
        orphans
            .0
            .extend(self.bound.extract_if(.., |address, _| is_unneeded(address)));
    }

    /// What a new master is given, in the order of the configuration.
    pub(super) fn handover(
        &self,
        config: &VassalConfig,
    ) -> (Vec<HandoverListener>, Vec<BorrowedFd<'_>>) {
        let bound = config
            .http
            .iter()
            .filter_map(|address| self.bound.get(address));
        bound
            .map(|bound| {
                let listener = HandoverListener {
                    protocol: "http".to_owned(),
                    address: bound.address.clone(),
                    fd: None,
                };
                (listener, bound.fd.as_fd())
            })
            .unzip()
    }

    /// For `status`.
    pub(super) fn status(&self) -> Vec<SocketStatus> {
        let sockets = self.bound.values().map(|bound| SocketStatus {
            protocol: "http".to_owned(),
            address: bound.address.to_string(),
        });
        sockets.collect()
    }

    /// Whether this vassal listens there.
    pub(super) fn has(&self, address: &Address) -> bool {
        self.bound.contains_key(address)
            || self.bound.values().any(|bound| bound.address == *address)
    }
}

/// Sockets that a vassal has let go of, until every vassal that waits for its start has had the
/// chance to take them over: a file that is renamed keeps its socket.
#[derive(Debug, Default)]
pub(super) struct Orphans(Vec<(Address, Bound)>);

impl Orphans {
    /// Only for the same user: processes of the vassal before may still hold the socket.
    fn take(&mut self, address: &Address, owner: Owner) -> Option<Bound> {
        let is_wanted =
            |(known, bound): &(Address, Bound)| known == address && bound.owner == owner;
        let place = self.0.iter().position(is_wanted)?;
        Some(self.0.swap_remove(place).1)
    }

    /// Closes what nobody took.
    pub(super) fn close(&mut self) {
        for (_, bound) in self.0.drain(..) {
            bound.close();
        }
    }
}
