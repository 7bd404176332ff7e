//! Files as bodies: holes that the socket fills, or pieces that are read when hyper has room for one.
//!
//! The reactor polls the connection as its socket drains, so a slow download occupies no thread, and
//! no memory but for one piece where it must be read. A file that has become shorter ends the
//! connection: the length has been promised.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use bytes::Bytes;
use lictor_core::sys::would_die_of_sigpipe;
use rustix::io::Errno;

use super::body::AnswerBody;
use super::driver::Driver;
use super::holes::hole;
use crate::worker::exchange::{BodyPiece, FilePart, ResponseHead};

/// A piece: hyper asks for the next when less than its buffer's size is left of it.
const PIECE_BYTES: usize = 128 * 1024;
/// Files up to this size go out in one write with their head.
const SMALL_BYTES: u64 = 32 * 1024;

/// What is left of a file.
#[derive(Debug)]
pub(super) struct Pieces {
    /// Without it the pieces are holes, which the socket fills.
    file: Option<Arc<OwnedFd>>,
    offset: u64,
    left: u64,
}

impl Pieces {
    fn read(part: FilePart) -> Self {
        Self {
            file: Some(part.file),
            offset: part.offset,
            left: part.length,
        }
    }

    fn holes(length: u64) -> Self {
        Self {
            file: None,
            offset: 0,
            left: length,
        }
    }

    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.left == 0 {
            return None;
        }
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX);
        let piece = match &self.file {
            Some(file) => read_at(file, self.offset, wanted.min(PIECE_BYTES)),
            None => Ok(hole(wanted)),
        };
        if let Ok(piece) = &piece {
            self.offset += piece.len() as u64;
            self.left -= piece.len() as u64;
        }
        Some(piece)
    }
}

/// Parts of a file and what stands between them, one after the other.
#[derive(Debug, Default)]
pub(super) struct Sequence(VecDeque<Member>);

#[derive(Debug)]
enum Member {
    Bytes(Bytes),
    File(Pieces),
}

impl Sequence {
    pub(super) fn left(&self) -> u64 {
        let left = self.0.iter().map(|member| match member {
            Member::Bytes(bytes) => bytes.len() as u64,
            Member::File(pieces) => pieces.left(),
        });
        left.sum()
    }

    /// The next piece; `None` at the end.
    pub(super) fn next(&mut self) -> Option<io::Result<Bytes>> {
        loop {
            match self.0.front_mut()? {
                Member::File(pieces) => {
                    if let Some(piece) = pieces.next() {
                        return Some(piece);
                    }
                }
                Member::Bytes(bytes) => {
                    let bytes = std::mem::take(bytes);
                    let _given = self.0.pop_front();
                    return Some(Ok(bytes));
                }
            }
            let _sent = self.0.pop_front();
        }
    }
}

/// At least one byte, at most as many as wanted.
pub(super) fn read_at(file: &OwnedFd, offset: u64, wanted: usize) -> io::Result<Bytes> {
    let mut piece = Vec::with_capacity(wanted);
    loop {
        match rustix::io::pread(file, rustix::buffer::spare_capacity(&mut piece), offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => {
                // The allocator may have given more room than was asked for.
                piece.truncate(wanted);
                return Ok(Bytes::from(piece));
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

impl Driver {
    /// Lays down an answer whose body is part of a file.
    pub(crate) fn begin_file(&mut self, head: ResponseHead, part: FilePart, is_closing: bool) {
        let body = if part.length <= SMALL_BYTES {
            small(part)
        } else if !self.framing.has_body(head.status) {
            AnswerBody::File(Pieces::holes(part.length))
        } else {
            AnswerBody::File(self.pieces(part))
        };
        self.begin(head, body, is_closing);
    }

    /// The same with several parts, one after the other.
    pub(crate) fn begin_file_parts(
        &mut self,
        head: ResponseHead,
        pieces: Vec<BodyPiece>,
        is_closing: bool,
    ) {
        let members = pieces.into_iter().map(|piece| match piece {
            BodyPiece::Bytes(bytes) => Member::Bytes(bytes),
            BodyPiece::File(part) if part.length <= SMALL_BYTES => Member::File(Pieces::read(part)),
            BodyPiece::File(part) => Member::File(self.pieces(part)),
        });
        let sequence = Sequence(members.collect());
        self.begin(head, AnswerBody::FileParts(sequence), is_closing);
    }

    /// A part as it is sent here.
    fn pieces(&self, part: FilePart) -> Pieces {
        if self.socket.is_tls() || self.is_stream() || would_die_of_sigpipe() {
            // What is encrypted passes through here; and sendfile(2) cannot be told to raise no
            // signal when the client has left.
            return Pieces::read(part);
        }
        let length = part.length;
        self.socket.holes().push(part);
        Pieces::holes(length)
    }
}

fn small(part: FilePart) -> AnswerBody {
    let mut pieces = Pieces::read(part);
    match pieces.next().transpose() {
        Ok(piece) if pieces.left() == 0 => AnswerBody::Whole(piece),
        // It has become shorter already; hyper finds out.
        Ok(_) | Err(_) => AnswerBody::File(pieces),
    }
}
