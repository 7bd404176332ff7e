//! One accepted connection: its socket, its HTTP state, its deadline.
//!
//! One thread at a time works on a connection (see [`Connection::claim`]). While the app runs, the
//! same thread comes back through the `Exchange`, which waits for this one socket with poll(2).

mod patience;
mod refuse;
mod streams;
mod websocket;

use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use lictor_core::config::WireConfig;
use lictor_core::sys::RequestRecord;

use self::patience::BUSY;
use super::deadlines::NEVER;
use super::exchange::{Peer, Watcher};
use super::gateway::Language;
use super::http::{Arrived, Driver, DriverSettings, Progress, Socket};
use super::introduce::{Reception, Visitor};
use super::preface::Opening;
use super::request_log::RequestLog;
use super::sync::lock;
use super::talk::Talk;

/// How long an idle connection is kept once the worker is leaving.
pub(super) const DRAIN_IDLE_LIMIT: Duration = Duration::from_secs(1);

/// What all connections of a worker share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) driver: Arc<DriverSettings>,
    /// Where an option asks for more than taking requests as they come.
    pub(super) reception: Option<Reception>,
    pub(super) request_log: RequestLog,
    pub(super) wire: WireConfig,
    /// Every answer from now on says `Connection: close`.
    pub(super) is_draining: AtomicBool,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The first byte of the first request.
    New,
    /// The rest of a request head.
    Head,
    /// The first byte of a further request.
    Idle,
    /// Progress of a body, either way.
    Body,
    /// Nothing yet: the app has just answered.
    Answered,
    /// The peer's end, after ours.
    Lingering,
}

/// What is to be done with a connection.
pub(super) enum Next {
    /// Call the app.
    Answer(Arrived),
    /// Call the app, for one stream of the connection.
    Stream(Arc<Connection>, Arrived),
    /// Wait for the socket, at most this long from now on; `None`: as before.
    Wait(Option<Duration>),
    /// Forget it.
    Close,
}

/// Who has connected, where, and what is spoken there.
#[derive(Debug, Default)]
pub(super) struct Caller {
    pub(super) peer: Peer,
    pub(super) listener: usize,
    /// `None`: HTTP.
    pub(super) language: Option<Language>,
}

/// One accepted connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) key: u64,
    visitor: Visitor,
    pub(super) listener: usize,
    pub(super) socket: Arc<Socket>,
    pub(super) shared: Arc<Shared>,
    pub(super) state: Mutex<State>,
    /// The connection that this is a stream of.
    pub(super) parent: Option<Arc<Connection>>,
    is_claimed: AtomicBool,
    /// When to give up, on the reactor's clock.
    deadline_ms: AtomicU64,
    /// What it waits for, and whether it may be given up for a new one.
    spare: AtomicU8,
}

/// What changes as the connection goes on.
#[derive(Debug)]
pub(super) struct State {
    pub(super) driver: Driver,
    /// The websocket that it has become.
    pub(super) talk: Option<Arc<Mutex<Talk>>>,
    /// What has to come first.
    opening: Option<Opening>,
    /// The streams that an app works on.
    streams: Vec<Arc<Connection>>,
    /// Where the request in progress is written down, with `harakiri`.
    record: Option<&'static RequestRecord>,
    /// Who waits for progress of a request in flight, if its app does not keep the thread.
    watcher: Option<Arc<dyn Watcher>>,
    phase: Phase,
    lingered_bytes: usize,
    /// `Socket::bytes_read` and `bytes_written` when the phase was last looked at.
    bytes_seen: (u64, u64),
    /// What they came to when streams were last looked at.
    moved_at_look: u64,
}

impl Connection {
    pub(super) fn new(key: u64, socket: Arc<Socket>, shared: &Arc<Shared>, caller: Caller) -> Self {
        let Caller {
            peer,
            listener,
            language,
        } = caller;
        let settings = &shared.driver;
        let driver = match language {
            None => Driver::new(Arc::clone(&socket), settings),
            Some(language) => Driver::relaying(Arc::clone(&socket), settings, language),
        };
        let reception = shared.reception.as_ref();
        let visitor = Visitor::new(peer, reception);
        // Web servers say for whom they come in the request itself.
        let opening = reception.filter(|_| language.is_none());
        let opening = opening.and_then(|reception| Opening::of(&visitor, reception));
        Self {
            key,
            visitor,
            listener,
            socket,
            shared: Arc::clone(shared),
            parent: None,
            state: Mutex::new(State::new(driver, opening)),
            is_claimed: AtomicBool::new(false),
            deadline_ms: AtomicU64::new(NEVER),
            spare: AtomicU8::new(BUSY),
        }
    }

    pub(super) fn visitor(&self) -> &Visitor {
        self.parent
            .as_ref()
            .map_or(&self.visitor, |parent| &parent.visitor)
    }

    /// How long a new connection may take for its first head.
    pub(super) fn first_limit(&self) -> Duration {
        self.shared.wire.head_timeout
    }

    /// Takes the right to work on the connection, if nobody else has it.
    pub(super) fn claim(&self) -> bool {
        !self.is_claimed.swap(true, Ordering::Acquire)
    }

    /// Gives it back.
    pub(super) fn release(&self) {
        self.is_claimed.store(false, Ordering::Release);
    }

    /// The connection is the master's own, which speaks for nobody else.
    pub(super) fn skip_opening(&self) {
        lock(&self.state).opening = None;
    }

    pub(super) fn reception(&self) -> Option<&Reception> {
        self.shared.reception.as_ref()
    }

