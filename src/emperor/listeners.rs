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
    /// Binds what the configuration asks for and is not bound yet. What is bound stays as it is.
    pub(super) fn bind(&mut self, config: &VassalConfig, owner: Owner) -> Result<bool, BindError> {
        let mut new = Vec::new();
        for address in &config.http {
            if self.bound.contains_key(address) || new.iter().any(|(known, _)| known == address) {
                continue;
            }
            new.push((address.clone(), bind(address, config, owner)?));
        }
        if !new.is_empty() {
            warn_of_cap(config.listen);
        }
        let is_changed = !new.is_empty();
        self.bound.extend(new);
        Ok(is_changed)
    }

    /// Closes what `config` does not ask for; everything without one.
    pub(super) fn release(&mut self, config: Option<&VassalConfig>) {
        self.bound.retain(|address, bound| {
            let is_kept = config.is_some_and(|config| config.http.contains(address));
            if !is_kept {
                bound.remove_file();
            }
            is_kept
        });
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
