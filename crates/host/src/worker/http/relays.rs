//! The driver of a connection over which a web server hands requests on.

use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use http::Request;

use super::driver::{Driver, Machine, Progress};
use super::head::{self, Arrived, ArrivedBody};
use super::refuse::Refused;
use super::relay::{Relay, Relayed};
use super::relay_complaints::tell_ignored;
use super::relayed::parts_of;
use super::settings::DriverSettings;
use super::socket::Socket;
use crate::worker::exchange::ExchangeError;
use crate::worker::gateway::Language;

impl Driver {
    /// A connection of a web server that speaks this.
    pub(crate) fn relaying(
        socket: Arc<Socket>,
        settings: &Arc<DriverSettings>,
        language: Language,
    ) -> Self {
        let relay = Relay::new(language, settings.head_limit, settings.body_limit);
        let machine = Machine::Relay(Box::new(relay));
        Self::over(machine, Arc::default(), socket, settings)
    }

    /// Goes as far as the socket allows, up to the next request.
    pub(super) fn advance_relay(&mut self) -> Progress {
        let is_open = self.pump();
        let Some(Machine::Relay(relay)) = &mut self.machine else {
            return Progress::Closed;
        };
        self.socket.set_head_in_part(relay.is_in_part());
        let refusal = relay.refusal();
        let relayed = if self.is_in_request {
            None
        } else {
            relay.arrival()
        };
        if let Some(relayed) = relayed {
            return Progress::Request(self.admit_relayed(relayed));
        }
        match refusal {
            Some(refusal) if !self.is_in_request => Progress::Refused(refusal.status()),
            _ if is_open => Progress::Waiting,
            _ => Progress::Closed,
        }
    }

    fn admit_relayed(&mut self, relayed: Relayed) -> Arrived {
        let is_too_large = self.body_limit.is_some_and(|most| relayed.length > most);
        tell_ignored(&relayed.variables);
        let (parts, refused) = match parts_of(relayed.variables) {
            Ok(parts) => (parts, is_too_large.then_some(413)),
            Err(status) => (Request::new(()).into_parts().0, Some(status)),
        };
        self.begin_request(&parts);
        let body = match (refused, relayed.body) {
            (Some(status), _) => ArrivedBody::Refused(status),
            (None, Some(body)) => ArrivedBody::Whole(body),
            (None, None) => ArrivedBody::Streamed,
        };
        Arrived { parts, body }
    }

    /// A piece of the body, which the limits allow already: its length was declared.
    pub(super) fn hear_piece(
        &mut self,
        piece: Poll<Result<Option<Bytes>, ()>>,
    ) -> Poll<Result<Option<Bytes>, ExchangeError>> {
        piece.map(|piece| {
            match &piece {
                Ok(piece) => self.body_bytes += piece.as_ref().map_or(0, Bytes::len) as u64,
                Err(()) => self.body_error = Some(ExchangeError::Gone),
            }
            piece.map_err(|()| ExchangeError::Gone)
        })
    }

    /// Answers a web server whose request no app hears of.
    pub(super) fn refuse_relayed(
        &mut self,
        mut relay: Box<Relay>,
        status: u16,
        mark: Option<(&str, &str)>,
    ) -> Refused {
        let (head, body) = head::plain(status);
        let length = body.len().to_string();
        let mut fields = vec![
            ("content-type", "text/plain; charset=utf-8"),
            ("content-length", &*length),
        ];
        fields.extend(mark);
        let goes_on = relay.refuse(&fields, status, &head.reason, body.clone());
        self.machine = Some(Machine::Relay(relay));
        let before = self.socket.bytes_written();
        let is_open = self.pump();
        if !goes_on || !is_open {
            self.machine = None;
            self.is_unread = true;
        }
        let sent = self.socket.bytes_written() - before;
        Refused {
            status,
            head_bytes: sent.saturating_sub(body.len() as u64),
            body_bytes: body.len() as u64,
            beginning: Vec::new(),
        }
    }
}
