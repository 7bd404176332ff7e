//! How long the head of an answer is, for lines of the log that tell it: what hyper writes besides what
//! it is given is known, and a head that has not yet been written can be told.

use http::header::{CONNECTION, CONTENT_LENGTH, DATE, HeaderMap};
use http::request::Parts;
use http::{Method, Response, StatusCode, Version};
use http_body::Body;
use hyper::ext::ReasonPhrase;

use super::body::AnswerBody;

/// The request line's counterpart without the reason, such as `HTTP/1.1 200 ` and its end.
const STATUS_LINE_BYTES: usize = 15;
const CHUNKED: &str = "transfer-encoding: chunked\r\n";
const CLOSE: &str = "connection: close\r\n";
const DATE_BYTES: usize = "date: Sat, 21 Nov 2026 00:00:00 GMT\r\n".len();

/// What of a request the head of its answer depends on, and then how long that is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measure {
    version: Version,
    is_head: bool,
    asks_close: bool,
    bytes: u64,
}

impl Measure {
    pub(super) fn of(parts: &Parts, keeps_alive: bool) -> Self {
        Self {
            version: parts.version,
            is_head: parts.method == Method::HEAD,
            asks_close: !keeps_alive || has_close(&parts.headers),
            bytes: 0,
        }
    }

    pub(super) fn take(&mut self, response: &Response<AnswerBody>) {
        self.bytes = self.bytes_of(response) as u64;
    }

    pub(super) fn bytes(self) -> u64 {
        self.bytes
    }

    fn bytes_of(self, response: &Response<AnswerBody>) -> usize {
        let (status, fields) = (response.status(), response.headers());
        let reason = match response.extensions().get::<ReasonPhrase>() {
            Some(reason) => reason.as_bytes().len(),
            None => status.canonical_reason().unwrap_or("<none>").len(),
        };
        let lines = fields
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
        let mut bytes = STATUS_LINE_BYTES + reason + lines.sum::<usize>() + "\r\n".len();
        if !fields.contains_key(DATE) {
            bytes += DATE_BYTES;
        }
        if !fields.contains_key(CONTENT_LENGTH) {
            bytes += self.framing_bytes(status, response.body());
        }
        if self.version == Version::HTTP_11 && self.asks_close && !has_close(fields) {
            bytes += CLOSE.len();
        }
        bytes
    }

    /// What says where the body ends.
    fn framing_bytes(self, status: StatusCode, body: &AnswerBody) -> usize {
        if matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return 0;
        }
        match body.size_hint().exact() {
            Some(0) if self.is_head => 0,
            Some(length) => format!("content-length: {length}\r\n").len(),
            None if self.version == Version::HTTP_11 && !self.is_head => CHUNKED.len(),
            None => 0,
        }
    }
}

fn has_close(fields: &HeaderMap) -> bool {
    fields.get_all(CONNECTION).iter().any(|value| {
        let mut options = value.as_bytes().split(|byte| *byte == b',');
        options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
    })
}
