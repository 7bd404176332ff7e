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
mod tests {
    use super::super::extensions::{agree, parse};
    use super::{Compression, STREAM_LIMIT, Violation, decompress};

    const LIMIT: usize = 1 << 20;

    fn compression(offer: &str) -> Compression {
        Compression::new(agree(&parse(offer).unwrap()).unwrap())
    }

    /// The client's side of what we send: the same window, the other way round.
    fn read_by_client(tail: &mut Vec<u8>, message: Vec<u8>) -> Vec<u8> {
        let text = decompress(tail, message, LIMIT).unwrap();
        tail.extend_from_slice(&text);
        text
    }

    /// RFC 7692 §7.2.3.1 to §7.2.3.6.
    #[test]
    fn the_examples_of_the_rfc() {
        let table: [(&[u8], &[u8]); 5] = [
            (&[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00], b"Hello"),
            // No compression.
            (
                &[
                    0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00,
                ],
                b"Hello",
            ),
            // BFINAL set.
            (&[0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00], b"Hello"),
            // Two blocks.
            (
                &[
                    0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
                ],
                b"Hello",
            ),
            (&[0x00], b""),
        ];
        for (compressed, text) in table {
            assert_eq!(
                decompress(b"", compressed.to_vec(), LIMIT).unwrap(),
                text,
                "{compressed:x?}"
            );
        }
        // Sharing the window: the second refers to the first.
        let mut keeping = compression("permessage-deflate; client_max_window_bits");
        let first = vec![0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        let second = vec![0xf2, 0x00, 0x11, 0x00, 0x00];
        assert_eq!(keeping.decompress(first.clone(), LIMIT).unwrap(), b"Hello");
        assert_eq!(keeping.decompress(second.clone(), LIMIT).unwrap(), b"Hello");
        let mut forgetting = compression("permessage-deflate; client_no_context_takeover");
        assert_eq!(forgetting.decompress(first, LIMIT).unwrap(), b"Hello");
        assert_eq!(
            forgetting.decompress(second, LIMIT),
            Err(Violation::NotDeflate)
        );
    }

    #[test]
    fn what_we_send_can_be_read_and_shrinks_by_what_was_sent_before() {
        let message = |number: u32| {
            format!(
                "{{\"number\":{number},\"kind\":\"measurement\",\"place\":\"roof\",\"unit\":\"kelvin\",\"value\":{}}}",
                number * 7
            )
        };
        for (offer, keeps) in [
            ("permessage-deflate", true),
            ("permessage-deflate; server_max_window_bits=9", true),
            ("permessage-deflate; server_no_context_takeover", false),
        ] {
            let mut ours = compression(offer);
            let mut tail = Vec::new();
            let mut sizes = Vec::new();
            for number in 0..40 {
                let text = message(number);
                let compressed = ours.compress(text.as_bytes()).unwrap();
                sizes.push(compressed.len());
                if !keeps {
                    tail.clear();
                }
                assert_eq!(
                    read_by_client(&mut tail, compressed),
                    text.as_bytes(),
                    "{offer}"
                );
            }
            assert_eq!(sizes[39] * 2 < sizes[0], keeps, "{offer}: {sizes:?}");
        }
    }

    #[test]
    fn what_does_not_shrink_is_sent_as_it_is_and_not_referred_to() {
        let mut ours = compression("permessage-deflate");
        assert_eq!(ours.compress(&[b'a'; 63]), None);
        let mut number = 1_u32;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            number.to_be_bytes()[0]
        })
        .take(700)
        .collect();
        assert_eq!(ours.compress(&noise), None);
        // The client has never seen the noise in its window.
        let half = [&noise[..100], &[b'x'; 200]].concat();
        let compressed = ours.compress(&half).unwrap();
        assert_eq!(decompress(b"", compressed, LIMIT).unwrap(), half);
    }

    #[test]
    fn long_messages_cross_every_piece() {
        for length in [8191_u32, 8192, 8193, 100_000, 1 << 20] {
            let text: Vec<u8> = (0..length)
                .map(|at| (at.wrapping_mul(at) >> 7).to_le_bytes()[0])
                .collect();
            let mut ours = compression("permessage-deflate");
            if let Some(compressed) = ours.compress(&text) {
                assert_eq!(decompress(b"", compressed, LIMIT).unwrap(), text);
            }
        }
    }

    #[test]
    fn a_bomb_ends_at_the_limit() {
        let mut ours = compression("permessage-deflate");
        let bomb = ours.compress(&vec![0; 1 << 20]).unwrap();
        assert!(bomb.len() < 2000);
        assert_eq!(decompress(b"", bomb.clone(), LIMIT).unwrap().len(), LIMIT);
        assert_eq!(
            decompress(b"", bomb, LIMIT - 1),
            Err(Violation::TooBig(LIMIT - 1))
        );
    }

    #[test]
    fn garbage_and_too_many_streams_are_refused() {
        for garbage in [
            &[0xff_u8, 0xff][..],
            &[0x06],
            b"hello, world",
            &[0x00, 0x05, 0x00],
        ] {
            assert_eq!(
                decompress(b"", garbage.to_vec(), LIMIT),
                Err(Violation::NotDeflate),
                "{garbage:x?}"
            );
        }
        // An empty final block of ten bits, again and again.
        let stream = [0x03, 0x00];
        assert!(decompress(b"", stream.repeat(STREAM_LIMIT as usize - 1), LIMIT).is_ok());
        let many = stream.repeat(STREAM_LIMIT as usize);
        assert_eq!(decompress(b"", many, LIMIT), Err(Violation::NotDeflate));
    }

    #[test]
    fn what_an_idle_connection_keeps() {
        let mut ours = compression("permessage-deflate; client_max_window_bits");
        for number in 0..100_usize {
            let text: Vec<u8> = (0..5000)
                .map(|at: usize| ((at * (number + 1)) >> 5).to_le_bytes()[0])
                .collect();
            let _compressed = ours.compress(&text);
            ours.received.push(&text);
        }
        assert_eq!(ours.sent.bytes().len(), 1024);
        assert_eq!(ours.received.bytes().len(), 4096);
    }
}
