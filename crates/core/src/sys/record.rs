//! What one thread of a worker says about the request that it is in.
//!
//! The thread writes, its signal handler (`end_request`) writes, the master reads and asks. The
//! sequence number tells one request from the next: it is odd while one is in flight, and a reader
//! that finds it unchanged has read the texts of one and the same request.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

/// Room for `REMOTE`, `METHOD` and `PATH`.
const TEXT_BYTES: usize = 304;
/// Between them.
const SEPARATOR: u8 = 0;

/// Bits of [`RequestRecord::form`].
const HTTP_10: u32 = 1;
const HTTP_2: u32 = 4;
const HEAD: u32 = 2;

/// Values of [`RequestRecord::answer`] below every status: nothing of the answer has begun.
const NOT_BEGUN: u32 = 0;
/// Nothing has begun, but an earlier answer on this connection is not out yet.
const BLOCKED: u32 = 1;
/// The client has been answered by `harakiri`.
const REFUSED: u32 = 2;

/// The request that a thread is in. Aligned so that threads do not share a cache line.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct RequestRecord {
    sequence: AtomicU64,
    started_ms: AtomicU64,
    /// One of the values above, or the status of the answer that has begun.
    answer: AtomicU32,
    form: AtomicU32,
    body_bytes: AtomicU64,
    thread: AtomicI32,
    socket: AtomicI32,
    /// The request that the master wants to be ended.
    asked: AtomicU64,
    /// The request that was ended, and what its answer was then.
    ended: AtomicU64,
    ended_status: AtomicU32,
    text_length: AtomicU32,
    ended_bytes: AtomicU64,
    /// The request whose traceback has been written.
    dumped: AtomicU64,
    text: [AtomicU8; TEXT_BYTES],
}

/// A request that a thread takes up.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a> {
    /// Its connection.
    pub socket: BorrowedFd<'a>,
    /// Who asks.
    pub remote: &'a str,
    /// As in the request line.
    pub method: &'a str,
    /// Path and query.
    pub uri: &'a str,
    /// The protocol of the request.
    pub is_http_10: bool,
    /// The protocol of the request is HTTP/2, where that is none of this.
    pub is_http_2: bool,
    /// An earlier answer on this connection is not out yet.
    pub is_blocked: bool,
}

/// A request in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// Tells it from the requests before and after it on this thread.
    pub sequence: u64,
    /// On the clock of the board.
    pub started_ms: u64,
}

/// The texts of a request, cut, as the client chose them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Who asked; empty for a unix socket.
    pub remote: String,
    /// As in the request line.
    pub method: String,
    /// Path and query.
    pub uri: String,
    /// The protocol of the request.
    pub is_http_10: bool,
    /// The protocol of the request is HTTP/2, where that is none of this.
    pub is_http_2: bool,
}

/// What a request that was ended had come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The status of the answer that had begun; none if nothing had.
    pub begun: Option<u16>,
    /// The client got 504.
    pub is_answered: bool,
    /// Bytes of the body that had been handed over.
    pub body_bytes: u64,
}

/// The thread's side.
impl RequestRecord {
    /// The calling thread writes here from now on.
    pub fn sit(&self) {
        let thread = rustix::thread::gettid().as_raw_nonzero().get();
        self.thread.store(thread, Ordering::Relaxed);
    }

    pub(super) fn enter(&self, request: &Taken<'_>, started_ms: u64) {
        // The end of the request before is seen before anything of this one.
        fence(Ordering::Release);
        let socket = request.socket.as_raw_fd();
        self.socket.store(socket, Ordering::Relaxed);
        self.started_ms.store(started_ms, Ordering::Relaxed);
        let answer = if request.is_blocked {
            BLOCKED
        } else {
            NOT_BEGUN
        };
        self.answer.store(answer, Ordering::Relaxed);
        self.body_bytes.store(0, Ordering::Relaxed);
        self.form.store(form_of(request), Ordering::Relaxed);
        self.write_text(request);
        self.next_sequence();
    }

    fn write_text(&self, request: &Taken<'_>) {
        let parts = [request.remote, request.method, request.uri].map(str::bytes);
        let bytes = parts
            .into_iter()
            .flat_map(|part| part.chain([SEPARATOR]))
            .take(TEXT_BYTES);
        let mut length = 0;
        for (place, byte) in self.text.iter().zip(bytes) {
            place.store(byte, Ordering::Relaxed);
            length += 1;
        }
        self.text_length.store(length, Ordering::Relaxed);
    }