    /// How long the head of the last answer is, where that is measured.
    pub(super) fn head_bytes(&self) -> Option<u64> {
        lock(&self.state).driver.head_bytes()
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(super) fn deadline_ms(&self) -> u64 {
        self.deadline_ms.load(Ordering::Relaxed)
    }

    pub(super) fn set_deadline_ms(&self, deadline: u64) {
        self.deadline_ms.store(deadline, Ordering::Relaxed);
    }

    pub(super) fn is_draining(&self) -> bool {
        self.shared.is_draining.load(Ordering::Relaxed)
    }

    /// Goes as far as the socket allows.
    pub(super) fn advance(self: &Arc<Self>) -> Next {
        let mut state = lock(&self.state);
        if state.phase == Phase::Lingering {
            return self.linger(&mut state);
        }
        if let Some(talk) = &state.talk {
            let talk = Arc::clone(talk);
            return self.talk(state, &talk);
        }
        if state.opening.is_some()
            && let Some(next) = self.open(&mut state.opening)
        {
            return next;
        }
        if self.is_draining() {
            state.driver.leave();
        }
        match state.driver.advance() {
            Progress::Stream(driver, arrived) => {
                self.spare.store(BUSY, Ordering::Relaxed);
                if state.phase != Phase::Body {
                    state.phase = Phase::Answered;
                }
                let stream = Arc::new(Self::stream(self, *driver));
                state.streams.push(Arc::clone(&stream));
                Next::Stream(stream, arrived)
            }
            Progress::Waiting if !state.streams.is_empty() => self.wait_for_streams(state),
            Progress::Request(arrived) => {
                self.spare.store(BUSY, Ordering::Relaxed);
                Next::Answer(arrived)
            }
            Progress::Waiting if state.watcher.is_some() => {
                let watcher = state.watcher.clone();
                drop(state);
                if let Some(watcher) = watcher {
                    watcher.progressed();
                }
                // Whoever watches has its own patience with the client.
                Next::Wait(None)
            }
            Progress::Waiting => Next::Wait(self.patience(&mut state)),
            Progress::Refused(status) => {
                self.refuse(&mut state, status);
                if state.driver.is_open() {
                    return Next::Wait(self.patience(&mut state));
                }
                self.begin_lingering(&mut state)
            }
            Progress::Closed if state.driver.needs_lingering() => self.begin_lingering(&mut state),
            Progress::Closed => Next::Close,
        }
    }

    /// The client's time is up, or its place is wanted.
    pub(super) fn give_up(&self) {
        let mut state = lock(&self.state);
        if let Some(status) = state.driver.time_out() {
            self.refuse(&mut state, status);
        }
    }

    /// Whether nothing is in flight, so that a leaving worker may close it soon.
    pub(super) fn is_idle(&self) -> bool {
        let state = lock(&self.state);
        state.watcher.is_none()
            && state.streams.is_empty()
            && matches!(state.phase, Phase::New | Phase::Idle | Phase::Lingering)
    }

    /// The app is called for a request that is written down there.
    pub(super) fn set_record(&self, record: Option<&'static RequestRecord>) {
        lock(&self.state).record = record;
    }

    /// Who waits for progress of the request in flight, until it is settled.
    pub(super) fn set_watcher(&self, watcher: Arc<dyn Watcher>) {
        lock(&self.state).watcher = Some(watcher);
    }

    /// Nothing of the request in flight, if there is one, reaches the client from now on.
    pub(super) fn abandon(&self) {
        let watcher = {
            let mut state = lock(&self.state);
            if let Some(talk) = &state.talk {
                lock(talk).break_off();
            }
            if state.watcher.is_some() {
                state.driver.cut();
                if self.parent.is_none() {
                    self.socket.hang_up();
                }
            }
            let streams = std::mem::take(&mut state.streams);
            let watcher = state.watcher.clone();
            drop(state);
            for stream in streams {
                stream.abandon();
            }
            watcher
        };
        if let Some(watcher) = watcher {
            watcher.progressed();
        }
    }

    /// Works on the HTTP state once the app is done.
    pub(super) fn settle<T>(&self, work: impl FnOnce(&mut Driver, bool) -> T) -> T {
        let mut state = lock(&self.state);
        let result = work(&mut state.driver, self.is_draining());
        state.driver.end_request();
        state.record = None;
        state.watcher = None;
        state.phase = Phase::Answered;
        state.bytes_seen = (self.socket.bytes_read(), self.socket.bytes_written());
        drop(state);
        if let Some(parent) = &self.parent {
            parent.settle_stream(self);
        }
        result
    }
}

impl State {
    fn new(driver: Driver, opening: Option<Opening>) -> Self {
        Self {
            driver,
            opening,
            streams: Vec::new(),
            record: None,
            watcher: None,
            talk: None,
            phase: Phase::New,
            lingered_bytes: 0,
            bytes_seen: (0, 0),
            moved_at_look: 0,
        }
    }

    /// The app begins its answer with this much of the body. False if `harakiri` was faster.
    pub(super) fn begin(&mut self, status: u16, body_bytes: usize) -> bool {
        let Some(record) = self.record else {
            return true;
        };
        if !record.begin(status) {
            self.driver.cut();
            return false;
        }
        record.add_body_bytes(body_bytes);
        true
    }

    /// The app adds to its answer.
    pub(super) fn put(&mut self, chunk: Bytes) {
        if let Some(record) = self.record {
            record.add_body_bytes(chunk.len());
        }
        self.driver.put(chunk);
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
