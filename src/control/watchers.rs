//! Those who watch the emperor: programs that read uWSGI's JSON, and Prometheus.
//!
//! They may be anybody who reaches the address, so there is nothing here but a text to be read, made
//! anew for each; clients are few at a time and each has a deadline.

use std::convert::Infallible;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use super::ask::ask;
use super::command::{Command, Told};

/// Clients at a time; further ones wait in the kernel's backlog.
const CLIENTS: usize = 16;
/// For a head, and for all of an answer to be taken.
const PATIENCE: Duration = Duration::from_secs(10);
const BUFFER_BYTES: usize = 16 * 1024;
/// While the kernel gives no more descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The content type of metrics.
pub(super) const METRICS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Where they come in.
#[derive(Debug)]
pub(crate) enum Door {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// What one of them speaks through.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Door {
    /// A listening socket of TCP that waits for nobody.
    pub(crate) fn tcp(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self::Tcp(TcpListener::from_std(fd.into())?))
    }

    /// The same of unix sockets.
    pub(crate) fn unix(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self::Unix(UnixListener::from_std(fd.into())?))
    }

    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept().await?.0),
            Self::Unix(listener) => Box::new(listener.accept().await?.0),
        })
    }
}

/// Tells everybody who connects, until the receiver of `commands` is dropped.
pub(crate) async fn watchers(
    door: Door,
    told: Told,
    is_http: bool,
    commands: mpsc::Sender<Command>,
) {
    let room = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else {
            return;
        };
        let stream = tokio::select! {
            () = commands.closed() => return,
            stream = door.accept() => stream,
        };
        let Ok(stream) = stream else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let commands = commands.clone();
        let telling = async move {
            if is_http {
                answer_http(stream, told, &commands).await;
            } else {
                tell(stream, told, &commands).await;
            }
            drop(place);
        };
        drop(tokio::spawn(async {
            // Whoever has not taken it by then does not get the rest.
            drop(timeout(PATIENCE, telling).await);
        }));
    }
}

/// As uWSGI does it: the text and the end.
async fn tell(mut stream: Box<dyn Stream>, told: Told, commands: &mpsc::Sender<Command>) {
    if let Some(text) = text(told, commands).await
        && stream.write_all(text.as_bytes()).await.is_ok()
    {
        drop(stream.shutdown().await);
    }
}

async fn answer_http(stream: Box<dyn Stream>, told: Told, commands: &mpsc::Sender<Command>) {
    let service = service_fn(|request: Request<Incoming>| {
        let commands = commands.clone();
        async move { Ok::<_, Infallible>(answer(told, &commands, &request).await) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(BUFFER_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "somebody who watches ended early");
    }
}

async fn answer(
    told: Told,
    commands: &mpsc::Sender<Command>,
    request: &Request<Incoming>,
) -> Response<Full<Bytes>> {
    const PLAIN: &str = "text/plain; charset=utf-8";
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let refusal = "only GET and HEAD are answered here\n";
        let mut response = with(StatusCode::METHOD_NOT_ALLOWED, PLAIN, refusal.to_owned());
        let allow = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allow);
        return response;
    }
    let kind = match told {
        Told::Stats => "application/json",
        Told::Metrics if request.uri().path() == "/metrics" => METRICS_TYPE,
        Told::Metrics => {
            let hint = "the metrics are at /metrics\n";
            return with(StatusCode::NOT_FOUND, PLAIN, hint.to_owned());
        }
    };
    if let Some(text) = text(told, commands).await {
        with(StatusCode::OK, kind, text)
    } else {
        let reason = "the emperor does not answer at the moment\n";
        with(StatusCode::SERVICE_UNAVAILABLE, PLAIN, reason.to_owned())
    }
}

fn with(status: StatusCode, kind: &'static str, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// What is told now, made on another thread: the emperor's loop goes on meanwhile.
pub(super) async fn text(told: Told, commands: &mpsc::Sender<Command>) -> Option<String> {
    let telling = ask(commands, |reply| Command::Tell { told, reply }).await;
    let telling = telling.ok()?;
    tokio::task::spawn_blocking(|| telling.make()).await.ok()
}
