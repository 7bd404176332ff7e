//! Compression on the way to hyper: what the app lays down goes out smaller.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};

use super::driver::Driver;
use crate::worker::exchange::ResponseHead;
use crate::worker::files::{Advice, Encoder, advice, compress, encoded, takes_gzip, vary};

/// What a connection knows about compression.
#[derive(Debug)]
pub(super) struct Compression {
    /// Media types that are compressed, if any are.
    types: Option<Arc<[String]>>,
    /// Whether the client of the request in progress takes gzip, as far as it matters.
    takes_gzip: bool,
    /// The answer in progress is compressed.
    encoder: Option<Box<Encoder>>,
}

impl Compression {
    pub(super) fn new(types: Option<Arc<[String]>>) -> Self {
        Self {
            types,
            takes_gzip: false,
            encoder: None,
        }
    }

    pub(super) fn begin_request(&mut self, fields: &HeaderMap) {
        if self.types.is_some() {
            let accepted = fields.get_all(ACCEPT_ENCODING).iter();
            self.takes_gzip = takes_gzip(accepted.map(HeaderValue::as_bytes));
            self.encoder = None;
        }
    }
}

impl Driver {
    /// The answer as this client gets it.
    pub(super) fn encode_whole(
        &mut self,
        mut head: ResponseHead,
        body: Bytes,
    ) -> (ResponseHead, Bytes) {
        let length = Some(body.len() as u64);
        if self.framing.is_head {
            // What GET would have, as far as it is said.
            let length = head.content_length.or(length.filter(|length| *length > 0));
            // Its length would show only if it were made (RFC 9110 §8.6).
            let is_compressed = self.is_to_compress(&mut head, length);
            return (head, if is_compressed { Bytes::new() } else { body });
        }
        if self.is_to_compress(&mut head, length) {
            let smaller = compress(&body);
            return (head, smaller);
        }
        (head, body)
    }

    /// The head of an answer whose pieces go through [`Driver::encode`].
    pub(super) fn encode_stream(&mut self, mut head: ResponseHead) -> ResponseHead {
        self.compression.encoder = None;
        let length = head.content_length;
        if self.is_to_compress(&mut head, length) && !self.framing.is_head {
            self.compression.encoder = Some(Box::new(Encoder::new()));
        }
        head
    }

    fn is_to_compress(&self, head: &mut ResponseHead, length: Option<u64>) -> bool {
        let Some(types) = self.compression.types.as_deref() else {
            return false;
        };
        let is_taken = self.compression.takes_gzip;
        match advice(head.status, &head.fields, types, length, is_taken) {
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
        match &mut self.compression.encoder {
            Some(encoder) => encoder.push(&piece),
            None => piece,
        }
    }

    /// What follows the last piece.
    pub(super) fn end_encoding(&mut self) -> Option<Bytes> {
        self.compression
            .encoder
            .take()
            .map(|encoder| encoder.finish())
    }
}
