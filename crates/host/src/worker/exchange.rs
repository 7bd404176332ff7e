//! Where HTTP and Python meet: plain types that name neither hyper nor PyO3.
//!
//! The HTTP side fills a [`RequestHead`] and implements [`Exchange`]; the Python side calls the app
//! and says what came of it in an [`Outcome`]. While the app runs, everything it reads or writes
//! goes through the exchange, which waits on that one connection without the interpreter.

use std::borrow::Cow;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;

use super::gateway::Variables;
use super::websocket::{AcceptError, CloseError};

/// Who is at the other end, as the environ spells it.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// IP address; empty for a unix socket.
    pub(crate) address: String,
    /// Port; empty for a unix socket, 0 where a proxy does not say it.
    pub(crate) port: String,
}

/// What a request says before its body.
pub(crate) struct RequestHead<'a> {
    pub(crate) method: &'a str,
    /// Path and query as they were sent.
    pub(crate) uri: &'a str,
    /// Path, percent-decoded.
    pub(crate) path: Cow<'a, [u8]>,
    /// What follows the first `?`.
    pub(crate) query: &'a str,
    /// The host of an absolute-form target (RFC 9112 §3.2.2), or that which a believed proxy was
    /// asked for: either overrides the header.
    pub(crate) host: Option<&'a str>,
    pub(crate) is_http_10: bool,
    pub(crate) is_http_2: bool,
    /// Which listener the connection came in by.
    pub(crate) listener: usize,
    /// The client: whoever connected, or for whom a believed proxy did.
    pub(crate) peer: &'a Peer,
    /// Whether the client spoke TLS, to us or to a believed proxy.
    pub(crate) is_secure: bool,
    /// The port that the client connected to, where a believed proxy says so.
    pub(crate) server_port: Option<&'a str>,
    /// The path below which the app is: where a believed proxy shows it, and where it is mounted;
    /// empty for none.
    pub(crate) prefix: &'a str,
    /// The end of `prefix` by which `uri` begins, because the app is mounted there; often empty.
    pub(crate) mountpoint: &'a str,
    /// Which of the apps answers.
    pub(crate) app: usize,
    /// The name of the request, with `request-id`. It stands among the fields too.
    pub(crate) request_id: Option<&'a str>,
    /// What the handshake came to, where TLS is spoken.
    pub(crate) tls: Option<&'a TlsFacts>,
    /// What the web server says that hands the request on.
    pub(crate) variables: Option<&'a Variables>,
}

/// What a TLS handshake came to.
#[derive(Debug)]
pub(crate) struct TlsFacts {
    /// `TLSv1.3` or `TLSv1.2`.
    pub(crate) protocol: &'static str,
    /// The same as its number (RFC 8446 §4.1.2).
    pub(crate) version: Option<u16>,
    /// As OpenSSL calls it.
    pub(crate) cipher: &'static str,
    /// The same as its number in IANA's registry.
    pub(crate) suite: Option<u16>,
    /// The certificate that the client was shown.
    pub(crate) server_pem: Option<Arc<str>>,
    /// The host that the client asked for (SNI).
    pub(crate) server_name: Option<String>,
    /// The client's certificate, which has been checked.
    pub(crate) client: Option<ClientFacts>,
}

/// A client's certificate.
#[derive(Debug)]
pub(crate) struct ClientFacts {
    /// `CN=me,O=Example,C=DE`.
    pub(crate) subject: String,
    /// `/C=DE/O=Example/CN=me`.
    pub(crate) subject_line: String,
    /// As `subject`, of who has signed it.
    pub(crate) issuer: String,
    /// In hexadecimal.
    pub(crate) serial: String,
    pub(crate) pem: String,
    /// What the client has sent behind its own, towards its authority.
    pub(crate) chain: Vec<String>,
}

/// The fields of a request, names in lower case, equal names next to each other.
pub(crate) type RequestFields<'a> = dyn Iterator<Item = (&'a str, &'a [u8])> + 'a;

/// The body of a request.
#[derive(Debug)]
pub(crate) enum RequestBody {
    /// All of it is here.
    Whole(Bytes),
    /// It comes by [`Exchange::read`].
    Streamed,
}

/// A request as the Python side gets it.
pub(crate) struct Request<'r, 'a> {
    pub(crate) head: &'r RequestHead<'a>,
    pub(crate) fields: &'r mut RequestFields<'a>,
    pub(crate) body: RequestBody,
}

/// What a response says before its body. Every part has been checked.
#[derive(Debug, Default)]
pub(crate) struct ResponseHead {
    pub(crate) status: u16,
    /// What the app wrote after the status; empty for the usual words.
    pub(crate) reason: Bytes,
    /// Names and values in the order of the app.
    pub(crate) fields: Vec<(Bytes, Bytes)>,
    /// What `Content-Length` among the fields declares.
    pub(crate) content_length: Option<u64>,
    /// The file that the app wants sent in place of its body, as it named it (`file-serve-mode`).
    pub(crate) named_file: Option<Bytes>,
}

/// Part of an open regular file, which is sent as the client takes it, while no thread waits.
#[derive(Debug)]
pub(crate) struct FilePart {
    pub(crate) file: Arc<OwnedFd>,
    pub(crate) offset: u64,
    /// It reaches no further than the file did when it was opened.
    pub(crate) length: u64,
}

/// A piece of a body that is made of parts of a file.
#[derive(Debug)]
pub(crate) enum BodyPiece {
    Bytes(Bytes),
    File(FilePart),
}

