//! `harakiri`: ending requests that take too long, from outside.
//!
//! The master watches each worker through a board in shared memory, because a worker inside an app
//! cannot watch itself, and a thread for it would cost memory and forks. `rules` decides, `report`
//! words it. The thread of an overdue request is sent a signal, whose handler answers the client and
//! writes where the thread stands (`core/sys/end_request.rs`). Then the pool is told that the worker
//! is lost; a worker in which nothing is left to finish is killed here.

mod report;
mod rules;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use lictor_core::config::VassalConfig;
use lictor_core::ipc::MasterMessage;
use lictor_core::sys::{Described, InFlight, RequestBoard, interrupt, scratch_memfd};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::ftruncate;

use self::report::{Report, cleaned};
use self::rules::{Seen, Step, View, Watch};
use super::pool::{PoolEvent, Reason, Seat};
use super::run::Master;
use crate::worker::{self, AccessLine, Came, LineForm, Selection, protocol};

/// Most of a traceback that is read.
const DUMP_LIMIT_BYTES: usize = 64 * 1024;
/// A pipe that polls as writable takes this much without blocking (`pipe(7)`, `PIPE_BUF`).
const PIECE_BYTES: usize = 4096;

/// What a new worker takes along.
pub(super) struct WatchedWorker {
    pub(super) board: RequestBoard,
    /// Where its tracebacks are written.
    pub(super) dump: OwnedFd,
}

/// The master's side of it.
struct Watched {
    seat: Seat,
    slot: u32,
    pid: u32,
    board: RequestBoard,
    dump: OwnedFd,
    watch: Watch,
    asked: Option<(Described, u64)>,
}

/// What came of a look.
enum Heard {
    Report(Report),
    Condemned(Seat),
    /// Nothing that can be finished is left in it.
    Empty(Seat),
}

/// All workers whose requests are watched; none without `harakiri`.
pub(super) struct Overdue {
    limit: Option<Limit>,
    prepared: Option<WatchedWorker>,
    watched: Vec<Watched>,
}

struct Limit {
    milliseconds: u64,
    threads: u32,
    epoch: Instant,
    /// Rung by a worker that takes up a request while nobody looks, and by one that has ended one.
    bell: Arc<OwnedFd>,
}

impl Overdue {
    pub(super) fn new(config: &VassalConfig) -> io::Result<Self> {
        let with_limit = |limit: Duration| -> io::Result<Limit> {
            Ok(Limit {
                milliseconds: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX).max(1),
                threads: config.threads.max(1),
                epoch: Instant::now(),
                bell: Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?),
            })
        };
        Ok(Self {
            limit: config.harakiri.map(with_limit).transpose()?,
            prepared: None,
            watched: Vec::new(),
        })
    }

    /// Readable when there is something to look at.
    pub(super) fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.limit.as_ref().map(|limit| limit.bell.as_fd())
    }

    /// When to look, unless the bell rings.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let looks = self
            .watched
            .iter()
            .map(|watched| watched.watch.look_at_ms());
        let earliest = Duration::from_millis(looks.flatten().min()?);
        self.limit.as_ref()?.epoch.checked_add(earliest)
    }

    /// Before a fork.
    pub(super) fn prepare(&mut self) -> io::Result<()> {
        if let Some(limit) = &self.limit {
            self.prepared = Some(WatchedWorker {
                board: RequestBoard::new(limit.threads, limit.epoch, Arc::clone(&limit.bell))?,
                dump: scratch_memfd("lictor-traceback")?,
            });
        }
        Ok(())
    }

    /// After a fork, in the worker.
    pub(super) fn take_prepared(&mut self) -> Option<WatchedWorker> {
        self.prepared.take()
    }

    /// After a fork, in the master.
    pub(super) fn forked(&mut self, seat: Seat, slot: u32, pid: u32) {
        let (Some(limit), Some(prepared)) = (&self.limit, self.prepared.take()) else {
            return;
        };
        self.watched.push(Watched {
            seat,
            slot,
            pid,
            board: prepared.board,
            dump: prepared.dump,
            watch: Watch::new(limit.milliseconds, limit.threads as usize),
            asked: None,
        });
    }

    /// A worker has ended: what there is to tell about the request that it was asked to end.
    fn exited(&mut self, seat: Seat) -> Option<Report> {
        let index = self
            .watched
            .iter()
            .position(|watched| watched.seat == seat)?;
        let mut watched = self.watched.swap_remove(index);
        let (thread, sequence) = watched.watch.asked()?;
        watched.report(thread, sequence)
    }

    fn look(&mut self) -> Vec<Heard> {
        let Some(limit) = &self.limit else {
            return Vec::new();
        };
        let _not_rung = rustix::io::read(&*limit.bell, &mut [0; 8][..]);
        self.watched.iter_mut().flat_map(Watched::look).collect()
    }
}

impl Watched {
    fn look(&mut self) -> Vec<Heard> {
        let now_ms = self.board.now_ms();
        if !self.watch.is_due(self.board.is_parked(), now_ms) {
            return Vec::new();
        }
        let mut heard = Vec::new();
        for step in self.watch.step(&self.view(), now_ms) {
            match step {
                Step::Ask { thread, request } => self.ask(thread, request, now_ms),
                Step::Tell { thread, sequence } => {
                    heard.extend(self.report(thread, sequence).map(Heard::Report));
                }
                Step::Condemn => heard.push(Heard::Condemned(self.seat)),
                Step::Kill => heard.push(Heard::Empty(self.seat)),
                Step::Park => {
                    if !self.board.park() {
                        self.watch.unpark(now_ms);
                    }
                }
            }
        }
        heard
    }

