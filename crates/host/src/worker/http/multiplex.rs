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
use std::time::{Duration, Instant};

use hyper::rt::Executor;
use hyper::server::conn::http2;
use slab::Slab;

use super::frames::Traffic;
use super::meter::Meter;
use super::settings::DriverSettings;
use super::station::{Desks, Station};
use super::stream::Stream;
use super::woken::Woken;
use crate::worker::sync::lock;

/// A stream's work: from its request to the last frame of its answer.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Takes the work of streams in, each right after its request has been laid down.
#[derive(Clone, Default)]
pub(super) struct Crew(Arc<Mutex<Vec<Begun>>>, Desks);

type Begun = (Work, Arc<Mutex<Station>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Crew {
    fn execute(&self, work: F) {
        lock(&self.0).push((Box::pin(work), self.1.latest()));
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
    station: Arc<Mutex<Station>>,
    call: Arc<Call>,
    waker: Waker,
    /// When there was anything to do for it.
    moved_at: Instant,
}

/// One HTTP/2 connection, shared by its streams.
pub(crate) struct Multiplex {
    state: Mutex<State>,
    desks: Desks,
    traffic: Arc<Mutex<Traffic>>,
    woken: Arc<Woken>,
}

struct State {
    hyper: Option<http2::Connection<Meter, Desks, Crew>>,
    crew: Crew,
    tasks: Slab<Task>,
    waker: Waker,
    /// The client broke the protocol or was too much.
    is_broken: bool,
    /// It was told that no further streams are taken.
    is_leaving: bool,
}

impl Multiplex {
    pub(super) fn new(stream: Stream, settings: &DriverSettings) -> Arc<Self> {
        let woken = Arc::<Woken>::default();
        let desks = Desks::default();
        let crew = Crew(Arc::default(), desks.clone());
        let traffic = Arc::new(Mutex::new(Traffic::new(Instant::now())));
        let mut builder = http2::Builder::new(crew.clone());
        settings.streams.apply(&mut builder);
        let hyper = builder.serve_connection(Meter::new(stream, &traffic), desks.clone());
        Arc::new(Self {
            state: Mutex::new(State {
                hyper: Some(hyper),
                crew,
                tasks: Slab::new(),
                waker: Waker::from(Arc::clone(&woken)),
                is_broken: false,
                is_leaving: false,
            }),
            desks,
            traffic,
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
                // Which the meter then says to the client.
                lock(&self.traffic).condemn();
                return state.poll();
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

    /// Streams that the client has not seen the end of.
    pub(super) fn open_streams(&self) -> usize {
        lock(&self.traffic).open()
    }

    pub(super) fn is_broken(&self) -> bool {
        lock(&self.state).is_broken
    }

    /// Resets a stream.
    pub(super) fn reset(&self, station: &Arc<Mutex<Station>>) {
        lock(station).is_left = true;
        // The stream's work is all that holds it; what it has handed over goes with it.
        let mut state = lock(&self.state);
        state
            .tasks
            .retain(|_, task| !Arc::ptr_eq(&task.station, station));
        Waker::from(Arc::clone(&self.woken)).wake();
    }

    /// Resets the streams whose answer is all there, and of which the client has not taken anything
    /// for so long. When the next of them is due.
    pub(super) fn drop_stalled(&self, patience: Duration, now: Instant) -> Option<Instant> {
        let mut next = None;
        lock(&self.state).tasks.retain(|_, task| {
            if !lock(&task.station).is_for_client_to_move() {
                return true;
            }
            let due = task.moved_at + patience;
            if due > now {
                next = Some(next.map_or(due, |next: Instant| next.min(due)));
            }
            due > now
        });
        Waker::from(Arc::clone(&self.woken)).wake();
        next
    }

    pub(super) fn is_open(&self) -> bool {
        lock(&self.state).hyper.is_some()
    }

    /// No further streams; the connection ends with those that there are. False if that was said
    /// before.
    pub(super) fn leave(&self) -> bool {
        let mut state = lock(&self.state);
        let is_first = !std::mem::replace(&mut state.is_leaving, true);
        if let Some(hyper) = &mut state.hyper
            && is_first
        {
            Pin::new(hyper).graceful_shutdown();
            Waker::from(Arc::clone(&self.woken)).wake();
        }
        is_first
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
        match Pin::new(hyper).poll(&mut cx) {
            Poll::Ready(ended) => {
                self.is_broken |= ended.is_err();
                self.end();
                false
            }
            Poll::Pending => true,
        }
    }

    fn poll_tasks(&mut self, woken: &Arc<Woken>) {
        for (work, station) in std::mem::take(&mut *lock(&self.crew.0)) {
            let call = Arc::new(Call {
                is_set: AtomicBool::new(true),
                connection: Arc::clone(woken),
            });
            let waker = Waker::from(Arc::clone(&call));
            self.tasks.insert(Task {
                work,
                station,
                call,
                waker,
                moved_at: Instant::now(),
            });
        }
        self.tasks.retain(|_, task| {
            if !task.call.is_set.swap(false, Ordering::Relaxed) {
                return true;
            }
            task.moved_at = Instant::now();
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
