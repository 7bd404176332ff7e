//! `FastCGI` 1.0: records of at most 64 KiB, one request at a time.
//!
//! A second request on a connection that has one is refused as the specification wants (§3.3,
//! `FCGI_CANT_MPX_CONN`), and what comes for it is passed over.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::reader::Event;
use super::refusal::Refusal;
use super::variables::Variables;

pub(super) const HEAD_BYTES: usize = 8;
const VERSION: u8 = 1;

const BEGIN_REQUEST: u8 = 1;
const ABORT_REQUEST: u8 = 2;
pub(super) const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
pub(super) const STDOUT: u8 = 6;
const DATA: u8 = 8;
const GET_VALUES: u8 = 9;
const GET_VALUES_RESULT: u8 = 10;
const UNKNOWN_TYPE: u8 = 11;

const RESPONDER: u16 = 1;
const KEEP_CONNECTION: u8 = 1;

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ended {
    Complete = 0,
    CannotMultiplex = 1,
    UnknownRole = 3,
}

/// What is known of the connection's request.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// The request that is being taken in or answered.
    active: Option<Active>,
}

#[derive(Debug)]
struct Active {
    id: u16,
    is_kept: bool,
    params: BytesMut,
    stage: Stage,
    /// How much of the body is still to come.
    left: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Params,
    Body,
    Over,
    /// Its variables were too many: it has its answer, and what is left of it is passed over.
    Refused,
}

impl Records {
    /// The id of the request that is to be answered, and whether the connection is kept then.
    pub(super) fn answered(&self) -> Option<(u16, bool)> {
        self.active
            .as_ref()
            .map(|active| (active.id, active.is_kept))
    }

    /// Whether a request has begun whose variables are still coming.
    pub(super) fn is_in_part(&self) -> bool {
        (self.active.as_ref()).is_some_and(|active| active.stage == Stage::Params)
    }

    /// The answer is complete.
    pub(super) fn end(&mut self) {
        self.active = None;
    }

    /// What the next record says, once it is whole.
    pub(super) fn next(
        &mut self,
        held: &mut BytesMut,
        limit: usize,
    ) -> Result<Option<Event>, Refusal> {
        loop {
            let Some((&[version, kind, id_1, id_0, length_1, length_0, padding, _], _)) =
                held.split_first_chunk::<HEAD_BYTES>()
            else {
                return Ok(None);
            };
            if version != VERSION {
                return Err(Refusal::Version(version));
            }
            let id = u16::from_be_bytes([id_1, id_0]);
            let length = usize::from(u16::from_be_bytes([length_1, length_0]));
            let padding = usize::from(padding);
            if held.len() < HEAD_BYTES + length + padding {
                return Ok(None);
            }
            held.advance(HEAD_BYTES);
            let content = held.split_to(length);
            held.advance(padding);
            if let Some(event) = self.hear(kind, id, content, limit)? {
                return Ok(Some(event));
            }
        }
    }

    fn hear(
        &mut self,
        kind: u8,
        id: u16,
        content: BytesMut,
        limit: usize,
    ) -> Result<Option<Event>, Refusal> {
        if id == 0 {
            return manage(kind, &content).map(Some);
        }
        if kind == BEGIN_REQUEST {
            return self.begin(id, &content);
        }
        let Some(active) = self.active.as_mut().filter(|active| active.id == id) else {
            // Of a request that was refused, or is over (§3.3).
            return Ok(None);
        };
        match (kind, active.stage) {
            (ABORT_REQUEST, _) => Ok(Some(Event::Aborted)),
            (PARAMS, Stage::Params) if content.is_empty() => active.end_params().map(Some),
            (PARAMS, Stage::Params) => {
                if active.params.len() + content.len() > limit {
                    active.params = BytesMut::new();
                    active.stage = Stage::Refused;
                    return Err(Refusal::TooLarge);
                }
                active.params.unsplit(content);
                Ok(None)
            }
            (STDIN, Stage::Refused) if content.is_empty() => Ok(Some(Event::End)),
            (PARAMS, Stage::Refused) if content.is_empty() => Ok(None),
            (STDIN | PARAMS, Stage::Refused) => Ok(Some(Event::Body(content.freeze()))),
            (STDIN, Stage::Body) => active.hear_body(content.freeze()).map(Some),
            // What was sent before the answer was seen; and DATA is for filters only.
            (STDIN, Stage::Over) | (DATA, _) => Ok(None),
            _ => Err(Refusal::Record),
        }
    }

