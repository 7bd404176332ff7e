//! One websocket on its connection: bytes between the socket and the protocol's machine, messages that
//! wait for the app, and the time that the client has.
//!
//! It holds no socket, so that an app which keeps it longer than its client stays keeps no descriptor.

use std::collections::VecDeque;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Buf as _, Bytes, BytesMut};

use super::exchange::SocketMessage;
use super::http::{Socket, Switched};
use super::websocket::{CloseError, Closed, Due, Event, Limits, Timers, Upgrade, WebSocket};

/// When so much waits for the app, no more is read from the client.
const WAITING_LIMIT_BYTES: usize = 64 * 1024;
/// What a message weighs beside its bytes, so that empty ones cannot pile up either.
const MESSAGE_WEIGHT_BYTES: usize = 1024;
/// When more waits to be sent, the app waits.
const OUTPUT_LIMIT_BYTES: usize = 64 * 1024;
/// A client that sends as fast as we read must not keep all others waiting.
const READS_A_TURN: u32 = 16;
/// Close code: the service restarts (IANA's registry of websocket close codes).
pub(super) const RESTART: u16 = 1012;

/// One websocket.
#[derive(Debug)]
pub(super) struct Talk {
    machine: WebSocket,
    timers: Timers,
    /// What is left of the 101.
    head: Bytes,
    /// Read, and not looked at, because the app is behind.
    unread: BytesMut,
    waiting: VecDeque<SocketMessage>,
    waiting_bytes: usize,
    /// How it ended for the app: close code and reason.
    end: Option<(u16, String)>,
    /// The connection ended or broke.
    is_broken: bool,
    /// Everything is said, and the connection is being closed.
    is_done: bool,
    /// The app waits until it may send more.
    is_room_wanted: bool,
    /// Since when the client has taken nothing of what is to be sent.
    blocked: Option<Instant>,
    /// How long it may.
    patience: Duration,
}

/// What is to be done with the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Wait for the socket, and for that moment.
    Wait(Option<Instant>),
    /// Both sides have said everything: let the client close first, or soon.
    Linger,
    /// Close it.
    Over,
}

impl Talk {
    pub(super) fn new(
        upgrade: &Upgrade,
        limits: &Limits,
        patience: Duration,
        switched: Switched,
        now: Instant,
    ) -> Self {
        Self {
            machine: WebSocket::new(upgrade, limits),
            timers: Timers::new(limits, now),
            head: switched.head,
            unread: switched.early,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            end: None,
            is_broken: false,
            is_done: false,
            is_room_wanted: false,
            blocked: None,
            patience,
        }
    }

    /// Goes as far as the socket and the app allow.
    pub(super) fn advance(&mut self, socket: &Socket, is_draining: bool, now: Instant) -> Step {
        if is_draining {
            let _closes_already = self.machine.close(Some(RESTART), "");
        }
        self.pump(socket, now);
        let step = self.step(socket, now);
        self.is_done = !matches!(step, Step::Wait(_));
        step
    }

    fn pump(&mut self, socket: &Socket, now: Instant) {
        for _ in 0..READS_A_TURN {
            self.flush(socket, now);
            if !self.is_reading() {
                return;
            }
            if !self.unread.is_empty() {
                let mut unread = std::mem::take(&mut self.unread);
                let taken = self.digest(&mut unread);
                unread.advance(taken);
                if !unread.is_empty() {
                    self.unread = unread;
                }
                continue;
            }
            let read = socket.read_raw(|bytes| {
                let taken = self.digest(bytes);
                let rest = bytes.get(taken..).unwrap_or_default();
                self.unread.extend_from_slice(rest);
                bytes.len()
            });
            match read {
                Poll::Pending => return,
                Poll::Ready(Ok(0) | Err(_)) => return self.break_off(),
                Poll::Ready(Ok(_)) => self.timers.heard(now),
            }
        }
        socket.give_way();
    }

    /// Whether what the client sends is looked at.
    fn is_reading(&self) -> bool {
        let has_room = self.waiting_bytes < WAITING_LIMIT_BYTES;
        // Once we have closed, only the client's own end is waited for.
        let is_open = has_room || !self.machine.is_open();
        !self.is_broken && !self.machine.is_closed() && is_open
    }

    /// Looks at bytes as long as the app keeps up; says how many it took.
    fn digest(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() && self.is_reading() {
            let rest = bytes.get_mut(at..).unwrap_or_default();
            let (taken, event) = self.machine.receive(rest);
            at += taken;
            match event {
                None | Some(Event::Ping | Event::Pong) => {}
                Some(Event::Text(text)) => self.keep(text.len(), SocketMessage::Text(text)),
                Some(Event::Binary(bytes)) => self.keep(bytes.len(), SocketMessage::Binary(bytes)),
                Some(Event::Closed { code, reason }) => self.end_with(code, reason),
                Some(Event::Failed(violation)) => {
                    self.end_with(self.machine.close_code(), violation.to_string());
                }
            }
        }
        if self.machine.is_closed() {
            return bytes.len();
        }
        at
    }

