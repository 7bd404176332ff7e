//! A connection over which a web server hands requests on: `gateway` in place of hyper's machines.
//!
//! One request at a time is taken in as far as somebody wants it, and its answer goes out as far as
//! the socket takes it. What is read ahead of the app, and laid out ahead of the socket, is bounded.

mod out;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};

use self::out::Answer;
use super::body::GATHER_LIMIT_BYTES;
use super::relay_complaints::tell_refused;
use super::socket::Socket;
use super::station::Station;
use crate::worker::gateway::{Event, Language, Reader, Refusal, Variables};

/// Most that is passed over for the sake of the connection.
const PASSED_OVER_BYTES: u64 = 16 * 1024 * 1024;

/// A request as it came: its variables, and its body if that is all there.
pub(super) struct Relayed {
    pub(super) variables: Variables,
    pub(super) length: u64,
    /// `None` where it comes by [`Relay::poll_body`].
    pub(super) body: Option<Bytes>,
}

/// How far the request in progress has come.
#[derive(Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Its variables have not come yet.
    #[default]
    Variables,
    /// Its small body is gathered before anybody hears of it.
    Gathering,
    /// Its body comes as it is wanted.
    Body,
    /// All of it is here.
    Whole,
    /// Its answer is complete, and what is left of its body passed over, so much so far: a web
    /// server that keeps the connection sends the next request behind it.
    Over(u64),
}

/// The state of one such connection.
#[derive(Debug)]
pub(super) struct Relay {
    language: Language,
    reader: Reader,
    /// Largest body that is gathered.
    gather_limit: u64,
    stage: Stage,
    arrived: Option<(Variables, u64)>,
    pieces: VecDeque<Bytes>,
    answer: Option<Answer>,
    out: VecDeque<Bytes>,
    /// Why nothing more is read.
    refusal: Option<Refusal>,
    is_refusal_told: bool,
    /// The web server has closed its side, or taken the request back.
    is_gone: bool,
    /// The connection ends once everything is sent.
    is_ending: bool,
}

/// The answer cannot be completed.
#[derive(Debug)]
pub(super) struct Cut;

impl Relay {
    pub(super) fn new(language: Language, head_limit: usize, body_limit: Option<u64>) -> Self {
        Self {
            language,
            reader: Reader::new(language, head_limit),
            gather_limit: body_limit
                .map_or(GATHER_LIMIT_BYTES, |most| most.min(GATHER_LIMIT_BYTES)),
            stage: Stage::default(),
            arrived: None,
            pieces: VecDeque::new(),
            answer: None,
            out: VecDeque::new(),
            refusal: None,
            is_refusal_told: false,
            is_gone: false,
            is_ending: false,
        }
    }

    /// Reads, lays out and sends until the socket, the app or the web server has to go on. Whether
    /// the connection is still open.
    pub(super) fn pump(
        &mut self,
        socket: &Socket,
        station: &Mutex<Station>,
        cx: &mut Context<'_>,
    ) -> Result<bool, Cut> {
        loop {
            self.send(socket).map_err(|_gone| Cut)?;
            let has_laid_out = self.lay_out(station, cx)?;
            let has_taken_in = self.take_in(socket);
            if has_taken_in {
                // Whoever reads the body, and asked before.
                cx.waker().wake_by_ref();
            }
            if self.is_ending && self.out.is_empty() {
                socket.end_raw();
                return Ok(false);
            }
            if !has_laid_out && !has_taken_in {
                let is_between = matches!(self.stage, Stage::Variables | Stage::Over(_));
                return Ok(!(self.is_gone && is_between && self.out.is_empty()));
            }
        }
    }

    /// The request that has come, once.
    pub(super) fn arrival(&mut self) -> Option<Relayed> {
        if self.stage == Stage::Gathering {
            return None;
        }
        let (variables, length) = self.arrived.take()?;
        let body = (self.stage == Stage::Whole).then(|| joined(&mut self.pieces));
        Some(Relayed {
            variables,
            length,
            body,
        })
    }

    /// What is wrong with what the web server sends. The log is told, once.
    pub(super) fn refusal(&mut self) -> Option<Refusal> {
        if let Some(refusal) = self.refusal.filter(|_| !self.is_refusal_told) {
            self.is_refusal_told = true;
            tell_refused(self.language, refusal);
        }
        self.refusal
    }

