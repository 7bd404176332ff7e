//! HTTP/2 on one connection: hyper's h2 server, polled by hand.
//!
//! hyper hands every stream's work to an executor. Here that is a list, and whoever pumps the
//! connection polls those of its entries that were woken, so that no runtime is needed and nothing
//! of a stream goes on while nobody looks.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use hyper::rt::Executor;
use hyper::server::conn::http2;
use slab::Slab;

use super::settings::DriverSettings;
use super::station::{Desks, Station};
use super::stream::Stream;
use super::woken::Woken;
use crate::worker::sync::lock;

/// A stream's work: from its request to the last frame of its answer.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes the work of streams in.
#[derive(Clone, Default)]
pub(super) struct Crew(Arc<Mutex<Vec<Work>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Crew {
    fn execute(&self, work: F) {
        lock(&self.0).push(Box::pin(work));
    }
}

impl fmt::Debug for Crew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Crew").finish_non_exhaustive()
    }
}

/// Wakes one stream's work, and the connection for it.
#[derive(Debug)]
struct Call {
    is_set: AtomicBool,
    connection: Arc<Woken>,
}

impl Wake for Call {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.is_set.store(true, Ordering::Relaxed);
        Waker::from(Arc::clone(&self.connection)).wake();
    }
}

struct Task {
    work: Work,
    call: Arc<Call>,
    waker: Waker,
}

/// One HTTP/2 connection, shared by its streams.
pub(crate) struct Multiplex {
    state: Mutex<State>,
    desks: Desks,
    woken: Arc<Woken>,
}

struct State {
    hyper: Option<http2::Connection<Stream, Desks, Crew>>,
    crew: Crew,
    tasks: Slab<Task>,
    waker: Waker,
}

impl Multiplex {
    pub(super) fn new(stream: Stream, settings: &DriverSettings) -> Arc<Self> {
        let woken = Arc::<Woken>::default();
        let (crew, desks) = (Crew::default(), Desks::default());
        let mut builder = http2::Builder::new(crew.clone());
        settings.streams.apply(&mut builder);
        let hyper = builder.serve_connection(stream, desks.clone());
        Arc::new(Self {
            state: Mutex::new(State {
                hyper: Some(hyper),
                crew,
                tasks: Slab::new(),
                waker: Waker::from(Arc::clone(&woken)),
            }),
            desks,
            woken,
        })
    }

    /// Polls hyper and the streams' work until all of it waits for the socket or for an app. Whether
    /// the connection is still open.
    pub(super) fn pump(&self) -> bool {
        let mut state = lock(&self.state);
        loop {
            self.woken.clear();
            if !state.poll() {
                return false;
            }
            state.poll_tasks(&self.woken);
            if self.desks.is_flooded() {
                state.end();
                return false;
            }
            if !self.woken.is_set() {
                return true;
            }
        }
    }

    /// The next stream whose request has come and that nobody has taken.
    pub(super) fn arrival(&self) -> Option<Arc<Mutex<Station>>> {
        self.desks.take()
    }

    pub(super) fn is_busy(&self) -> bool {
        !lock(&self.state).tasks.is_empty()
    }

    pub(super) fn is_open(&self) -> bool {
        lock(&self.state).hyper.is_some()
    }

    /// No further streams; the connection ends with those that there are.
    pub(super) fn leave(&self) {
        if let Some(hyper) = &mut lock(&self.state).hyper {
            Pin::new(hyper).graceful_shutdown();
        }
        Waker::from(Arc::clone(&self.woken)).wake();
    }

    pub(super) fn cut(&self) {
        lock(&self.state).end();
    }
}

impl State {
    fn poll(&mut self) -> bool {
        let Some(hyper) = &mut self.hyper else {
            return false;
        };
        let mut cx = Context::from_waker(&self.waker);
        if Pin::new(hyper).poll(&mut cx).is_ready() {
            self.end();
            return false;
        }
        true
    }

    fn poll_tasks(&mut self, woken: &Arc<Woken>) {
        for work in std::mem::take(&mut *lock(&self.crew.0)) {
            let call = Arc::new(Call {
                is_set: AtomicBool::new(true),
                connection: Arc::clone(woken),
            });
            let waker = Waker::from(Arc::clone(&call));
            self.tasks.insert(Task { work, call, waker });
        }
        self.tasks.retain(|_, task| {
            if !task.call.is_set.swap(false, Ordering::Relaxed) {
                return true;
            }
            let mut cx = Context::from_waker(&task.waker);
            // What it has laid down is for the connection to send, which it wakes itself.
            matches!(task.work.as_mut().poll(&mut cx), Poll::Pending)
        });
    }

    fn end(&mut self) {
        self.hyper = None;
        // Each tells its station that nobody listens any more.
        self.tasks.clear();
        lock(&self.crew.0).clear();
    }
}

impl fmt::Debug for Multiplex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multiplex").finish_non_exhaustive()
    }
}
