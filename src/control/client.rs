//! The other end of the control socket, for the command line: one connection a question.
//!
//! An emperor that is not there is an error of its own, so that the exit code can say it. Answers
//! are bounded and read strictly, streams are handed on line by line as they come.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use lictor_core::observe::{Status, VassalStatus};
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::command::{Upgrading, Verb};
use super::error::ErrorBody;
use super::outcome::ActAnswer;
use super::route::{Filter, Route, format};

/// For an answer that nobody waits in; longer than the emperor's loop has for it.
const ANSWER_DEADLINE: Duration = Duration::from_secs(20);
/// The status of very many vassals with their tracebacks.
const ANSWER_LIMIT_BYTES: usize = 256 * 1024 * 1024;
/// One event with a traceback, every character escaped.
const LINE_LIMIT_BYTES: usize = 1024 * 1024;

/// Why an emperor did not say what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// No socket, or nobody behind it.
    #[error("no emperor at `{}`", socket.display())]
    NoEmperor {
        /// Where it was looked for.
        socket: PathBuf,
    },
    /// The kernel refused.
    #[error("could not connect to the emperor at `{}`", socket.display())]
    Connect {
        /// Where.
        socket: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The connection ended too early.
    #[error("the connection to the emperor was lost")]
    Lost {
        /// Why.
        #[from]
        source: hyper::Error,
    },
    /// The emperor lives but is silent.
    #[error("the emperor did not answer within {} s", .0.as_secs())]
    Silent(Duration),
    /// The emperor said no.
    #[error("{error}")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// What went wrong.
        error: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// An answer from another version, or from somebody else.
    #[error("the emperor's answer could not be understood")]
    Garbled {
        /// Where it stopped making sense.
        #[from]
        source: serde_json::Error,
    },
    /// An answer beyond all reason.
    #[error("the emperor's answer is longer than {limit_bytes} bytes")]
    TooLong {
        /// What is read at most.
        limit_bytes: usize,
    },
}

impl ClientError {
    /// Whether the emperor knows no vassal of that name.
    pub(crate) fn is_unknown_vassal(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::NOT_FOUND)
    }

    /// The next step, where one helps.
    pub(crate) fn hint(&self) -> Option<&str> {
        match self {
            Self::NoEmperor { .. } => {
                Some("start one with `lictor emperor DIR`, or say where it is with `--run-dir DIR`")
            }
            Self::Connect { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                Some("run as root or as the emperor's user")
            }
            Self::Connect { source, .. } if source.kind() == ErrorKind::InvalidInput => {
                Some("a unix socket's path has at most 107 bytes: choose a shorter run directory")
            }
            Self::Refused { hint, .. } => hint.as_deref(),
            Self::Garbled { .. } => Some("compare `lictor --version` with the emperor's"),
            Self::Connect { .. } | Self::Lost { .. } | Self::Silent(_) | Self::TooLong { .. } => {
                None
            }
        }
    }
}

/// A way to one emperor.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    socket: PathBuf,
}

impl Client {
    /// A client of the emperor behind `socket`; nothing is connected yet.
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// How everything is.
    pub(crate) async fn status(&self) -> Result<Status, ClientError> {
        read(&self.status_json().await?)
    }

    /// The same as the emperor wrote it, with fields that only a newer version knows.
    pub(crate) async fn status_json(&self) -> Result<Bytes, ClientError> {
        self.get(&Route::Status, ANSWER_DEADLINE).await
    }

    /// How one vassal is.
    pub(crate) async fn vassal(&self, name: &str) -> Result<VassalStatus, ClientError> {
        read(&self.vassal_json(name).await?)
    }

    /// The same as the emperor wrote it.
    pub(crate) async fn vassal_json(&self, name: &str) -> Result<Bytes, ClientError> {
        self.get(&Route::Vassal { name: name.into() }, ANSWER_DEADLINE)
            .await
    }

    /// Gives an order and, if asked, waits for what it comes to.
    pub(crate) async fn act(
        &self,
        name: &str,
        verb: Verb,
        wait: Option<Duration>,
    ) -> Result<ActAnswer, ClientError> {
        let deadline = ANSWER_DEADLINE + wait.unwrap_or_default();
        let route = Route::Act {
            name: name.into(),
            verb,
            wait,
        };
        read(&self.get(&route, deadline).await?)
    }

