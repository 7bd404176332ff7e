//! permessage-deflate (RFC 7692 §7.2): one message in, one message out.
//!
//! A zlib state is large, 47 KiB to decompress and 160 KiB to compress, so no connection has one.
//! What a state remembers of the messages before is the end of their text, and that is all a
//! connection keeps; a state gets it as its dictionary when a message comes. Decompressing makes a
//! state for each message, which takes a third of a microsecond, and compressing uses one a thread.

use std::cell::RefCell;

use zlib_rs::{Deflate, DeflateConfig, DeflateFlush, Inflate, InflateFlush, Status};

use super::extensions::Agreement;
use super::tail::Tail;
use super::violation::Violation;

/// What a sync flush ends with, and a message leaves out (RFC 7692 §7.2.1).
const FLUSH_END: [u8; 4] = [0, 0, 0xff, 0xff];
/// How much of what was sent our compression refers to. Messages of 200 bytes of JSON shrink to
/// 26 % with it and to 25 % with four times as much, but to 45 % with nothing.
const SENT_TAIL: usize = 1024;
/// Below this a frame is smaller than what carries it.
const WORTHWHILE: usize = 64;
/// Small messages, each with a person or an app waiting for it: higher levels take twice the time
/// for a tenth of the size.
const LEVEL: i32 = 2;
/// Beyond the window: a client whose zlib has no window of 8 bits uses 9 (zlib's manual,
/// `deflateInit2`).
const SMALLEST_WINDOW_BITS: u8 = 9;
/// Complete streams inside one message (RFC 7692 §7.2.3.5 allows them); each costs a new state.
const STREAM_LIMIT: u32 = 32;
const PIECE: usize = 8 * 1024;

thread_local! {
    /// Made when a thread first compresses. It never remembers anything between two messages.
    static COMPRESSOR: RefCell<Option<Compressor>> = const { RefCell::new(None) };
}

/// The compression of one connection.
#[derive(Debug)]
pub(super) struct Compression {
    window_bits: u8,
    sent: Tail,
    received: Tail,
}

impl Compression {
    pub(super) fn new(agreement: Agreement) -> Self {
        let window = |bits: u8| 1_usize << bits.max(SMALLEST_WINDOW_BITS);
        let sent = SENT_TAIL.min(window(agreement.server_window_bits));
        Self {
            window_bits: agreement.server_window_bits,
            sent: Tail::new(if agreement.server_keeps_context {
                sent
            } else {
                0
            }),
            received: Tail::new(agreement.client_window_bits.map_or(0, window)),
        }
    }

    /// The message compressed, or `None` if it is better sent as it is.
    pub(super) fn compress(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        if message.len() < WORTHWHILE {
            return None;
        }
        let compressed = COMPRESSOR.with_borrow_mut(|shared| {
            let compressor = match shared {
                Some(compressor) if compressor.window_bits == self.window_bits => compressor,
                _ => shared.insert(Compressor::new(self.window_bits)),
            };
            compressor.compress(self.sent.bytes(), message)
        });
        let Some(compressed) = compressed else {
            // Whatever state it is in, no message shall depend on it.
            COMPRESSOR.set(None);
            return None;
        };
        if compressed.len() >= message.len() {
            // What is sent uncompressed does not enter the client's window.
            return None;
        }
        self.sent.push(message);
        Some(compressed)
    }

    /// The message decompressed, never beyond the limit.
    pub(super) fn decompress(
        &mut self,
        message: Vec<u8>,
        limit: usize,
    ) -> Result<Vec<u8>, Violation> {
        let decompressed = decompress(self.received.bytes(), message, limit)?;
        self.received.push(&decompressed);
        Ok(decompressed)
    }
}

struct Compressor {
    window_bits: u8,
    state: Deflate,
}

impl Compressor {
    fn new(window_bits: u8) -> Self {
        let config = DeflateConfig {
            level: LEVEL,
            // Negative: without the header and the checksum of zlib.
            window_bits: -i32::from(window_bits),
            mem_level: 5,
            ..DeflateConfig::default()
        };
        Self {
            window_bits,
            state: Deflate::new_with_config(config),
        }
    }

    fn compress(&mut self, dictionary: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        self.state.reset();
        if !dictionary.is_empty() {
            self.state.set_dictionary(dictionary).ok()?;
        }
        let mut compressed = Vec::new();
        let mut piece = [0; PIECE];
        let mut rest = message;
        loop {
            let (read, written) = (self.state.total_in(), self.state.total_out());
            self.state
                .compress(rest, &mut piece, DeflateFlush::SyncFlush)
                .ok()?;
            let read = usize::try_from(self.state.total_in() - read).ok()?;
            let written = usize::try_from(self.state.total_out() - written).ok()?;
            rest = rest.get(read..)?;
            compressed.extend_from_slice(piece.get(..written)?);
            // A piece that is not full means that nothing is left to flush.
            if written < PIECE {
                break;
            }
        }
        let end = compressed.len().checked_sub(FLUSH_END.len())?;
        if !rest.is_empty() || compressed.get(end..)? != FLUSH_END {
            return None;
        }
        compressed.truncate(end);
        Some(compressed)
    }
}

fn decompress(dictionary: &[u8], mut message: Vec<u8>, limit: usize) -> Result<Vec<u8>, Violation> {
    message.extend_from_slice(&FLUSH_END);
    let mut rest = message.as_slice();
    let mut decompressed = Vec::new();
    let mut window = dictionary.to_vec();
    for _ in 0..STREAM_LIMIT {
        let ends = decompress_stream(&window, &mut rest, &mut decompressed, limit)?;
        if !ends || rest.is_empty() {
            return Ok(decompressed);
        }
        // The next stream may refer to all that came before.
        let mut history = Tail::new(1 << 15);
        history.push(dictionary);
        history.push(&decompressed);
        window = history.bytes().to_vec();
    }
    Err(Violation::NotDeflate)
}

/// Goes on until the input is used up or a final block ends; says whether one did.
fn decompress_stream(
    dictionary: &[u8],
    rest: &mut &[u8],
    decompressed: &mut Vec<u8>,
    limit: usize,
) -> Result<bool, Violation> {
    let mut state = Inflate::new(false, 15);
    if !dictionary.is_empty() && state.set_dictionary(dictionary).is_err() {
        return Err(Violation::NotDeflate);
    }
    let mut piece = [0; PIECE];
    loop {
        let (read, written) = (state.total_in(), state.total_out());
        let status = state.decompress(rest, &mut piece, InflateFlush::SyncFlush);
        let read = usize::try_from(state.total_in() - read).unwrap_or(usize::MAX);
        let written = usize::try_from(state.total_out() - written).unwrap_or(usize::MAX);
        *rest = rest.get(read..).unwrap_or_default();
        if decompressed.len().saturating_add(written) > limit {
            return Err(Violation::TooBig(limit));
        }
        decompressed.extend_from_slice(piece.get(..written).unwrap_or_default());
        match status {
            Ok(Status::StreamEnd) => return Ok(true),
            Ok(Status::Ok) if !rest.is_empty() || written == PIECE => {}
            Ok(Status::Ok | Status::BufError) if rest.is_empty() => return Ok(false),
            Ok(Status::Ok | Status::BufError) | Err(_) => return Err(Violation::NotDeflate),
        }
    }
}

#[cfg(test)]
mod tests;
