//! What has been said of an answer so far: the head, and how much of the body.
//!
//! Pure bookkeeping over an [`Exchange`]: nothing is sent before the first piece that is not empty
//! (PEP 3333, "The `start_response()` Callable"), and never more than `Content-Length` declares.

use bytes::Bytes;

use crate::worker::exchange::{Exchange, ResponseHead};

/// The answer to one request.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// Given by `start_response`, not sent yet.
    pub(super) head: Option<ResponseHead>,
    pub(super) is_begun: bool,
    is_head_request: bool,
    pub(super) status: u16,
    declared: Option<u64>,
    pub(super) sent_bytes: u64,
    /// The app yielded more than it declared.
    pub(super) is_overlong: bool,
}

impl Reply {
    pub(super) fn new(is_head_request: bool) -> Self {
        Self {
            is_head_request,
            ..Self::default()
        }
    }

    pub(super) fn set_head(&mut self, head: ResponseHead) {
        self.status = head.status;
        self.declared = head.content_length;
        self.head = Some(head);
    }

    /// HEAD, 204, 304: the body is dropped, and its length is nobody's concern.
    fn is_bodiless(&self) -> bool {
        self.is_head_request || self.status == 204 || self.status == 304
    }

    pub(super) fn has_started(&self) -> bool {
        self.is_begun || self.head.is_some()
    }

    /// Whether a length was declared.
    pub(super) fn is_length_known(&self) -> bool {
        self.declared.is_some()
    }

    /// The head and the whole body, if nothing was sent and the length is right. Else `None`, and
    /// the pieces go their usual way.
    pub(super) fn whole(&mut self, body: &Bytes) -> Option<ResponseHead> {
        let length = body.len() as u64;
        let is_right = self.is_bodiless()
            || self.names_file()
            || self.declared.is_none_or(|declared| declared == length);
        if self.is_begun || !is_right {
            return None;
        }
        let head = self.head.take()?;
        self.is_begun = true;
        self.sent_bytes = if self.is_bodiless() { 0 } else { length };
        Some(head)
    }

    /// Whether a file is to be sent in place of the body, which then need not be sent.
    fn names_file(&self) -> bool {
        self.head
            .as_ref()
            .is_some_and(|head| head.named_file.is_some())
    }

    /// The head and the length of a body that is the rest of a file, if nothing was sent and the rest
    /// is long enough. Else `None`, and the pieces go their usual way.
    pub(super) fn file(&mut self, rest: u64) -> Option<(ResponseHead, u64)> {
        let length = self.declared.unwrap_or(rest);
        let has_none = self.status == 204 || self.status == 304 || self.names_file();
        if self.is_begun || has_none || length > rest {
            return None;
        }
        let head = self.head.take()?;
        self.is_begun = true;
        self.sent_bytes = if self.is_bodiless() { 0 } else { length };
        Some((head, length))
    }

    /// Lays down a piece that is not empty. `is_only`: no other will come.
    pub(super) fn lay(&mut self, exchange: &dyn Exchange, mut chunk: Bytes, is_only: bool) {
        if self.names_file() {
            return;
        }
        if let Some(head) = self.head.take() {
            self.is_begun = true;
            let length = chunk.len() as u64;
            if is_only && self.declared.is_none() {
                self.declared = Some(length);
            }
            if self.is_bodiless() {
                return exchange.begin_whole(head, Bytes::new());
            }
            // Head and body in one write.
            if self.declared == Some(length) {
                self.sent_bytes = length;
                return exchange.begin_whole(head, chunk);
            }
            exchange.begin_stream(head);
        }
        if self.is_bodiless() {
            return;
        }
        if let Some(declared) = self.declared {
            let left = usize::try_from(declared - self.sent_bytes).unwrap_or(usize::MAX);
            self.is_overlong |= chunk.len() > left;
            chunk.truncate(left);
        }
        self.sent_bytes += chunk.len() as u64;
        exchange.put(chunk);
    }

    /// Whether the body is shorter than declared.
    pub(super) fn is_short(&self) -> bool {
        !self.is_bodiless()
            && self
                .declared
                .is_some_and(|declared| self.sent_bytes < declared)
    }
}
