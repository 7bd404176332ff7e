//! Compression on the way to hyper: what the app lays down goes out smaller.

use bytes::Bytes;

use super::driver::Driver;
use crate::worker::exchange::ResponseHead;
use crate::worker::files::{Advice, Encoder, advice, compress, encoded, vary};

impl Driver {
    /// The answer as this client gets it.
    pub(super) fn encode_whole(
        &mut self,
        mut head: ResponseHead,
        body: Bytes,
    ) -> (ResponseHead, Bytes) {
        let length = body.len() as u64;
        if self.is_to_compress(&mut head, Some(length)) {
            let smaller = compress(&body);
            return (head, smaller);
        }
        (head, body)
    }

    /// The head of an answer whose pieces go through [`Driver::encode`].
    pub(super) fn encode_stream(&mut self, mut head: ResponseHead) -> ResponseHead {
        self.encoder = None;
        let length = head.content_length;
        if self.is_to_compress(&mut head, length) {
            self.encoder = Some(Box::new(Encoder::new()));
        }
        head
    }

    fn is_to_compress(&self, head: &mut ResponseHead, length: Option<u64>) -> bool {
        let Some(types) = self.compress.as_deref() else {
            return false;
        };
        let is_head = self.framing.is_head;
        let advice = advice(
            head.status,
            &head.fields,
            types,
            length,
            is_head,
            self.takes_gzip,
        );
        match advice {
            Advice::Leave => false,
            Advice::Vary => {
                vary(&mut head.fields);
                false
            }
            Advice::Compress => {
                encoded(&mut head.fields);
                head.content_length = None;
                true
            }
        }
    }

    /// A piece as it goes out, flushed so that the client can read all of it.
    pub(super) fn encode(&mut self, piece: Bytes) -> Bytes {
        match &mut self.encoder {
            Some(encoder) => encoder.push(&piece),
            None => piece,
        }
    }

    /// What follows the last piece.
    pub(super) fn end_encoding(&mut self) -> Option<Bytes> {
        self.encoder.take().map(|encoder| encoder.finish())
    }
}
