//! Where HTTP and Python meet: plain types that name neither hyper nor PyO3.
//!
//! The HTTP side fills a [`RequestHead`] and implements [`Exchange`]; the Python side calls the app
//! and says what came of it in an [`Outcome`]. While the app runs, everything it reads or writes
//! goes through the exchange, which waits on that one connection without the interpreter.

use std::borrow::Cow;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;

/// How long a client may neither send nor take a byte while the app waits for it.
pub(crate) const STALL_LIMIT: Duration = Duration::from_mins(1);

/// Who is at the other end, as the environ spells it.
#[derive(Debug, Default)]
pub(crate) struct Peer {
    /// IP address; empty for a unix socket.
    pub(crate) address: String,
    /// Port; empty for a unix socket.
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
    /// The host of an absolute-form target, which overrides the header (RFC 9112 §3.2.2).
    pub(crate) host: Option<&'a str>,
    pub(crate) is_http_10: bool,
    /// Which listener the connection came in by.
    pub(crate) listener: usize,
    pub(crate) peer: &'a Peer,
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
}

/// What came of a call of the app.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// A whole answer, nothing of which has been sent.
    Answer(ResponseHead, Bytes),
    /// The answer went through the exchange, and is complete.
    Streamed,
    /// The answer cannot be completed; the connection must not look as if it were.
    Cut,
    /// The app failed: 500 if nothing was sent, else as `Cut`.
    Failed,
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
    /// Nothing moved for [`STALL_LIMIT`].
    #[error("the client neither sent nor took anything for {} s", STALL_LIMIT.as_secs())]
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