    /// Whether a request has come in part.
    pub(super) fn is_in_part(&self) -> bool {
        self.stage == Stage::Gathering || self.stage == Stage::Variables && self.reader.is_in_part()
    }

    /// The next piece of the body. An error: it will not come.
    pub(super) fn poll_body(&mut self) -> Poll<Result<Option<Bytes>, ()>> {
        if let Some(piece) = self.pieces.pop_front() {
            return Poll::Ready(Ok(Some(piece)));
        }
        if self.stage == Stage::Whole {
            return Poll::Ready(Ok(None));
        }
        if self.is_gone || self.refusal.is_some() {
            return Poll::Ready(Err(()));
        }
        Poll::Pending
    }

    /// Nobody reads the rest of the body. Whether there is any.
    pub(super) fn end_body(&mut self) -> bool {
        self.pieces.clear();
        matches!(self.stage, Stage::Gathering | Stage::Body)
    }

    /// Answers in so many words, and ends the connection unless the web server, which cannot be told
    /// that beforehand, may be sending its next request over it. Whether it goes on.
    pub(super) fn refuse(
        &mut self,
        fields: &[(&str, &str)],
        status: u16,
        reason: &[u8],
        body: Bytes,
    ) -> bool {
        let framing = self.reader.framing();
        let fields = fields.iter();
        let fields = fields.map(|(name, value)| (name.as_bytes(), value.as_bytes()));
        let head = framing.head("HTTP/1.1", status, reason, fields);
        self.out.push_back(head.into());
        self.put(framing, body);
        self.put_end(framing);
        let is_understood = matches!(self.refusal, None | Some(Refusal::TooLarge));
        if framing.is_kept() && is_understood && self.stage == Stage::Variables {
            self.refusal = None;
            self.is_refusal_told = false;
            self.stage = Stage::Over(0);
        } else {
            self.is_ending = true;
        }
        !self.is_ending
    }

    fn wants_more(&self) -> bool {
        let is_open = self.refusal.is_none() && !self.is_gone && !self.is_ending;
        is_open
            && match self.stage {
                Stage::Variables => self.answer.is_none(),
                Stage::Gathering | Stage::Over(_) => true,
                Stage::Body => self.pieces.is_empty(),
                Stage::Whole => false,
            }
    }

    fn take_in(&mut self, socket: &Socket) -> bool {
        let mut has_heard = false;
        while self.wants_more() {
            match self.reader.next() {
                Ok(Some(event)) => {
                    self.hear(event);
                    has_heard = true;
                }
                Ok(None) => {
                    let reader = &mut self.reader;
                    let read = socket.read_raw(|bytes| {
                        reader.take(bytes);
                        bytes.len()
                    });
                    match read {
                        Poll::Ready(Ok(0) | Err(_)) => self.is_gone = true,
                        Poll::Ready(Ok(_)) => {}
                        Poll::Pending => break,
                    }
                }
                Err(refusal) => self.refusal = Some(refusal),
            }
        }
        has_heard
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Request(variables) => match variables.content_length() {
                Ok(length) => {
                    let is_small = length <= self.gather_limit;
                    self.stage = if is_small {
                        Stage::Gathering
                    } else {
                        Stage::Body
                    };
                    self.arrived = Some((variables, length));
                }
                Err(refusal) => self.refusal = Some(refusal),
            },
            Event::Body(piece) => match &mut self.stage {
                Stage::Over(passed) => {
                    *passed += piece.len() as u64;
                    self.is_ending = *passed > PASSED_OVER_BYTES;
                }
                Stage::Variables | Stage::Gathering | Stage::Body | Stage::Whole => {
                    self.pieces.push_back(piece);
                }
            },
            Event::End if matches!(self.stage, Stage::Over(_)) => self.await_next(),
            Event::End => self.stage = Stage::Whole,
            Event::Aborted => self.is_gone = true,
            Event::Reply(bytes) => self.out.push_back(bytes.into()),
        }
    }
}

/// Most small bodies come in one piece, which is then not copied.
fn joined(pieces: &mut VecDeque<Bytes>) -> Bytes {
    if pieces.len() <= 1 {
        return pieces.pop_front().unwrap_or_default();
    }
    let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
    for piece in pieces.drain(..) {
        whole.extend_from_slice(&piece);
    }
    whole.freeze()
}
