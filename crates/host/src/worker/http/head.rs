//! Heads: hyper's request as plain values, a plain response as hyper's.

use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, SERVER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, Version};
use hyper::ext::ReasonPhrase;

use super::body::AnswerBody;
use super::percent;
use super::relayed;
use crate::worker::exchange::{Peer, RequestHead, ResponseHead};
use crate::worker::gateway::Variables;

/// A request that is ready for the app.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(super) parts: Parts,
    pub(crate) body: ArrivedBody,
}

/// The body of an arrived request.
#[derive(Debug)]
pub(crate) enum ArrivedBody {
    /// All of it.
    Whole(Bytes),
    /// Still on the connection.
    Streamed,
    /// The request must be answered with this status, without the app.
    Refused(u16),
}

impl Arrived {
    /// The head in plain values.
    pub(crate) fn head<'a>(&'a self, listener: usize, peer: &'a Peer) -> RequestHead<'a> {
        let target = &self.parts.uri;
        let variables = self.variables();
        let (prefix, path) = match variables {
            Some(variables) => relayed::path(variables, target),
            None => ("", percent::decode(target.path())),
        };
        RequestHead {
            method: self.parts.method.as_str(),
            uri: target.path_and_query().map_or("", |whole| whole.as_str()),
            path,
            query: target.query().unwrap_or(""),
            host: absolute_host(target),
            is_http_10: self.parts.version == Version::HTTP_10,
            is_http_2: self.parts.version == Version::HTTP_2,
            listener,
            peer,
            is_secure: false,
            server_port: None,
            prefix,
            mountpoint: "",
            app: 0,
            request_id: None,
            tls: None,
            variables,
        }
    }

    /// What the web server says that hands the request on.
    pub(crate) fn variables(&self) -> Option<&Variables> {
        self.parts.extensions.get()
    }

    /// Names and values; `http` keeps equal names together.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
    }

    /// The emptied map, so that the answer needs no new one.
    pub(crate) fn into_spare(self) -> Spare {
        let mut fields = self.parts.headers;
        fields.clear();
        Spare(fields)
    }
}

/// Room for the fields of an answer.
#[derive(Debug, Default)]
pub(crate) struct Spare(HeaderMap);

/// What of a request its answer depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Framing {
    pub(super) is_head: bool,
    /// An HTTP/1.0 client that asked for its connection to be kept.
    pub(super) is_kept_10: bool,
}

impl Framing {
    pub(super) fn of(parts: &Parts) -> Self {
        let is_kept_10 = parts.version == Version::HTTP_10
            && parts.headers.get_all(CONNECTION).iter().any(|value| {
                value
                    .as_bytes()
                    .split(|byte| *byte == b',')
                    .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"keep-alive"))
            });
        Self {
            is_head: parts.method == Method::HEAD,
            is_kept_10,
        }
    }

    /// Whether an answer of this status has a body (RFC 9110 §6.4.1).
    pub(super) fn has_body(self, status: u16) -> bool {
        !self.is_head && status != 204 && status != 304
    }
}

// The gate lets no userinfo through.
fn absolute_host(target: &Uri) -> Option<&str> {
    target.scheme()?;
    Some(target.authority()?.as_str())
}

/// The length that the request declares; the gate has checked that it is a number.
pub(super) fn declared_length(parts: &Parts) -> Option<u64> {
    parts
        .headers
        .get(CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Whether the client waits for leave to send the body.
pub(super) fn waits_for_leave(parts: &Parts) -> bool {
    parts.headers.contains_key(EXPECT)
}

/// Fields that were checked when the app gave them.
pub(super) fn field_map(given: Vec<(Bytes, Bytes)>) -> HeaderMap {
    let mut fields = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let name = HeaderName::from_bytes(&name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(value)) {
            fields.append(name, value);
        }
    }
    fields
}

/// Puts a response together. `body` is left out where the status or the method leaves none.
pub(super) fn assemble(
    head: ResponseHead,
    body: AnswerBody,
    spare: Spare,
    framing: Framing,
    is_closing: bool,
) -> Response<AnswerBody> {
    let known = match &body {
        AnswerBody::Whole(Some(body)) | AnswerBody::Parts(body) => Some(body.len() as u64),
        AnswerBody::Whole(None) => Some(0),
        AnswerBody::Streamed(_) => head.content_length,
        AnswerBody::File(pieces) => Some(pieces.left()),
        AnswerBody::FileParts(sequence) => Some(sequence.left()),
    };
    let has_body = framing.has_body(head.status);
    let mut response = Response::new(if has_body {
        body
    } else {
        AnswerBody::Whole(None)
    });
    let status = StatusCode::from_u16(head.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.status_mut() = status;
    *response.headers_mut() = spare.0;
    let fields = response.headers_mut();
    for (name, value) in head.fields {
        let name = HeaderName::from_bytes(&name);
        // Both were checked when the app gave them.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(value)) {
            fields.append(name, value);
        }
    }
    fields
        .entry(SERVER)
        .or_insert(HeaderValue::from_static("lictor"));
    if framing.is_head && head.content_length.is_none() && known.is_some_and(|length| length > 0) {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(known.unwrap_or_default()));
    }
    if is_closing {
        fields.insert(CONNECTION, HeaderValue::from_static("close"));
    } else if framing.is_kept_10 && (known.is_some() || !has_body) {
        fields.insert(CONNECTION, HeaderValue::from_static("keep-alive"));
    }
    if framing.is_kept_10 {
        // Else hyper promises to keep every connection of such a client, also one that must close.
        *response.version_mut() = Version::HTTP_10;
    }
    if !head.reason.is_empty()
        && status.canonical_reason().map(str::as_bytes) != Some(&head.reason)
        && let Ok(reason) = ReasonPhrase::try_from(head.reason)
    {
        response.extensions_mut().insert(reason);
    }
    response
}

/// An answer of our own, plain and short.
pub(super) fn plain(status: u16) -> (ResponseHead, Bytes) {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = code.canonical_reason().unwrap_or("Error");
    let body = Bytes::from(format!("{} {reason}\n", code.as_str()));
    let content_type = (
        Bytes::from_static(b"content-type"),
        Bytes::from_static(b"text/plain; charset=utf-8"),
    );
    let head = ResponseHead {
        status,
        reason: Bytes::from_static(reason.as_bytes()),
        fields: vec![content_type],
        content_length: None,
        named_file: None,
    };
    (head, body)
}

/// The bytes of an answer to what hyper never saw, after which the connection is closed; and how many
/// of them are its body.
pub(super) fn refusal(status: u16, mark: Option<(&str, &str)>) -> (Vec<u8>, u64) {
    let (head, body) = plain(status);
    let mark = mark.map(|(name, value)| format!("{name}: {value}\r\n"));
    let mut answer = format!(
        "HTTP/1.1 {status} {}\r\nserver: lictor\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n{}content-length: {}\r\ndate: {}\r\n\r\n",
        String::from_utf8_lossy(&head.reason),
        mark.unwrap_or_default(),
        body.len(),
        httpdate::fmt_http_date(SystemTime::now()),
    )
    .into_bytes();
    answer.extend_from_slice(&body);
    (answer, body.len() as u64)
}
