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
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;

use super::body::{AnswerBody, next_part};
use crate::worker::sync::lock;

/// So many streams may be reset before they are answered, beyond those that were answered.
const LEFT_STREAMS: u64 = 200;

/// What lies between hyper and the driver of one connection, or of one stream.
#[derive(Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is said by another side at its own time"
)]
pub(super) struct Station {
    pub(super) request: Option<Request<Incoming>>,
    pub(super) response: Option<Response<AnswerBody>>,
    /// Pieces of a streamed answer that hyper has not taken yet.
    pub(super) chunks: VecDeque<Bytes>,
    /// The fields behind the last piece.
    pub(super) trailers: Option<HeaderMap>,
    /// No more pieces will come.
    pub(super) is_complete: bool,
    /// Pieces that hyper has taken.
    pub(super) taken: u64,
    /// hyper has let go of the stream.
    pub(super) is_left: bool,
    /// hyper has the head of the answer; and pieces are to follow by way of this.
    is_answered: bool,
    pub(super) is_streamed: bool,
    /// Whoever polls the answer, where that is not the connection as a whole.
    reader: Option<Waker>,
    /// The stream's driver, which wants to know what moves.
    pub(super) owner: Option<Waker>,
}

impl Station {
    /// Something was laid down.
    pub(super) fn tell_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// What hyper takes next.
    pub(super) fn next_piece(&mut self) -> Option<Bytes> {
        if self.owner.is_none() {
            return self.chunks.pop_front();
        }
        let part = next_part(self.chunks.front_mut()?);
        if self.chunks.front().is_some_and(Bytes::is_empty) {
            self.chunks.pop_front();
        }
        Some(part)
    }

    /// Whether nothing but the client keeps the answer from going on.
    pub(super) fn is_for_client_to_move(&self) -> bool {
        self.is_answered && (!self.is_streamed || self.is_complete)
    }

    pub(super) fn tell_owner(&self) {
        if let Some(owner) = &self.owner {
            owner.wake_by_ref();
        }
    }

    /// Whoever polls wants to hear of more.
    pub(super) fn wait(&mut self, cx: &Context<'_>) {
        if self.owner.is_some() {
            self.reader = Some(cx.waker().clone());
        }
    }
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

/// hyper's view of the stations of a connection with many streams, a new one for each.
#[derive(Clone, Debug, Default)]
pub(super) struct Desks(Arc<Mutex<Hall>>);

/// What there is for all streams of a connection.
#[derive(Debug, Default)]
struct Hall {
    waiting: VecDeque<Arc<Mutex<Station>>>,
    latest: Arc<Mutex<Station>>,
    /// Streams that got an answer.
    answered: u64,
    /// Streams that were reset before that.
    left: u64,
}

impl Desks {
    pub(super) fn take(&self) -> Option<Arc<Mutex<Station>>> {
        lock(&self.0).waiting.pop_front()
    }

    /// That of the request which was laid down last.
    pub(super) fn latest(&self) -> Arc<Mutex<Station>> {
        Arc::clone(&lock(&self.0).latest)
    }

    /// Whether the client resets what it asks for, again and again (CVE-2023-44487).
    pub(super) fn is_flooded(&self) -> bool {
        let hall = lock(&self.0);
        hall.left > LEFT_STREAMS + hall.answered
    }
}

impl Service<Request<Incoming>> for Desks {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = StreamAnswer;

    fn call(&self, request: Request<Incoming>) -> StreamAnswer {
        let station = Arc::new(Mutex::new(Station {
            request: Some(request),
            owner: Some(Waker::noop().clone()),
            ..Station::default()
        }));
        let mut hall = lock(&self.0);
        hall.waiting.push_back(Arc::clone(&station));
        hall.latest = Arc::clone(&station);
        drop(hall);
        StreamAnswer(Some(station), self.clone())
    }
}

/// Waits for the answer of one stream. Empty once it has it.
#[derive(Debug)]
pub(super) struct StreamAnswer(Option<Arc<Mutex<Station>>>, Desks);

impl Future for StreamAnswer {
    type Output = Result<Response<AnswerBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(held) = self.0.take() else {
            return Poll::Pending;
        };
        let mut station = lock(&held);
        if let Some(response) = station.response.take() {
            station.is_answered = true;
            station.tell_owner();
            lock(&self.1.0).answered += 1;
            return Poll::Ready(Ok(response));
        }
        station.wait(cx);
        drop(station);
        self.0 = Some(held);
        Poll::Pending
    }
}

impl Drop for StreamAnswer {
    fn drop(&mut self) {
        if let Some(station) = &self.0
            && leave(station)
        {
            lock(&self.1.0).left += 1;
        }
    }
}

/// hyper has let go of a stream that is not complete. False if it had to.
pub(super) fn leave(station: &Mutex<Station>) -> bool {
    let mut station = lock(station);
    let is_first = !std::mem::replace(&mut station.is_left, true);
    station.tell_owner();
    is_first
}
