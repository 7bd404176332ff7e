//! The emperor's end of the control socket: accept, check who it is, speak HTTP/1.1.
//!
//! Everything a client can do is bounded: how many connections, how long for a head, how large a
//! head, how long without reading. The emperor's loop is asked through `ask` and never waited on
//! by more than the one connection that asks.

use std::convert::Infallible;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::answer::{AnswerBody, answer, refusal};
use super::command::Command;
use super::deadline::WriteDeadline;
use super::error::RequestError;

/// Connections at a time; further ones wait in the kernel's backlog.
const CONNECTIONS: usize = 64;
/// For the head of a request to arrive, also on a connection kept alive.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);
/// A head, and the buffer for writing; orders are short.
const BUFFER_BYTES: usize = 16 * 1024;
/// How long a client may leave what is written to it unread.
const WRITE_DEADLINE: Duration = Duration::from_secs(30);
/// First and longest pause when the kernel gives no more descriptors.
const ACCEPT_PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];
/// For the last answers to be written when the emperor leaves.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves `listener` until the receiver of `commands` is dropped, which is the emperor's end.
pub(crate) async fn serve(listener: UnixListener, commands: mpsc::Sender<Command>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = commands.closed() => break,
            Some(_) = connections.join_next() => {}
            stream = accept(&listener), if connections.len() < CONNECTIONS => {
                connections.spawn(connection(stream, commands.clone()));
            }
        }
    }
    let finished = async { while connections.join_next().await.is_some() {} };
    if timeout(FAREWELL, finished).await.is_err() {
        tracing::debug!(
            cut = connections.len(),
            "cut connections of the control socket"
        );
    }
}

/// The next connection, however long the kernel refuses one.
async fn accept(listener: &UnixListener) -> UnixStream {
    let [mut pause, longest] = ACCEPT_PAUSES;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "could not accept on the control socket");
                sleep(pause).await;
                pause = longest.min(pause * 2);
            }
        }
    }
}

async fn connection(stream: UnixStream, commands: mpsc::Sender<Command>) {
    let foreign_uid = foreign_uid(&stream);
    let service = service_fn(|request: Request<Incoming>| {
        let commands = commands.clone();
        async move { Ok::<_, Infallible>(respond(&commands, foreign_uid, &request).await) }
    });
    let stream = TokioIo::new(WriteDeadline::new(stream, WRITE_DEADLINE));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_DEADLINE)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(stream, service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the control socket ended early");
    }
}

async fn respond(
    commands: &mpsc::Sender<Command>,
    foreign_uid: Option<u32>,
    request: &Request<Incoming>,
) -> Response<AnswerBody> {
    match foreign_uid {
        Some(uid) => {
            tracing::warn!(uid, "refused a request on the control socket");
            refusal(&RequestError::Forbidden { uid })
        }
        // No request has a meaningful body: it is never read, and hyper closes such a connection.
        None => answer(commands, request.method(), request.uri()).await,
    }
}

/// The user at the other end, unless it is root or the emperor's own. The mode of the socket keeps
/// others out as well; a mode can be changed by mistake.
fn foreign_uid(stream: &UnixStream) -> Option<u32> {
    let own = rustix::process::geteuid().as_raw();
    match stream.peer_cred().map(|peer| peer.uid()) {
        Ok(uid) if may_order(uid, own) => None,
        Ok(uid) => Some(uid),
        // Without credentials nobody is let in; (uid_t) -1 is no user.
        Err(_) => Some(u32::MAX),
    }
}

fn may_order(uid: u32, own: u32) -> bool {
    uid == 0 || uid == own
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_the_own_user_give_orders() {
        assert!(may_order(0, 1000));
        assert!(may_order(1000, 1000));
        assert!(!may_order(1001, 1000));
        assert!(!may_order(1000, 0));
    }
}