/// What came of a call of the app.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A whole answer, nothing of which has been sent.
    Answer(ResponseHead, Bytes),
    /// The same, the body being part of a file. `Content-Length` is not among the fields.
    File(ResponseHead, FilePart),
    /// The same, with several parts and what stands between them.
    FileParts(ResponseHead, Vec<BodyPiece>),
    /// The answer went through the exchange, and is complete.
    Streamed,
    /// The answer cannot be completed; the connection must not look as if it were.
    Cut,
    /// The app failed: 500 if nothing was sent, else as `Cut`.
    Failed,
    /// The connection has become a websocket, which goes on or ends without the request.
    Switched,
}

/// The outcome, and what the access log and the counters want to know.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    pub(crate) status: u16,
    pub(crate) body_bytes: u64,
    pub(crate) is_error: bool,
}

impl Report {
    /// The app failed, or we did: 500 if nothing was sent.
    pub(crate) fn failure() -> Self {
        Self {
            outcome: Outcome::Failed,
            status: 500,
            body_bytes: 0,
            is_error: true,
        }
    }
}

/// Why the client could not be read from or written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ExchangeError {
    /// The connection ended or broke.
    #[error("the client went away")]
    Gone,
    /// Nothing moved for `socket-timeout`.
    #[error("the client neither sent nor took anything for as long as socket-timeout allows")]
    Stalled,
    /// More than `limit-post`.
    #[error("the request body is larger than limit-post allows")]
    TooLarge,
    /// A signal came; try again after looking at it.
    #[error("interrupted by a signal")]
    Interrupted,
}

/// A request in progress. Every method may wait and must be called without the interpreter.
pub(crate) trait Exchange: Send + Sync {
    /// The next piece of the request body, never empty; `None` at its end.
    fn read(&self) -> Result<Option<Bytes>, ExchangeError>;

    /// Starts an answer whose body is all there; to be followed by `flush`.
    fn begin_whole(&self, head: ResponseHead, body: Bytes);

    /// Starts an answer whose body comes by `put`.
    fn begin_stream(&self, head: ResponseHead);

    /// Lays down the next piece of the body; to be followed by `flush`.
    fn put(&self, chunk: Bytes);

    /// Returns when everything laid down is the kernel's.
    fn flush(&self) -> Result<(), ExchangeError>;
}

/// A request in progress whose app gives its thread back while it waits. Nothing here waits: what
/// cannot be done yet is pending, and the [`Watcher`] hears when to ask again.
pub(crate) trait LiveExchange: Send + Sync {
    /// The next piece of the request body, never empty; `None` at its end.
    fn poll_read(&self) -> Poll<Result<Option<Bytes>, ExchangeError>>;

    /// Whether the client has closed its side, or the connection is over.
    fn has_client_left(&self) -> bool;

    /// Starts an answer whose body comes by `put`.
    fn begin_stream(&self, head: ResponseHead);

    /// Lays down the next piece of the body.
    fn put(&self, chunk: Bytes);

    /// Lays down the fields that follow the body, behind its last piece. They were checked.
    fn put_trailers(&self, fields: Vec<(Bytes, Bytes)>);

    /// Ready when everything laid down is the kernel's.
    fn poll_flush(&self) -> Poll<Result<(), ExchangeError>>;

    /// Ends the request, once. Afterwards its client is out of reach.
    fn end(&self, report: Report);

    /// What the app goes on to do after its answer is over, too.
    fn leave(&self);

    /// Method and target, for messages.
    fn title(&self) -> String;
}

/// Whoever waits for progress of a [`LiveExchange`].
pub(crate) trait Watcher: Send + Sync + std::fmt::Debug {
    /// Something may have become possible, or impossible for good.
    fn progressed(&self);
}

/// What an app receives over a websocket.
#[derive(Debug)]
pub(crate) enum SocketMessage {
    Text(String),
    Binary(Bytes),
    /// The last.
    End {
        code: u16,
        reason: String,
    },
}

/// A request for a websocket, and then the websocket. Nothing here waits.
pub(crate) trait LiveSocket: LiveExchange {
    /// Answers with 101: from then on the other methods count, and no answer can be given.
    fn accept(
        &self,
        subprotocol: Option<&str>,
        fields: &[(Bytes, Bytes)],
    ) -> Result<(), SocketError>;

    /// What the client has sent next. Its end is told again and again.
    fn poll_message(&self) -> Poll<SocketMessage>;

    /// Lays down a message; to be followed by `poll_room`.
    fn put_text(&self, text: &str) -> Result<(), ExchangeError>;

    /// The same.
    fn put_binary(&self, bytes: &[u8]) -> Result<(), ExchangeError>;

    /// Ready when more may be laid down.
    fn poll_room(&self) -> Poll<Result<(), ExchangeError>>;

    /// Begins to close.
    fn close(&self, code: u16, reason: &str) -> Result<(), CloseError>;

    /// Whether the connection is over, or about to be without anything further to hear or say.
    fn is_over(&self) -> bool;
}

/// What a request asks for.
pub(crate) enum Asked {
    Answer(Arc<dyn LiveExchange>),
    Websocket(Arc<dyn LiveSocket>),
}

/// Why a websocket cannot be accepted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    #[error(transparent)]
    Refused(#[from] AcceptError),
    #[error(transparent)]
    Gone(#[from] ExchangeError),
}
