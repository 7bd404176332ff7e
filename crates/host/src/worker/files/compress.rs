//! gzip (RFC 1952): of a whole body, and of one that comes in pieces.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Between the fastest and the smallest: beyond it each percent costs as much time as all before.
const LEVEL: u32 = 5;

/// A body that comes in pieces.
#[derive(Debug)]
pub(crate) struct Encoder(GzEncoder<Vec<u8>>);

impl Encoder {
    pub(crate) fn new() -> Self {
        Self(GzEncoder::new(Vec::new(), Compression::new(LEVEL)))
    }

    /// What goes out for a piece: all of it, so that the client need not wait for the next one.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Bytes {
        // Writing to memory cannot fail.
        let _infallible = self.0.write_all(piece).and_then(|()| self.0.flush());
        Bytes::from(std::mem::take(self.0.get_mut()))
    }

    /// What follows the last piece.
    pub(crate) fn finish(self) -> Bytes {
        self.0.finish().map(Bytes::from).unwrap_or_default()
    }
}

/// A whole body.
pub(crate) fn compress(body: &[u8]) -> Bytes {
    let room = Vec::with_capacity(body.len() / 2);
    let mut encoder = GzEncoder::new(room, Compression::new(LEVEL));
    // Writing to memory cannot fail.
    let _infallible = encoder.write_all(body);
    encoder.finish().map(Bytes::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::MultiGzDecoder;
    use proptest::prelude::*;

    use super::{Encoder, compress};

    fn plain(packed: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        MultiGzDecoder::new(packed).read_to_end(&mut plain).unwrap();
        plain
    }

    #[test]
    fn each_piece_can_be_read_before_the_next_is_made() {
        let mut encoder = Encoder::new();
        let mut packed = encoder.push(b"one piece").to_vec();
        let mut begun = Vec::new();
        let ended = MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut begun);
        assert!(ended.is_err());
        assert_eq!(begun, b"one piece");
        packed.extend_from_slice(&encoder.push(b", and another"));
        packed.extend_from_slice(&encoder.finish());
        assert_eq!(plain(&packed), b"one piece, and another");
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(pieces: Vec<Vec<u8>>) {
            let whole = pieces.concat();
            prop_assert_eq!(&plain(&compress(&whole)), &whole);
            let mut encoder = Encoder::new();
            let mut packed: Vec<u8> = pieces.iter().flat_map(|piece| encoder.push(piece)).collect();
            packed.extend_from_slice(&encoder.finish());
            prop_assert_eq!(&plain(&packed), &whole);
        }
    }
}
