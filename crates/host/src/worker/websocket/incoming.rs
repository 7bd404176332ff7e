//! From frames to messages: which frame may come when, and what has come of the one under way.
//!
//! Memory grows with what has come, never with what a head announces; what it announces is held
//! against the limit before the first byte is taken.

use super::deflate::Compression;
use super::frame::{CONTROL_LIMIT, Head, HeadReader, Opcode};
use super::mask;
use super::text::Text;
use super::violation::Violation;

/// Frames of one message: a client that streams 16 MiB in pieces of 256 bytes stays below.
const FRAME_LIMIT: u32 = 65_536;

/// What a client has sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    Text(String),
    Binary(Vec<u8>),
    Close(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

/// Where in the stream of frames we are.
#[derive(Debug)]
pub(super) struct Reader {
    limit: usize,
    /// After our close frame nobody reads messages.
    is_ignoring: bool,
    head: HeadReader,
    frame: Option<Frame>,
    message: Option<Message>,
}

/// The frame whose payload is coming.
#[derive(Debug)]
struct Frame {
    opcode: Opcode,
    is_final: bool,
    left: u64,
    mask: [u8; 4],
    /// Of a control frame, which may stand between the frames of a message.
    control: Vec<u8>,
}

/// The message that is coming.
#[derive(Debug)]
struct Message {
    body: Body,
    frames: u32,
}

#[derive(Debug)]
enum Body {
    Text(Text),
    Binary(Vec<u8>),
    /// To be decompressed when all of it is there.
    Compressed {
        is_text: bool,
        bytes: Vec<u8>,
    },
    Ignored,
}

impl Body {
    fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Compressed { bytes, .. } => bytes.len(),
            Self::Ignored => 0,
        }
    }

    #[cfg(test)]
    fn capacity(&self) -> usize {
        match self {
            Self::Text(text) => text.capacity(),
            Self::Binary(bytes) | Self::Compressed { bytes, .. } => bytes.capacity(),
            Self::Ignored => 0,
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        match self {
            Self::Text(text) => text.push(bytes)?,
            Self::Binary(body) | Self::Compressed { bytes: body, .. } => {
                body.extend_from_slice(bytes);
            }
            Self::Ignored => {}
        }
        Ok(())
    }
}

