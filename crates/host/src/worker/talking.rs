//! A websocket as an ASGI app meets it: the request that asks for one, and what the app does with it.

use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Instant;

use bytes::Bytes;

use super::connection::Connection;
use super::exchange::{
    ExchangeError, LiveSocket, Outcome, Report, ResponseHead, SocketError, SocketMessage,
};
use super::http::Arrived;
use super::ongoing::Ongoing;
use super::reactor::Reactor;
use super::sync::lock;
use super::talk::Talk;
use super::websocket::{CloseError, Closed, Refusal, Upgrade};

impl Reactor {
    /// Whether a request asks for a websocket.
    pub(super) fn upgrade(
        &self,
        request: &Arrived,
        is_http_10: bool,
        method: &str,
    ) -> Result<Option<Upgrade>, Refusal> {
        if is_http_10 || request.field("upgrade").is_none() {
            return Ok(None);
        }
        Upgrade::read(method, request.fields(), &self.websockets)
    }
}

/// The answer to a request that asks for one wrongly.
pub(super) fn refused(refusal: Refusal) -> Report {
    let body = Bytes::from(format!("{refusal}\n"));
    let fixed = [("content-type", "text/plain; charset=utf-8")];
    let fields = fixed.iter().chain(refusal.fields());
    let head = ResponseHead {
        status: refusal.status(),
        fields: fields
            .map(|(name, value)| (name.as_bytes().into(), value.as_bytes().into()))
            .collect(),
        ..ResponseHead::default()
    };
    Report {
        status: head.status,
        body_bytes: body.len() as u64,
        outcome: Outcome::Answer(head, body),
        is_error: false,
    }
}

impl Ongoing {
    fn talk(&self) -> Result<&Arc<Mutex<Talk>>, ExchangeError> {
        self.talk.get().ok_or(ExchangeError::Gone)
    }

    /// What was laid down goes out, and more is read where there is room now.
    fn go_on(&self) {
        if let Some(connection) = self.connection() {
            self.reactor.go_on_with(&connection);
        }
    }

    fn put(
        &self,
        lay_down: impl FnOnce(&mut Talk) -> Result<(), Closed>,
    ) -> Result<(), ExchangeError> {
        let laid = lay_down(&mut lock(self.talk()?));
        laid.map_err(|Closed| ExchangeError::Gone)?;
        self.go_on();
        Ok(())
    }

    fn begin_talk(
        &self,
        connection: &Connection,
        upgrade: &Upgrade,
        fields: &[(Bytes, Bytes)],
    ) -> Result<(), ExchangeError> {
        let mut state = lock(&connection.state);
        let switched = state.driver.switch(fields).ok_or(ExchangeError::Gone)?;
        let limits = &self.reactor.websockets;
        let patience = connection.shared.wire.socket_timeout;
        let talk = Talk::new(upgrade, limits, patience, switched, Instant::now());
        let talk = Arc::new(Mutex::new(talk));
        state.talk = Some(Arc::clone(&talk));
        let _set_once = self.talk.set(talk);
        Ok(())
    }
}

impl LiveSocket for Ongoing {
    fn accept(
        &self,
        subprotocol: Option<&str>,
        fields: &[(Bytes, Bytes)],
    ) -> Result<(), SocketError> {
        let upgrade = self.upgrade.as_ref().ok_or(ExchangeError::Gone)?;
        let given = fields.iter().map(|(name, value)| (&**name, &**value));
        let fields = upgrade.accept(subprotocol, given)?;
        let connection = self.connection().ok_or(ExchangeError::Gone)?;
        self.begin_talk(&connection, upgrade, &fields)?;
        // A websocket has all time.
        if !self.leave_place() {
            connection.set_record(None);
        }
        self.reactor.go_on_with(&connection);
        Ok(())
    }

    fn poll_message(&self) -> Poll<SocketMessage> {
        let Ok(talk) = self.talk() else {
            return Poll::Pending;
        };
        let first = lock(talk).next(Instant::now());
        // Also behind a message: pings of the client are answered while the app works on it.
        self.go_on();
        let message = first.or_else(|| lock(talk).next(Instant::now()));
        message.map_or(Poll::Pending, Poll::Ready)
    }

    fn put_text(&self, text: &str) -> Result<(), ExchangeError> {
        self.put(|talk| talk.put_text(text))
    }

    fn put_binary(&self, bytes: &[u8]) -> Result<(), ExchangeError> {
        self.put(|talk| talk.put_binary(bytes))
    }

    fn poll_room(&self) -> Poll<Result<(), ExchangeError>> {
        let room = lock(self.talk()?).poll_room();
        room.map_err(|Closed| ExchangeError::Gone)
    }

    fn close(&self, code: u16, reason: &str) -> Result<(), CloseError> {
        let talk = self.talk().map_err(|_gone| CloseError::Closed)?;
        let closed = lock(talk).close(code, reason);
        self.go_on();
        closed
    }

    fn is_over(&self) -> bool {
        self.talk().is_ok_and(|talk| lock(talk).is_over())
    }
}