    fn view(&self) -> View {
        let threads = self.board.records().iter().map(|record| Seen {
            in_flight: record.in_flight(),
            ended: record.dumped(),
        });
        View {
            threads: threads.collect(),
            // Before the number, which cannot rise any more then.
            has_withdrawn: self.board.has_withdrawn(),
            connections: self.board.connections(),
            grace_ms: self.board.grace_ms(),
        }
    }

    fn ask(&mut self, thread: usize, request: InFlight, now_ms: u64) {
        let Some(record) = self.board.records().get(thread) else {
            return;
        };
        // Read before it is ended: the next request of the thread would write over it.
        let age_ms = now_ms.saturating_sub(request.started_ms);
        let described = record.describe(request.sequence);
        self.asked = described.map(|described| (described, age_ms));
        if self.asked.is_none() {
            return;
        }
        // A worker that sealed it keeps what it wrote before.
        let _sealed = ftruncate(&self.dump, 0);
        let thread = record.ask(request.sequence);
        // A thread that has ended answers nobody; that is noticed when its time is over.
        drop(interrupt(self.pid, thread));
    }

    fn report(&mut self, thread: usize, sequence: u64) -> Option<Report> {
        let (request, age_ms) = self.asked.take()?;
        let ended = self.board.records().get(thread)?.ended(sequence);
        let mut dump = vec![0; DUMP_LIMIT_BYTES];
        let length = rustix::io::pread(&self.dump, &mut dump, 0).unwrap_or(0);
        Some(Report {
            worker: self.slot,
            pid: self.pid,
            request,
            age_ms,
            is_loop: self.board.grace_ms() > 0,
            ended,
            traceback: cleaned(dump.get(..length).unwrap_or_default()),
        })
    }
}

impl Master {
    /// Looks at the requests of all workers.
    pub(super) fn hear_overdue(&mut self, events: &mut Vec<PoolEvent>) {
        for heard in self.overdue.look() {
            match heard {
                Heard::Report(report) => self.tell_overdue(&report),
                Heard::Condemned(seat) => {
                    if let Some(worker) = self.workers.get_mut(&seat) {
                        worker.ended_for = Some(Reason::Overdue);
                    }
                    events.push(PoolEvent::Condemned(seat));
                }
                Heard::Empty(seat) => self.kill_worker(seat),
            }
        }
    }

    /// A worker has ended, watched or not.
    pub(super) fn watched_exited(&mut self, seat: Seat) {
        if let Some(report) = self.overdue.exited(seat) {
            self.tell_overdue(&report);
        }
    }

    fn tell_overdue(&self, report: &Report) {
        self.parts.scoreboard.count_harakiri(report.worker);
        let line = access_line(report, &self.parts.config).unwrap_or_default();
        if worker::say_apart(&line) {
            say(&report.text());
        } else {
            say(&format!("{}{line}", report.text()));
        }
        self.tell_emperor(&MasterMessage::RequestOverdue {
            worker: report.worker,
            pid: report.pid,
            method: report.request.method.clone(),
            path: report.request.uri.clone(),
            age_ms: report.age_ms,
            traceback: report.traceback.clone(),
        });
    }
}

/// The worker writes none for a request that was ended. Its header fields are not known here.
fn access_line(report: &Report, config: &VassalConfig) -> Option<String> {
    let request = &report.request;
    let begun = report.ended.and_then(|ended| ended.begun);
    let status = begun.unwrap_or(504);
    let took = Duration::from_millis(report.age_ms);
    let selection = Selection::new(config.access_log, &config.request_log)?;
    let line = AccessLine {
        remote: &request.remote,
        remote_port: "",
        method: &request.method,
        uri: &request.uri,
        protocol: protocol(request.is_http_10, request.is_http_2),
        is_secure: false,
        host: None,
        status,
        body_bytes: report.ended.map_or(0, |ended| ended.body_bytes),
        head_bytes: None,
        took,
        worker: report.worker,
        pid: report.pid,
        thread: None,
        request_id: None,
        variables: &[],
        field: &|_| None,
    };
    let is_logged = selection.wants(&Came {
        status,
        is_error: true,
        took,
        body_bytes: line.body_bytes,
        is_file: false,
    });
    is_logged.then(|| line.render(&LineForm::from(config), SystemTime::now()))
}

/// Says it in the app's own log, as far as that takes it without blocking.
pub(super) fn say(text: &str) {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    for piece in text.as_bytes().chunks(PIECE_BYTES) {
        let mut fds = [PollFd::from_borrowed_fd(
            rustix::stdio::stderr(),
            PollFlags::OUT,
        )];
        let is_polled = poll(&mut fds, Some(&now)).is_ok();
        let [stderr] = &fds;
        if !is_polled || stderr.revents() != PollFlags::OUT {
            return;
        }
        let _lost = rustix::io::write(rustix::stdio::stderr(), piece);
    }
}