impl Reader {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            is_ignoring: false,
            head: HeadReader::default(),
            frame: None,
            message: None,
        }
    }

    /// Bytes allocated for what is not whole yet.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let message = self.message.as_ref().map(|message| message.body.capacity());
        let control = self.frame.as_ref().map(|frame| frame.control.capacity());
        message.unwrap_or_default() + control.unwrap_or_default()
    }

    /// From now on messages are read over.
    pub(super) fn ignore_messages(&mut self) {
        if let Some(message) = &mut self.message {
            message.body = Body::Ignored;
        }
        self.is_ignoring = true;
    }

    /// Takes bytes, which are unmasked where they stand, until something is whole; says how many.
    pub(super) fn read(
        &mut self,
        mut input: &mut [u8],
        mut compression: Option<&mut Compression>,
    ) -> Result<(usize, Option<Incoming>), Violation> {
        let length = input.len();
        loop {
            if self.frame.is_none() {
                let (taken, head) = self.head.read(input, compression.is_some())?;
                input = input.get_mut(taken..).unwrap_or_default();
                match head {
                    None => return Ok((length, None)),
                    Some(head) => self.frame = Some(self.begin(&head)?),
                }
            }
            input = self.take_payload(input)?;
            match self.frame.take_if(|frame| frame.left == 0) {
                None => return Ok((length, None)),
                Some(frame) => {
                    if let Some(incoming) = self.end(frame, compression.as_deref_mut())? {
                        return Ok((length - input.len(), Some(incoming)));
                    }
                }
            }
        }
    }

    fn begin(&mut self, head: &Head) -> Result<Frame, Violation> {
        match (head.opcode, &mut self.message) {
            (Opcode::Close | Opcode::Ping | Opcode::Pong, _) => {}
            (Opcode::Continuation, None) => return Err(Violation::LoneContinuation),
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(Violation::InterruptedMessage),
            (Opcode::Continuation, Some(message)) => {
                message.frames += 1;
                if message.frames > FRAME_LIMIT {
                    return Err(Violation::TooManyFrames);
                }
                let so_far = message.body.len();
                self.check_size(head, so_far)?;
            }
            (Opcode::Text | Opcode::Binary, None) => {
                self.check_size(head, 0)?;
                let body = self.body(head);
                self.message = Some(Message { body, frames: 1 });
            }
        }
        Ok(Frame {
            opcode: head.opcode,
            is_final: head.is_final,
            left: head.length,
            mask: head.mask,
            control: Vec::new(),
        })
    }

    fn body(&self, head: &Head) -> Body {
        let is_text = head.opcode == Opcode::Text;
        match (head.is_compressed, is_text) {
            _ if self.is_ignoring => Body::Ignored,
            (true, is_text) => Body::Compressed {
                is_text,
                bytes: Vec::new(),
            },
            (false, true) => Body::Text(Text::default()),
            (false, false) => Body::Binary(Vec::new()),
        }
    }

    /// Compressed bytes are held to the same limit, so that what waits to be decompressed is bounded
    /// too.
    fn check_size(&self, head: &Head, so_far: usize) -> Result<(), Violation> {
        let room = self.limit.saturating_sub(so_far) as u64;
        if head.length > room && !self.is_ignoring {
            return Err(Violation::TooBig(self.limit));
        }
        Ok(())
    }

    /// Takes what is there of the payload; returns what is behind it.
    fn take_payload<'i>(&mut self, input: &'i mut [u8]) -> Result<&'i mut [u8], Violation> {
        let Some(frame) = &mut self.frame else {
            return Ok(input);
        };
        let wanted = usize::try_from(frame.left).unwrap_or(usize::MAX);
        let (payload, rest) = input.split_at_mut(wanted.min(input.len()));
        frame.left -= payload.len() as u64;
        frame.mask = mask::apply(frame.mask, payload);
        match frame.opcode {
            Opcode::Close | Opcode::Ping | Opcode::Pong => {
                frame
                    .control
                    .reserve_exact(payload.len().min(CONTROL_LIMIT));
                frame.control.extend_from_slice(payload);
            }
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                if let Some(message) = &mut self.message {
                    message.body.push(payload)?;
                }
            }
        }
        Ok(rest)
    }

    /// A frame is whole.
    fn end(
        &mut self,
        frame: Frame,
        compression: Option<&mut Compression>,
    ) -> Result<Option<Incoming>, Violation> {
        match frame.opcode {
            Opcode::Close => return Ok(Some(Incoming::Close(frame.control))),
            Opcode::Ping => return Ok(Some(Incoming::Ping(frame.control))),
            Opcode::Pong => return Ok(Some(Incoming::Pong(frame.control))),
            Opcode::Continuation | Opcode::Text | Opcode::Binary => {}
        }
        let Some(message) = self.message.take_if(|_| frame.is_final) else {
            return Ok(None);
        };
        Ok(match message.body {
            Body::Ignored => None,
            Body::Text(text) => Some(Incoming::Text(text.finish()?)),
            Body::Binary(bytes) => Some(Incoming::Binary(bytes)),
            Body::Compressed { is_text, bytes } => {
                let compression = compression.ok_or(Violation::ReservedBit)?;
                let bytes = compression.decompress(bytes, self.limit)?;
                Some(if is_text {
                    let text = String::from_utf8(bytes).map_err(|_not_text| Violation::NotUtf8)?;
                    Incoming::Text(text)
                } else {
                    Incoming::Binary(bytes)
                })
            }
        })
    }
}