    fn keep(&mut self, length: usize, message: SocketMessage) {
        self.waiting_bytes += length + MESSAGE_WEIGHT_BYTES;
        self.waiting.push_back(message);
    }

    /// The first end counts.
    fn end_with(&mut self, code: u16, reason: String) {
        self.end.get_or_insert((code, reason));
    }

    /// The connection is gone.
    pub(super) fn break_off(&mut self) {
        self.is_broken = true;
        self.end_with(self.machine.close_code(), String::new());
    }

    fn flush(&mut self, socket: &Socket, now: Instant) {
        while !self.is_broken {
            let is_head = !self.head.is_empty();
            let output = if is_head {
                &*self.head
            } else {
                self.machine.output()
            };
            let is_last = output.is_empty();
            let written = if is_last {
                socket.flush_raw().map_ok(|()| 0)
            } else {
                socket.write_raw(output)
            };
            match written {
                Poll::Pending => {
                    self.blocked.get_or_insert(now);
                    return;
                }
                Poll::Ready(Err(_)) => self.break_off(),
                Poll::Ready(Ok(count)) => {
                    self.blocked = None;
                    if is_last {
                        return;
                    }
                    if is_head {
                        self.head.advance(count);
                    } else {
                        self.machine.sent(count);
                    }
                }
            }
        }
    }

    fn step(&mut self, socket: &Socket, now: Instant) -> Step {
        loop {
            if self.is_broken {
                return Step::Over;
            }
            if !self.machine.is_open() {
                self.timers.closing(now);
            }
            if self.machine.is_closed() && self.blocked.is_none() {
                return Step::Linger;
            }
            let is_reading = self.is_reading();
            match self.timers.due(now, is_reading) {
                Due::Nothing(due) => {
                    let stalled = self.blocked.map(|since| since + self.patience);
                    if stalled.is_none_or(|stalled| stalled > now) {
                        return Step::Wait(due.into_iter().chain(stalled).min());
                    }
                    self.break_off();
                }
                Due::Ping => self.machine.ping(),
                Due::Lost => {
                    self.machine.give_up();
                    self.end_with(self.machine.close_code(), "no answer to a ping".to_owned());
                }
                Due::Abandon => self.break_off(),
            }
            self.flush(socket, now);
        }
    }

    /// Whether there is something for an app that waits.
    pub(super) fn has_news(&self) -> bool {
        !self.waiting.is_empty() || self.end.is_some() || self.is_room_wanted && self.has_room()
    }

    /// The next message, or the end.
    pub(super) fn next(&mut self, now: Instant) -> Option<SocketMessage> {
        let was_reading = self.is_reading();
        if let Some(message) = self.waiting.pop_front() {
            let length = match &message {
                SocketMessage::Text(text) => text.len(),
                SocketMessage::Binary(bytes) => bytes.len(),
                SocketMessage::End { .. } => 0,
            };
            self.waiting_bytes -= length + MESSAGE_WEIGHT_BYTES;
            if !was_reading {
                // The silence was ours.
                self.timers.heard(now);
            }
            return Some(message);
        }
        let (code, reason) = self.end.clone()?;
        Some(SocketMessage::End { code, reason })
    }

    pub(super) fn put_text(&mut self, text: &str) -> Result<(), Closed> {
        self.check()?;
        self.machine.send_text(text)
    }

    pub(super) fn put_binary(&mut self, bytes: &[u8]) -> Result<(), Closed> {
        self.check()?;
        self.machine.send_binary(bytes)
    }

    fn check(&self) -> Result<(), Closed> {
        if self.is_broken { Err(Closed) } else { Ok(()) }
    }

    pub(super) fn close(&mut self, code: u16, reason: &str) -> Result<(), CloseError> {
        self.machine.close(Some(code), reason)
    }

    fn has_room(&self) -> bool {
        self.machine.output().len() <= OUTPUT_LIMIT_BYTES
    }

    /// Whether the app may send more.
    pub(super) fn poll_room(&mut self) -> Poll<Result<(), Closed>> {
        let has_room = self.has_room();
        self.is_room_wanted = !has_room;
        match (has_room, self.is_broken) {
            (true, _) => Poll::Ready(Ok(())),
            (false, true) => Poll::Ready(Err(Closed)),
            (false, false) => Poll::Pending,
        }
    }

    /// Whether nothing more goes either way.
    pub(super) fn is_over(&self) -> bool {
        self.is_broken || self.is_done
    }
}
