//! Heads that are refused: what the client and the log of requests are told.

use super::{Connection, State};
use crate::worker::introduce::Reception;

impl Connection {
    /// Refuses what the client has sent, after which the connection is over.
    pub(super) fn refuse(&self, state: &mut State, status: u16) {
        let name = self.reception().and_then(Reception::name_anew);
        let name = name.as_ref().map(|(field, id)| (*field, id.as_str()));
        let refused = state.driver.refuse(status, name);
        if let Some(refused) = refused {
            let log = &self.shared.request_log;
            let is_secure = self.socket.is_tls();
            log.tell_refused(&refused, self.visitor().peer(), is_secure, name);
        }
    }
}
