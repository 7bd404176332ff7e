//! The loop of a worker: wait, read, call, write.
//!
//! An epoll set used directly: mio offers neither EPOLLEXCLUSIVE nor EPOLLONESHOT, and a runtime
//! would put its own loop between the socket and the app. With one thread every connection is
//! registered once, edge-triggered, and again only when it waits for room to write; with several they share the set, one-shot, each taking one
//! event at a time, so that nothing waits behind a busy thread. The loop runs without the
//! interpreter, which is attached around each call of the app alone.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use lictor_core::config::VassalConfig;
use lictor_core::ipc::Channel;
use lictor_core::sys::{Demand, RequestBoard, Slot};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::event::{EventfdFlags, eventfd};
use rustix::io::Errno;
use slab::Slab;

use super::connection::{Connection, Next, Shared};
use super::deadlines::NEVER;
use super::door::Door;
use super::eldest::Eldest;
use super::files::Files;
use super::http::DriverSettings;
use super::imports::Imports;
use super::introduce::Reception;
use super::mounts::Mounts;
use super::phase::Phase;
use super::recycle::Limits;
use super::request_log::RequestLog;
use super::routes::Routes;
use super::sync::lock;
use super::table::index_of;
use super::wsgi::Application;
use super::{App, Listener, Worker, accept, threads, websocket};

/// Events taken at once where no other thread could take them.
const BATCH: usize = 64;
/// Keys of the epoll set beside the connections'.
pub(super) const LISTENER_KEY: u64 = 1 << 63;
const CHANNEL_KEY: u64 = u64::MAX;
const WAKE_KEY: u64 = u64::MAX - 1;

/// What the threads of a worker share.
pub(super) struct Reactor {
    pub(super) epoll: OwnedFd,
    pub(super) wake: OwnedFd,
    pub(super) channel: Arc<Channel>,
    pub(super) listeners: Mutex<Vec<Listener>>,
    /// Where they are watched instead of `epoll`, with an event loop.
    pub(super) door: OnceLock<Door>,
    pub(super) table: Mutex<Slab<Arc<Connection>>>,
    pub(super) shared: Arc<Shared>,
    pub(super) app: App,
    pub(super) slot: Slot,
    /// With `cheaper`.
    pub(super) demand: Option<Demand>,
    /// With `harakiri`.
    pub(super) board: Option<&'static RequestBoard>,
    /// With `harakiri` and an event loop.
    pub(super) eldest: Option<Eldest>,
    /// With `static-map`, `check-static`, `file-serve-mode` or a `route` to a file.
    pub(super) files: Option<Files>,
    /// With `route`.
    pub(super) routes: Option<Routes>,
    pub(super) limits: Option<Limits>,
    /// With `py-autoreload`.
    pub(super) imports: Option<Imports>,
    /// With `mount`.
    pub(super) mounts: Option<Mounts>,
    pub(super) websockets: websocket::Limits,
    pub(super) phase: AtomicU8,
    pub(super) started: Instant,
    /// When the earliest deadline of any connection passes, at the earliest.
    pub(super) next_look_ms: AtomicU64,
    pub(super) drain_until_ms: AtomicU64,
    pub(super) is_accept_paused: AtomicBool,
    /// Its master wants new connections to wait.
    pub(super) is_held: AtomicBool,
    /// Given up for the connection that comes when there is no other descriptor left.
    pub(super) spare: Mutex<Option<OwnedFd>>,
    pub(super) generation: AtomicU32,
    pub(super) connection_limit: usize,
    pub(super) backlog: u32,
    pub(super) reload_mercy: Duration,
    threads: u32,
    /// Several threads.
    pub(super) is_shared: bool,
    /// No other worker accepts on the same sockets.
    pub(super) is_alone: bool,
}