    fn begin(&mut self, id: u16, content: &[u8]) -> Result<Option<Event>, Refusal> {
        let Some(&[role_1, role_0, flags, ..]) = content.first_chunk::<8>() else {
            return Err(Refusal::Record);
        };
        match &self.active {
            Some(active) if active.id == id => return Err(Refusal::Record),
            Some(_) => return Ok(Some(Event::Reply(end_record(id, Ended::CannotMultiplex)))),
            None => {}
        }
        if u16::from_be_bytes([role_1, role_0]) != RESPONDER {
            return Ok(Some(Event::Reply(end_record(id, Ended::UnknownRole))));
        }
        self.active = Some(Active {
            id,
            is_kept: flags & KEEP_CONNECTION != 0,
            params: BytesMut::new(),
            stage: Stage::Params,
            left: 0,
        });
        Ok(None)
    }
}

impl Active {
    fn end_params(&mut self) -> Result<Event, Refusal> {
        let variables = pairs(self.params.split().freeze())?;
        self.left = variables.content_length()?;
        self.stage = Stage::Body;
        Ok(Event::Request(variables))
    }

    fn hear_body(&mut self, piece: Bytes) -> Result<Event, Refusal> {
        if piece.is_empty() {
            self.stage = Stage::Over;
            return if self.left == 0 {
                Ok(Event::End)
            } else {
                Err(Refusal::Body)
            };
        }
        let left = self.left.checked_sub(piece.len() as u64);
        self.left = left.ok_or(Refusal::Body)?;
        Ok(Event::Body(piece))
    }
}

/// Names and values, each behind its length in one byte or four (§3.4).
fn pairs(block: Bytes) -> Result<Variables, Refusal> {
    let mut variables = Variables::new(block);
    let block = variables.block().clone();
    let mut at = 0;
    while at < block.len() {
        let (name, behind) = length(&block, at)?;
        let (value, start) = length(&block, behind)?;
        let middle = start + name;
        at = middle + value;
        variables.push(start..middle, middle..at)?;
    }
    Ok(variables)
}

/// A length, and where what follows it begins.
fn length(block: &[u8], at: usize) -> Result<(usize, usize), Refusal> {
    let rest = block.get(at..).unwrap_or_default();
    match rest {
        [short, ..] if *short < 0x80 => Ok((usize::from(*short), at + 1)),
        [a, b, c, d, ..] => {
            let long = u32::from_be_bytes([a & 0x7f, *b, *c, *d]);
            Ok((long as usize, at + 4))
        }
        _ => Err(Refusal::Variables),
    }
}

/// Answers a management record (§4).
fn manage(kind: u8, content: &[u8]) -> Result<Event, Refusal> {
    if kind != GET_VALUES {
        let said = [kind, 0, 0, 0, 0, 0, 0, 0];
        return Ok(Event::Reply(record(UNKNOWN_TYPE, 0, &said)));
    }
    let asked = pairs(Bytes::copy_from_slice(content))?;
    // How many connections a worker takes is not a matter of the protocol; requests come one by one.
    let is_asked = asked.iter().any(|(wanted, _)| wanted == "FCGI_MPXS_CONNS");
    let said: &[u8] = if is_asked {
        b"\x0f\x01FCGI_MPXS_CONNS0"
    } else {
        b""
    };
    Ok(Event::Reply(record(GET_VALUES_RESULT, 0, said)))
}

pub(super) fn end_record(id: u16, ended: Ended) -> Vec<u8> {
    record(END_REQUEST, id, &[0, 0, 0, 0, ended as u8, 0, 0, 0])
}

/// A record with its content, which is shorter than 64 KiB.
fn record(kind: u8, id: u16, content: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(HEAD_BYTES + content.len());
    record.put_slice(&head(kind, id, content.len()));
    record.extend_from_slice(content);
    record
}

pub(super) fn head(kind: u8, id: u16, length: usize) -> [u8; HEAD_BYTES] {
    let [id_1, id_0] = id.to_be_bytes();
    let length = u16::try_from(length).unwrap_or(u16::MAX);
    let [length_1, length_0] = length.to_be_bytes();
    [VERSION, kind, id_1, id_0, length_1, length_0, 0, 0]
}
