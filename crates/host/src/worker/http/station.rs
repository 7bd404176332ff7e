//! The place where hyper lays down a request and picks up its answer.
//!
//! hyper calls a service and polls the future that it returns. The app must not run inside that
//! call: it would have hyper's dispatcher above it on the stack, and could not have the connection
//! pumped while it reads its input or writes its output. So the service only puts the request here,
//! and its future waits until an answer lies here.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;

use super::body::AnswerBody;
use crate::worker::sync::lock;

/// What lies between hyper and the driver of one connection.
#[derive(Debug, Default)]
pub(super) struct Station {
    pub(super) request: Option<Request<Incoming>>,
    pub(super) response: Option<Response<AnswerBody>>,
    /// Pieces of a streamed answer that hyper has not taken yet.
    pub(super) chunks: VecDeque<Bytes>,
    /// The fields behind the last piece.
    pub(super) trailers: Option<HeaderMap>,
    /// No more pieces will come.
    pub(super) is_complete: bool,
}

/// hyper's view of a [`Station`].
#[derive(Debug)]
pub(super) struct Desk(pub(super) Arc<Mutex<Station>>);

impl Service<Request<Incoming>> for Desk {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        lock(&self.0).request = Some(request);
        Answer(Arc::clone(&self.0))
    }
}

/// Waits for the answer. Whoever lays it down polls the connection, so no waker is kept.
#[derive(Debug)]
pub(super) struct Answer(Arc<Mutex<Station>>);

impl Future for Answer {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        match lock(&self.0).response.take() {
            Some(response) => Poll::Ready(Ok(response)),
            None => Poll::Pending,
        }
    }
}