/// With `harakiri` and an event loop.
fn eldest(board: Option<&'static RequestBoard>, app: &App) -> Option<Eldest> {
    let board = board.filter(|_| matches!(app, App::Asgi(_)));
    board.and_then(Eldest::new)
}

impl Reactor {
    pub(super) fn new(worker: Worker, app: App) -> std::io::Result<Self> {
        let config = &worker.config;
        let routes = Routes::new(&config.routes);
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let wake = eventfd(
            0,
            EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK | EventfdFlags::SEMAPHORE,
        )?;
        epoll::add(
            &epoll,
            &worker.channel,
            EventData::new_u64(CHANNEL_KEY),
            EventFlags::IN,
        )?;
        epoll::add(&epoll, &wake, EventData::new_u64(WAKE_KEY), EventFlags::IN)?;
        Ok(Self {
            epoll,
            spare: Mutex::new(wake.try_clone().ok()),
            wake,
            listeners: Mutex::new(worker.listeners),
            door: OnceLock::new(),
            table: Mutex::default(),
            shared: Arc::new(Shared {
                driver: Arc::new(driver_settings(config)),
                wire: config.wire.clone(),
                reception: Reception::new(config),
                request_log: RequestLog::new(config, worker.id),
                is_draining: AtomicBool::new(false),
            }),
            eldest: eldest(worker.board, &app),
            app,
            slot: worker.slot,
            demand: worker.demand,
            board: worker.board,
            files: Files::new(&config.files, routes.iter().flat_map(Routes::files)),
            routes,
            limits: Limits::new(config),
            imports: Imports::new(config),
            mounts: Mounts::new(worker.mountpoints, config.apps.manage_script_name),
            websockets: websocket_limits(config),
            phase: AtomicU8::new(Phase::Waiting as u8),
            started: Instant::now(),
            next_look_ms: AtomicU64::new(NEVER),
            drain_until_ms: AtomicU64::new(NEVER),
            is_accept_paused: AtomicBool::new(false),
            is_held: AtomicBool::new(false),
            generation: AtomicU32::new(0),
            connection_limit: accept::connection_limit(config.wire.max_connections),
            backlog: config.listen.max(1),
            reload_mercy: config.reload_mercy,
            threads: config.threads.max(1),
            is_shared: config.threads > 1,
            is_alone: config.processes <= 1,
            channel: worker.channel,
        })
    }

