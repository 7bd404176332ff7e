//! The gate on the wire: what has arrived is looked at here before hyper sees it.
//!
//! hyper is liberal where RFC 9112 lets it be (bare LF as the end of a line, a length beside chunks,
//! a length said twice), which is how requests are smuggled past a proxy that reads them otherwise;
//! and what it refuses, it answers in its own way. So the gate reads the same bytes by the strictest
//! reading of the grammar, a head only when all of it is there, and passes nothing on that it does
//! not accept. A head that has come whole, which is nearly every one, is not copied.
//!
//! Depends on nothing.

mod bytes;
mod chunks;
mod fields;
mod head;
pub(super) mod target;

use self::chunks::{Chunks, Looked};
use self::fields::Framing;
use self::head::Head;

/// Room for heads in part that is kept once they are through.
const KEPT_BYTES: usize = 4096;

/// One connection's gate.
#[derive(Debug)]
pub(crate) struct Gate {
    head_limit_bytes: usize,
    state: State,
    /// What arrived while a head was not yet whole.
    held: Vec<u8>,
    /// So much of `held` may pass, and so much of that has.
    passable: usize,
    passed: usize,
    /// Heads that were let through.
    heads: u32,
}

/// What comes next.
#[derive(Debug)]
enum State {
    Head(Head),
    Length(u64),
    Chunks(Chunks),
    Refused(Refusal),
}

/// Why nothing passes any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What to answer.
    pub(crate) status: u16,
    /// How many heads were let through before.
    pub(crate) heads: u32,
    /// It is the body of the last of them, and not the head of another.
    pub(crate) is_body: bool,
}

impl Gate {
    pub(crate) fn new(head_limit_bytes: usize) -> Self {
        Self {
            head_limit_bytes,
            state: State::Head(Head::default()),
            held: Vec::new(),
            passable: 0,
            passed: 0,
            heads: 0,
        }
    }

    /// Takes what was read; gives what of it may pass at once. The rest may come by [`Self::ready`].
    pub(crate) fn take<'a>(&mut self, read: &'a mut [u8]) -> &'a [u8] {
        if self.held.is_empty() {
            let passable = self.look(read);
            let (through, rest) = read.split_at_checked(passable).unwrap_or_default();
            self.held.extend_from_slice(rest);
            return through;
        }
        self.held.extend_from_slice(read);
        let mut held = std::mem::take(&mut self.held);
        self.passable = self.look(&mut held);
        self.held = held;
        &[]
    }

    /// What was held and may pass now.
    pub(crate) fn ready(&self) -> &[u8] {
        self.held
            .get(self.passed..self.passable)
            .unwrap_or_default()
    }

    /// So much of what is ready has passed.
    pub(crate) fn pass(&mut self, count: usize) {
        self.passed += count;
        if self.passed >= self.passable {
            self.held.drain(..self.passable);
            (self.passed, self.passable) = (0, 0);
            if self.held.is_empty() {
                self.held.shrink_to(KEPT_BYTES);
            }
        }
    }

    /// What has not passed, for who speaks something else than HTTP from now on. What was refused is
    /// among it: no more than one read.
    pub(crate) fn into_rest(mut self) -> Vec<u8> {
        self.held.drain(..self.passed.min(self.held.len()));
        self.held
    }

    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self.state {
            State::Refused(refusal) => Some(refusal),
            State::Head(_) | State::Length(_) | State::Chunks(_) => None,
        }
    }

    /// Whether a head has begun and is not whole. An empty line is not a beginning.
    pub(crate) fn is_head_in_part(&self) -> bool {
        let begun = self.begun();
        matches!(self.state, State::Head(_)) && !begun.is_empty() && begun != b"\r\n"
    }

    /// What has come of a head that is not whole, or was refused.
    pub(crate) fn begun(&self) -> &[u8] {
        self.held.get(self.passable..).unwrap_or_default()
    }

    /// Looks at bytes that follow what has passed; gives how many of them may pass.
    fn look(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = bytes.get_mut(at..).unwrap_or_default();
            match &mut self.state {
                State::Head(head) => match head.look(rest, self.head_limit_bytes) {
                    Ok(None) => return at,
                    Ok(Some((length, framing))) => {
                        self.heads = self.heads.wrapping_add(1);
                        self.state = State::after(framing);
                        at += length;
                    }
                    Err(status) => return self.refuse(status, false, at),
                },
                State::Length(left) => {
                    let part = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= part as u64;
                    at += part;
                    if *left == 0 {
                        self.state = State::Head(Head::default());
                    }
                }
                State::Chunks(chunks) => match chunks.look(rest, self.head_limit_bytes) {
                    Looked::More => return bytes.len(),
                    Looked::End(length) => {
                        self.state = State::Head(Head::default());
                        at += length;
                    }
                    Looked::Broken(length) => return self.refuse(400, true, at + length),
                },
                State::Refused(_) => return at,
            }
        }
        at
    }

    fn refuse(&mut self, status: u16, is_body: bool, passable: usize) -> usize {
        self.state = State::Refused(Refusal {
            status,
            heads: self.heads,
            is_body,
        });
        passable
    }
}

impl State {
    fn after(framing: Framing) -> Self {
        match framing {
            Framing::Length(0) => Self::Head(Head::default()),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunks(Chunks::default()),
        }
    }
}

#[cfg(test)]
mod tests;