    /// The answer begins. False if the client has been answered meanwhile: then nothing may be sent.
    pub fn begin(&self, status: u16) -> bool {
        let begun = |answer| (answer != REFUSED).then_some(u32::from(status));
        self.answer
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, begun)
            .is_ok()
    }

    /// So much more of its body is handed over.
    pub fn add_body_bytes(&self, count: usize) {
        self.body_bytes.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// The app is done with the request. Whether the master has ended it before.
    pub fn leave(&self) -> bool {
        let sequence = self.next_sequence();
        // Behind the store, so that a signal that comes in between finds no request any more.
        self.ended.load(Ordering::SeqCst) == sequence
    }

    /// Gives the number before.
    fn next_sequence(&self) -> u64 {
        // Nobody else writes it.
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence
            .store(sequence.wrapping_add(1), Ordering::SeqCst);
        sequence
    }
}

fn form_of(request: &Taken<'_>) -> u32 {
    let http_10 = if request.is_http_10 { HTTP_10 } else { 0 };
    let head = if request.method == "HEAD" { HEAD } else { 0 };
    let http_2 = if request.is_http_2 { HTTP_2 } else { 0 };
    http_10 | head | http_2
}

/// The side of the thread's signal handler, in which nothing may allocate or lock.
impl RequestRecord {
    pub(super) fn thread(&self) -> i32 {
        self.thread.load(Ordering::Relaxed)
    }

    pub(super) fn socket(&self) -> i32 {
        self.socket.load(Ordering::Relaxed)
    }

    pub(super) fn is_head(&self) -> bool {
        self.form.load(Ordering::Relaxed) & HEAD != 0
    }

    /// The request in flight, if the master wants it to be ended and nobody has done so.
    pub(super) fn condemned(&self) -> Option<u64> {
        let sequence = self.in_flight()?.sequence;
        let is_asked = self.asked.load(Ordering::Acquire) == sequence;
        (is_asked && self.ended.load(Ordering::Relaxed) != sequence).then_some(sequence)
    }

    /// Marks the request as ended. Whether nothing of an answer had begun, and none will: the client
    /// is to be told, in so many bytes.
    pub(super) fn end(&self, sequence: u64, refusal_bytes: usize) -> bool {
        let exchanged =
            self.answer
                .compare_exchange(NOT_BEGUN, REFUSED, Ordering::AcqRel, Ordering::Acquire);
        let (answer, bytes) = match exchanged {
            Ok(_) => (REFUSED, refusal_bytes as u64),
            Err(answer) => (answer, self.body_bytes.load(Ordering::Relaxed)),
        };
        self.ended_status.store(answer, Ordering::Relaxed);
        self.ended_bytes.store(bytes, Ordering::Relaxed);
        self.ended.store(sequence, Ordering::SeqCst);
        exchanged.is_ok()
    }

    /// The traceback of the request is written.
    pub(super) fn set_dumped(&self, sequence: u64) {
        self.dumped.store(sequence, Ordering::Release);
    }
}

/// The master's side.
impl RequestRecord {
    /// The request that the thread is in.
    pub fn in_flight(&self) -> Option<InFlight> {
        let sequence = self.sequence.load(Ordering::SeqCst);
        let started_ms = self.started_ms.load(Ordering::Relaxed);
        (sequence % 2 == 1).then_some(InFlight {
            sequence,
            started_ms,
        })
    }

    /// What is known of that request, if the thread is still in it.
    pub fn describe(&self, sequence: u64) -> Option<Described> {
        let text = self.texts();
        let form = self.form.load(Ordering::Relaxed);
        let (is_http_10, is_http_2) = (form & HTTP_10 != 0, form & HTTP_2 != 0);
        fence(Ordering::Acquire);
        if self.sequence.load(Ordering::Relaxed) != sequence {
            return None;
        }
        let mut parts = text
            .split(|byte| *byte == SEPARATOR)
            .map(|part| String::from_utf8_lossy(part).into_owned());
        let mut part = || parts.next().unwrap_or_default();
        Some(Described {
            remote: part(),
            method: part(),
            uri: part(),
            is_http_10,
            is_http_2,
        })
    }

    fn texts(&self) -> Vec<u8> {
        let length = self.text_length.load(Ordering::Relaxed) as usize;
        let bytes = self.text.iter().take(length);
        bytes.map(|byte| byte.load(Ordering::Relaxed)).collect()
    }

    /// Wants the request to be ended; to be followed by the signal. Gives the thread.
    pub fn ask(&self, sequence: u64) -> i32 {
        self.asked.store(sequence, Ordering::Release);
        self.thread()
    }

    /// The last request that was ended and whose traceback is written; 0 for none.
    pub fn dumped(&self) -> u64 {
        self.dumped.load(Ordering::Acquire)
    }

    /// What came of it, once the request has been ended.
    pub fn ended(&self, sequence: u64) -> Option<Ended> {
        if self.ended.load(Ordering::SeqCst) != sequence {
            return None;
        }
        let answer = self.ended_status.load(Ordering::Relaxed);
        Some(Ended {
            begun: u16::try_from(answer).ok().filter(|status| *status >= 100),
            is_answered: answer == REFUSED,
            body_bytes: self.ended_bytes.load(Ordering::Relaxed),
        })
    }
}
