//! The rules for requests (`route…`), applied before files and apps are asked. What they say is
//! decided in `routes`.

use std::borrow::Cow;

use bytes::Bytes;

use super::answer::Tale;
use super::connection::Connection;
use super::exchange::{Outcome, Report, RequestHead, ResponseHead};
use super::files::say;
use super::http::{Arrived, decode_path};
use super::reactor::Reactor;
use super::routes::{Asked, End, Routed, Routes, Target};
use super::sync::lock;

/// What is logged of a request that gets no answer, as nginx has it.
const NO_ANSWER: u16 = 444;

/// What rules have changed of a request, for its app.
#[derive(Debug)]
pub(super) struct Changed {
    target: Option<Target>,
    is_secure: Option<bool>,
}

impl Changed {
    /// The head with the changes.
    pub(super) fn show<'a>(&'a self, head: RequestHead<'a>) -> RequestHead<'a> {
        let is_secure = self.is_secure.unwrap_or(head.is_secure);
        match &self.target {
            None => RequestHead { is_secure, ..head },
            Some(target) => RequestHead {
                path: Cow::Borrowed(&target.path),
                query: &target.query,
                is_secure,
                ..head
            },
        }
    }
}

impl Changed {
    /// The head as files see it: with the target of a client that asks for what a rule has named.
    pub(super) fn show_to_files<'a>(&'a self, head: RequestHead<'a>) -> RequestHead<'a> {
        let uri = self
            .target
            .as_ref()
            .and_then(|target| target.uri.as_deref());
        RequestHead {
            uri: uri.unwrap_or(head.uri),
            ..head
        }
    }
}

impl Reactor {
    /// Applies the rules to a request: the answer, if they give one.
    pub(super) fn route(
        &self,
        routes: &Routes,
        connection: &Connection,
        request: &Arrived,
        tale: &mut Tale,
    ) -> Option<Report> {
        let head = tale.head(connection, request);
        let said = routes.decide(&Seen {
            head: &head,
            request,
        });
        for line in &said.lines {
            say(&escaped(line));
        }
        if !(said.added.is_empty() && said.removed.is_empty()) {
            let driver = &mut lock(&connection.state).driver;
            driver.change(&said.removed, &said.added);
        }
        let report = match &said.end {
            End::Open => None,
            End::Redirect { status, to } => Some(redirect(*status, to)),
            End::Answer { status, reason } => Some(plain(*status, reason)),
            End::File { file, name } => Some(match &self.files {
                Some(files) => files.send_routed((*file, name), &head, request.fields()),
                None => Report::failure(),
            }),
            End::Silence => Some(Report {
                outcome: Outcome::Cut,
                status: NO_ANSWER,
                body_bytes: 0,
                is_error: false,
            }),
        };
        drop(head);
        let Routed {
            target, is_secure, ..
        } = said;
        if target.is_some() || is_secure.is_some() {
            tale.changed = Some(Box::new(Changed { target, is_secure }));
        }
        report
    }
}

/// A request as the rules see it.
struct Seen<'s> {
    head: &'s RequestHead<'s>,
    request: &'s Arrived,
}

impl Seen<'_> {
    fn field(&self, name: &str) -> &[u8] {
        self.request.field(name).unwrap_or_default()
    }
}

impl Asked for Seen<'_> {
    fn path(&self) -> &[u8] {
        &self.head.path
    }

    fn query(&self) -> &str {
        self.head.query
    }

    fn variable(&self, name: &str) -> Cow<'_, [u8]> {
        let head = self.head;
        Cow::Borrowed(match name {
            "REQUEST_URI" => head.uri.as_bytes(),
            "REQUEST_METHOD" => head.method.as_bytes(),
            "SCRIPT_NAME" => head.prefix.as_bytes(),
            "REMOTE_ADDR" => head.peer.address.as_bytes(),
            "REMOTE_PORT" => head.peer.port.as_bytes(),
            "REQUEST_SCHEME" if head.is_secure => b"https",
            "REQUEST_SCHEME" => b"http",
            "HTTPS" if head.is_secure => b"on",
            "SERVER_PROTOCOL" if head.is_http_10 => b"HTTP/1.0",
            "SERVER_PROTOCOL" if head.is_http_2 => b"HTTP/2.0",
            "SERVER_PROTOCOL" => b"HTTP/1.1",
            "HTTP_HOST" => head.host.map_or_else(|| self.field("host"), str::as_bytes),
            "CONTENT_TYPE" => self.field("content-type"),
            "CONTENT_LENGTH" => self.field("content-length"),
            other => match other.strip_prefix("HTTP_") {
                Some(field) => self.field(&field.replace('_', "-").to_ascii_lowercase()),
                None => head
                    .variables
                    .and_then(|variables| variables.get(other))
                    .unwrap_or_default(),
            },
        })
    }

    fn decode(&self, path: &str) -> Vec<u8> {
        decode_path(path).into_owned()
    }
}

/// Clients choose parts of it, which must not move a terminal or make lines of their own.
fn escaped(line: &[u8]) -> String {
    let mut escaped = String::new();
    for c in String::from_utf8_lossy(line).chars() {
        if c.is_control() {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

fn redirect(status: u16, to: &str) -> Report {
    let location = (Bytes::from_static(b"Location"), Bytes::from(to.to_owned()));
    let head = ResponseHead {
        status,
        fields: vec![location],
        ..ResponseHead::default()
    };
    answer(head, Bytes::new())
}

/// A status and what was written behind it.
fn plain(status: u16, reason: &[u8]) -> Report {
    let content_type = (
        Bytes::from_static(b"Content-Type"),
        Bytes::from_static(b"text/plain; charset=utf-8"),
    );
    let title = [status.to_string().as_bytes(), b" ", reason].concat();
    let body = match status {
        204 | 304 => Vec::new(),
        _ => [title.trim_ascii(), b"\n"].concat(),
    };
    let head = ResponseHead {
        status,
        reason: Bytes::copy_from_slice(reason),
        fields: vec![content_type],
        ..ResponseHead::default()
    };
    answer(head, body.into())
}

fn answer(head: ResponseHead, body: Bytes) -> Report {
    Report {
        status: head.status,
        body_bytes: body.len() as u64,
        outcome: Outcome::Answer(head, body),
        is_error: false,
    }
}