    /// The loop of one thread, the main one being number 0; returns when the worker is done.
    pub(super) fn run(self: &Arc<Self>, number: usize) {
        let is_main = number == 0;
        threads::take_number(number, self.slot.thread(number));
        if let Some(record) = self.board.and_then(|board| board.records().get(number)) {
            threads::sit_at(record);
        }
        let batch = if self.is_shared { 1 } else { BATCH };
        let mut events: Vec<Event> = Vec::with_capacity(batch);
        while self.phase() != Phase::Finished {
            events.clear();
            let timeout = self.timeout();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()) {
                // Signal handlers of the app run in the main thread only.
                Err(Errno::INTR) if is_main => {
                    if Application::wants_to_leave() {
                        return self.finish();
                    }
                }
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => {
                    Application::log(&format!(
                        "lictor: the worker cannot wait for events: {error}"
                    ));
                    return self.finish();
                }
            }
            for event in &events {
                self.dispatch(event.data.u64(), event.flags);
            }
            self.look_at_deadlines();
        }
    }

    pub(super) fn dispatch(self: &Arc<Self>, key: u64, flags: EventFlags) {
        match key {
            CHANNEL_KEY => self.take_orders(),
            WAKE_KEY => self.take_wake(),
            _ if key & LISTENER_KEY != 0 => {
                self.take_late_orders();
                self.accept(usize::try_from(key & !LISTENER_KEY).unwrap_or(usize::MAX));
            }
            _ => {
                let found = lock(&self.table).get(index_of(key)).map(Arc::clone);
                // The place may have been given to another connection meanwhile.
                let Some(connection) = found.filter(|found| found.key == key) else {
                    return;
                };
                if !connection.claim() {
                    return;
                }
                let socket = connection.socket();
                if flags.intersects(EventFlags::IN) {
                    socket.set_readable();
                }
                if flags.intersects(EventFlags::OUT) {
                    socket.set_writable();
                }
                if flags.intersects(EventFlags::RDHUP | EventFlags::HUP | EventFlags::ERR) {
                    socket.set_ending();
                }
                self.work_on(&connection);
            }
        }
    }

    /// Does everything that can be done for a claimed connection, then waits for its socket again.
    pub(super) fn work_on(self: &Arc<Self>, connection: &Arc<Connection>) {
        loop {
            match connection.advance() {
                Next::Answer(request) => self.answer(connection, request),
                Next::Stream(stream, request) => self.answer(&stream, request),
                Next::Close => return self.forget(connection),
                Next::Wait(patience) => {
                    if let Some(patience) = patience {
                        self.set_deadline(connection, patience);
                    }
                    break;
                }
            }
        }
        let flags = self.connection_flags(connection);
        let has_given_way = connection.socket().has_given_way();
        let has_no_room = !self.tells_room() && connection.socket().is_write_blocked();
        // Released first: an event that comes between the two must find the connection free.
        connection.release();
        // Changed or not, epoll then tells what is ready, after all that was ready before.
        if self.is_shared || has_given_way || has_no_room {
            self.arm_connection(connection, flags);
        }
    }

    /// Has epoll tell again what is ready.
    pub(super) fn ask_again(&self, connection: &Connection) {
        self.arm_connection(connection, self.connection_flags(connection));
    }

    fn arm_connection(&self, connection: &Connection, flags: EventFlags) {
        let data = EventData::new_u64(connection.key);
        // Fails only for a connection that another thread has closed since.
        let _closed_meanwhile = epoll::modify(&self.epoll, connection, data, flags);
    }

    pub(super) fn connection_flags(&self, connection: &Connection) -> EventFlags {
        let mut flags = EventFlags::IN | EventFlags::RDHUP;
        flags |= if self.is_shared {
            EventFlags::ONESHOT
        } else {
            EventFlags::ET
        };
        let wants_room = self.tells_room() || connection.socket().is_write_blocked();
        flags.set(EventFlags::OUT, wants_room);
        flags
    }

    /// Whether epoll tells of room for writing unasked. An ASGI app may run out of it anywhere;
    /// all else passes `work_on`, which then asks: the peer of a unix socket makes room whenever
    /// it reads, and a worker that is told so wakes twice for each request.
    fn tells_room(&self) -> bool {
        !self.is_shared && matches!(self.app, App::Asgi(_))
    }

    /// Wakes every thread, to look at the phase and the deadlines again: a semaphore with a token
    /// for each. Once the worker is done nobody takes one, so that none is missed.
    pub(super) fn wake_all(&self) {
        let _full_is_fine = rustix::io::write(&self.wake, &u64::from(self.threads).to_ne_bytes());
    }

    fn take_wake(&self) {
        if self.phase() != Phase::Finished {
            let _another_took_it = rustix::io::read(&self.wake, &mut [0_u8; 8]);
        }
    }
}

fn driver_settings(config: &VassalConfig) -> DriverSettings {
    let keeps = !config.wire.keepalive.is_zero();
    DriverSettings::new(config.buffer_size, config.limit_post, keeps)
        .speaking(config.wire.http2)
        .measuring_heads(config.request_log.format.counts_heads())
        .answering(&config.answers, &config.files.compress)
}

fn websocket_limits(config: &VassalConfig) -> websocket::Limits {
    let options = &config.asgi.websocket;
    websocket::Limits {
        message_size: options.max_size,
        ping_interval: options.ping_interval,
        ping_timeout: options.ping_timeout,
        deflate: options.deflate,
    }
}
