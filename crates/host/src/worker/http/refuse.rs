//! Requests that no app hears of: refused past hyper, which waits between two requests or for the
//! rest of a body.

use std::pin::Pin;
use std::task::Context;

use hyper::rt::Write;

use super::driver::{Driver, Machine};
use super::head;

/// Most that is kept of what was refused.
const FIRST_LINE_LIMIT_BYTES: usize = 1024;

/// What the log of requests is told.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) head_bytes: u64,
    pub(crate) body_bytes: u64,
    /// The beginning of what came, which nobody has found to be right.
    pub(crate) beginning: Vec<u8>,
}

impl Driver {
    /// Answers past hyper and ends the connection. `None` if there is none to answer on.
    pub(crate) fn refuse(&mut self, status: u16, mark: Option<(&str, &str)>) -> Option<Refused> {
        let hyper = match self.machine.take() {
            Some(Machine::One(hyper)) => hyper,
            other => {
                self.machine = other;
                self.cut();
                return None;
            }
        };
        let mut stream = hyper.into_parts().io;
        let mut cx = Context::from_waker(&self.waker);
        let (answer, body_bytes) = head::refusal(status, mark);
        // A client that does not take these few bytes is gone or not waiting for them.
        let _untaken = Pin::new(&mut stream).poll_write(&mut cx, &answer);
        let _gone = Pin::new(&mut stream).poll_shutdown(&mut cx);
        self.is_unread = true;
        let beginning = match self.gathering.take() {
            // The head was right, and its body has not come.
            Some(gathering) => {
                let (parts, _) = gathering.into_request();
                format!("{} {} {:?}", parts.method, parts.uri, parts.version).into_bytes()
            }
            None => stream.1.begun().to_vec(),
        };
        Some(Refused {
            status,
            head_bytes: answer.len() as u64 - body_bytes,
            body_bytes,
            beginning: beginning.into_iter().take(FIRST_LINE_LIMIT_BYTES).collect(),
        })
    }

    /// The client took too long. It is to be told so, with the status that this gives, if a part of a
    /// request has come and nothing is on its way back; one that was just idle is not.
    pub(crate) fn time_out(&mut self) -> Option<u16> {
        if self.is_many() {
            // Says farewell, if the client takes that.
            self.leave();
            let _open = self.pump();
            return None;
        }
        let has_part =
            self.gathering.is_some() || !self.is_in_request && self.socket.is_head_in_part();
        (has_part && !self.socket.is_write_blocked()).then_some(408)
    }
}