    /// Tells the emperor to become the program now on disk; it does so after the answer.
    pub(crate) async fn upgrade(&self) -> Result<Upgrading, ClientError> {
        read(&self.get(&Route::Upgrade, ANSWER_DEADLINE).await?)
    }

    /// The events that `filter` wants, as JSON lines.
    pub(crate) async fn events(&self, filter: Filter) -> Result<Lines, ClientError> {
        self.lines(&Route::Events(filter)).await
    }

    /// The log lines that `filter` wants, as JSON lines.
    pub(crate) async fn logs(&self, filter: Filter) -> Result<Lines, ClientError> {
        self.lines(&Route::Logs(filter)).await
    }

    async fn lines(&self, route: &Route) -> Result<Lines, ClientError> {
        let opened = timeout(ANSWER_DEADLINE, async {
            accepted(self.send(route).await?).await
        });
        let response = opened
            .await
            .unwrap_or(Err(ClientError::Silent(ANSWER_DEADLINE)))?;
        Ok(Lines {
            body: response.into_body(),
            unread: Vec::new(),
            searched: 0,
        })
    }

    async fn get(&self, route: &Route, deadline: Duration) -> Result<Bytes, ClientError> {
        let whole = async { collected(accepted(self.send(route).await?).await?).await };
        timeout(deadline, whole)
            .await
            .unwrap_or(Err(ClientError::Silent(deadline)))
    }

    async fn send(&self, route: &Route) -> Result<Response<Incoming>, ClientError> {
        let connected = UnixStream::connect(&self.socket).await;
        let stream = connected.map_err(|source| self.not_connected(source))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends with the response; its error comes out of the response as well.
        tokio::spawn(connection);
        let (method, uri) = format(route);
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.method_mut() = method;
        // Made of percent-encoded parts, so it always parses.
        *request.uri_mut() = uri.parse().unwrap_or_default();
        let host = HeaderValue::from_static("lictor");
        request.headers_mut().insert(HOST, host);
        Ok(sender.send_request(request).await?)
    }

    fn not_connected(&self, source: io::Error) -> ClientError {
        let socket = self.socket.clone();
        let absent = [ErrorKind::NotFound, ErrorKind::ConnectionRefused].contains(&source.kind());
        if absent {
            ClientError::NoEmperor { socket }
        } else {
            ClientError::Connect { socket, source }
        }
    }
}

/// The response, unless it is a refusal.
async fn accepted(response: Response<Incoming>) -> Result<Response<Incoming>, ClientError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let ErrorBody { error, hint } = read(&collected(response).await?)?;
    Err(ClientError::Refused {
        status,
        error,
        hint,
    })
}

async fn collected(response: Response<Incoming>) -> Result<Bytes, ClientError> {
    match Limited::new(response.into_body(), ANSWER_LIMIT_BYTES)
        .collect()
        .await
    {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ClientError::TooLong {
            limit_bytes: ANSWER_LIMIT_BYTES,
        }),
        Err(error) => match error.downcast::<hyper::Error>() {
            Ok(source) => Err(ClientError::Lost { source: *source }),
            // There is no third kind.
            Err(_) => Err(ClientError::TooLong {
                limit_bytes: ANSWER_LIMIT_BYTES,
            }),
        },
    }
}

fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, ClientError> {
    Ok(serde_json::from_slice(text)?)
}

/// A stream of JSON lines.
#[derive(Debug)]
pub(crate) struct Lines {
    body: Incoming,
    unread: Vec<u8>,
    /// How much of `unread` holds no line end.
    searched: usize,
}

impl Lines {
    /// The next line without its end, or nothing when the emperor has ended the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        loop {
            let fresh = self.unread.get(self.searched..).unwrap_or_default();
            if let Some(offset) = fresh.iter().position(|byte| *byte == b'\n') {
                let rest = self.unread.split_off(self.searched + offset + 1);
                let mut line = std::mem::replace(&mut self.unread, rest);
                line.pop();
                self.searched = 0;
                return Ok(Some(line));
            }
            self.searched = self.unread.len();
            if self.unread.len() > LINE_LIMIT_BYTES {
                return Err(ClientError::TooLong {
                    limit_bytes: LINE_LIMIT_BYTES,
                });
            }
            match self.body.frame().await {
                Some(frame) => self.unread.extend(frame?.data_ref().into_iter().flatten()),
                None => return Ok(None),
            }
        }
    }
}
