//! Ending a request from outside its thread, whatever the thread does.
//!
//! The master sends a signal to the one thread, and the handler, which runs on that thread in the
//! middle of the app, answers the client. It needs neither the interpreter nor a lock, so it works
//! as well for a thread that sleeps, that waits for a lock, or that computes in C and holds the
//! interpreter. Then it lets the handler that was there before write where the thread stands:
//! Python's `faulthandler`. That one comes second because it walks frames that may be half built.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::sync::OnceLock;

use rustix::net::{RecvFlags, SendFlags, Shutdown, connect_unspec, recv, send, shutdown};

use super::record::RequestRecord;
use super::requests::RequestBoard;

/// The same as `worker/http/head.rs` gives for a failure.
const ANSWER: &[u8] = b"HTTP/1.1 504 Gateway Timeout\r\nserver: lictor\r\nconnection: close\r\n\
    content-type: text/plain; charset=utf-8\r\ncontent-length: 20\r\n\r\n504 Gateway Timeout\n";
const BODY_BYTES: usize = 20;

/// Most of a request body that is thrown away, in pieces: what is unread when the socket is closed
/// makes the kernel send a reset, which can overtake the answer (RFC 9112 §9.6).
const PIECES: usize = 256;
const PIECE_BYTES: usize = 1024;

/// What the handler works with.
struct Armed {
    board: &'static RequestBoard,
    /// The handler that was there before.
    before: Option<extern "C" fn(libc::c_int)>,
}

static ARMED: OnceLock<Armed> = OnceLock::new();

/// The signal that ends a request. The highest ones are the least used: glibc and run-time systems
/// take theirs from below.
pub fn end_signal() -> i32 {
    libc::SIGRTMAX() - 1
}

/// Sends the signal to one thread of a child that has not been reaped.
pub fn interrupt(pid: u32, thread: i32) -> io::Result<()> {
    #[expect(
        unsafe_code,
        reason = "there is no safe interface to signal one thread of another process"
    )]
    // SAFETY: tgkill(2) takes three numbers and touches no memory of ours. The kernel refuses a
    // thread that is not one of that process.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, pid, thread, end_signal()) };
    if sent == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Lets the signal end the requests of this process, which writes on `board`. Once in a process,
/// before it starts its threads; the handler that is there by then is called as well.
pub fn end_requests_of(board: &'static RequestBoard) -> io::Result<()> {
    let before = current_action()?;
    // A handler that wants more than the number is not the one that was put there for this.
    let is_plain = before.sa_flags & libc::SA_SIGINFO == 0;
    let before = match before.sa_sigaction {
        libc::SIG_DFL | libc::SIG_IGN => None,
        address if is_plain => Some(as_handler(address)),
        _ => None,
    };
    if ARMED.set(Armed { board, before }).is_err() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    install()
}

fn current_action() -> io::Result<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    #[expect(unsafe_code, reason = "there is no safe interface to sigaction")]
    // SAFETY: without a new action sigaction(2) only fills in the old one, for which there is room.
    let got = unsafe { libc::sigaction(end_signal(), std::ptr::null(), action.as_mut_ptr()) };
    if got != 0 {
        return Err(io::Error::last_os_error());
    }
    #[expect(unsafe_code, reason = "there is no safe interface to sigaction")]
    // SAFETY: all zeroes are a valid value, and the call has filled it in.
    let action = unsafe { action.assume_init() };
    Ok(action)
}

fn as_handler(address: usize) -> extern "C" fn(libc::c_int) {
    #[expect(
        unsafe_code,
        reason = "the kernel knows handlers by their address only"
    )]
    // SAFETY: the kernel has it as a handler without SA_SIGINFO, so it is a function of C that
    // takes the number of the signal; `faulthandler` is never unloaded.
    unsafe {
        std::mem::transmute::<*const (), extern "C" fn(libc::c_int)>(
            std::ptr::with_exposed_provenance(address),
        )
    }
}

fn install() -> io::Result<()> {
    let handler: extern "C" fn(libc::c_int) = on_signal;
    #[expect(unsafe_code, reason = "there is no safe interface to sigaction")]
    // SAFETY: all zeroes are a valid value: no flags, an empty mask, the default action.
    let mut action = unsafe { MaybeUninit::<libc::sigaction>::zeroed().assume_init() };
    action.sa_sigaction = (handler as *const ()).expose_provenance();
    // The app's system calls go on. Not SA_ONSTACK: other stacks are made for handlers that do
    // next to nothing, the thread's own has room.
    action.sa_flags = libc::SA_RESTART;
    #[expect(unsafe_code, reason = "there is no safe interface to sigaction")]
    // SAFETY: the handler is async-signal-safe: it makes system calls and touches atomics, see there.
    let set = unsafe { libc::sigaction(end_signal(), &raw const action, std::ptr::null_mut()) };
    if set != 0 {
        return Err(io::Error::last_os_error());
    }
    unblock()
}

/// Whoever started us, or the app while it was imported, may have blocked the signal. Threads inherit
/// the mask.
fn unblock() -> io::Result<()> {
    #[expect(unsafe_code, reason = "there is no safe interface to signal masks")]
    // SAFETY: all zeroes are a valid value, which the next call only adds to.
    let mut set = unsafe { MaybeUninit::<libc::sigset_t>::zeroed().assume_init() };
    #[expect(unsafe_code, reason = "there is no safe interface to signal masks")]
    // SAFETY: the set is ours and valid.
    let _valid_number = unsafe { libc::sigaddset(&raw mut set, end_signal()) };
    #[expect(unsafe_code, reason = "there is no safe interface to signal masks")]
    // SAFETY: the set is only read, and the old mask is not asked for.
    let error =
        unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &raw const set, std::ptr::null_mut()) };
    if error == 0 {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(error))
    }
}

/// Async-signal-safe: no allocation, no lock, no panic; system calls go through rustix, which makes
/// them itself and leaves `errno` alone.
extern "C" fn on_signal(number: libc::c_int) {
    let Some(armed) = ARMED.get() else {
        return;
    };
    let this = rustix::thread::gettid().as_raw_nonzero().get();
    let records = armed.board.records();
    let Some(record) = records.iter().find(|record| record.thread() == this) else {
        return;
    };
    // A request that has ended in time is left alone, and so is the next one.
    let Some(sequence) = record.condemned() else {
        return;
    };
    answer_client(record, sequence);
    if let Some(before) = armed.before {
        keeping_errno(|| before(number));
    }
    record.set_dumped(sequence);
    armed.board.ring();
}

fn answer_client(record: &RequestRecord, sequence: u64) {
    let number = record.socket();
    if number < 0 {
        return;
    }
    #[expect(unsafe_code, reason = "a signal handler has the number only")]
    // SAFETY: not negative, and the thread that was interrupted holds the connection open as long as
    // it is in the request. One that the app has closed is an error of the kernel's.
    let socket = unsafe { BorrowedFd::borrow_raw(number) };
    let body_bytes = if record.is_head() { 0 } else { BODY_BYTES };
    if record.end(sequence, body_bytes) {
        refuse(socket, body_bytes);
    } else {
        cut(socket);
    }
}

fn refuse(socket: BorrowedFd<'_>, body_bytes: usize) {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let length = ANSWER.len() - BODY_BYTES + body_bytes;
    let answer = ANSWER.get(..length).unwrap_or(ANSWER);
    // A client that is gone needs no answer.
    let _gone = send(socket, answer, flags);
    // What the app may still say must not reach it.
    let _gone = shutdown(socket, Shutdown::Write);
    let mut piece = [0; PIECE_BYTES];
    for _ in 0..PIECES {
        match recv(socket, &mut piece, RecvFlags::DONTWAIT) {
            Ok((count, _)) if count > 0 => {}
            Ok(_) | Err(_) => break,
        }
    }
}

/// An answer without a declared length ends with its connection, so an orderly end would complete it.
/// Dissolving the association makes TCP send a reset (`connect(2)`, `AF_UNSPEC`).
fn cut(socket: BorrowedFd<'_>) {
    if connect_unspec(socket).is_err() {
        // A unix socket.
        let _gone = shutdown(socket, Shutdown::Both);
    }
}

fn keeping_errno(action: impl FnOnce()) {
    #[expect(unsafe_code, reason = "there is no safe interface to errno")]
    // SAFETY: it has no preconditions.
    let errno = unsafe { libc::__errno_location() };
    #[expect(unsafe_code, reason = "there is no safe interface to errno")]
    // SAFETY: the address belongs to this thread and lives as long as it.
    let before = unsafe { *errno };
    action();
    #[expect(unsafe_code, reason = "there is no safe interface to errno")]
    // SAFETY: as above.
    unsafe {
        *errno = before;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::{AsFd, OwnedFd};
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::time::{Duration, Instant};

    use rustix::event::{EventfdFlags, eventfd};

    use super::*;
    use crate::sys::Taken;

    const PATIENCE: Duration = Duration::from_mins(1);

    /// The board of this process, with a record for each test.
    fn board() -> &'static RequestBoard {
        static BOARD: OnceLock<&'static RequestBoard> = OnceLock::new();
        BOARD.get_or_init(|| {
            let bell = Arc::new(eventfd(0, EventfdFlags::NONBLOCK).unwrap());
            let board = RequestBoard::new(8, Instant::now(), bell).unwrap();
            let board = Box::leak(Box::new(board));
            end_requests_of(board).unwrap();
            board
        })
    }

    /// What happens to a request of a thread that waits without end.
    struct Scene {
        method: &'static str,
        begun: Option<u16>,
        is_blocked: bool,
        /// Whether the request that is to be ended is the one that the thread is in.
        is_current: bool,
    }

    const STUCK: Scene = Scene {
        method: "GET",
        begun: None,
        is_blocked: false,
        is_current: true,
    };

    /// Whether the thread learned that its request was ended.
    fn play(number: usize, socket: OwnedFd, scene: &'static Scene) -> bool {
        let record = &board().records()[number];
        let (stuck, has_begun) = mpsc::channel();
        let (let_go, gate) = mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            record.sit();
            let taken = Taken {
                socket: socket.as_fd(),
                remote: "",
                method: scene.method,
                uri: "/",
                is_http_10: false,
                is_http_2: false,
                is_blocked: scene.is_blocked,
            };
            board().enter(record, &taken);
            if let Some(status) = scene.begun {
                assert!(record.begin(status));
                send(&socket, b"begun", SendFlags::empty()).unwrap();
            }
            stuck.send(()).unwrap();
            gate.recv().unwrap();
            let is_ended = record.leave();
            (is_ended, socket)
        });
        has_begun.recv_timeout(PATIENCE).unwrap();
        let sequence = record.in_flight().unwrap().sequence;
        let wanted = if scene.is_current {
            sequence
        } else {
            sequence + 2
        };
        let number = record.ask(wanted);
        interrupt(std::process::id(), number).unwrap();
        let until = Instant::now() + PATIENCE;
        while scene.is_current && record.dumped() != sequence {
            assert!(Instant::now() < until, "the signal had no effect");
            std::thread::yield_now();
        }
        let_go.send(()).unwrap();
        thread.join().unwrap().0
    }

    fn tcp() -> (TcpStream, OwnedFd) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        (client, listener.accept().unwrap().0.into())
    }

    fn text(mut client: impl Read) -> io::Result<String> {
        let mut text = String::new();
        client.read_to_string(&mut text).map(|_| text)
    }

    #[test]
    fn a_stuck_thread_answers_its_client() {
        let (mut client, socket) = tcp();
        // What the app has not read must not cost the client its answer.
        client.write_all(&vec![b'x'; 100_000]).unwrap();
        assert!(play(0, socket, &STUCK));
        let text = text(client).unwrap();
        assert_eq!(text.as_bytes(), ANSWER);
        assert!(text.ends_with("\r\n\r\n504 Gateway Timeout\n"), "{text}");
    }

    #[test]
    fn an_answer_to_head_has_no_body() {
        const HEAD: Scene = Scene {
            method: "HEAD",
            ..STUCK
        };
        let (client, socket) = UnixStream::pair().unwrap();
        assert!(play(1, socket.into(), &HEAD));
        let text = text(client).unwrap();
        assert!(text.ends_with("content-length: 20\r\n\r\n"), "{text}");
    }

    #[test]
    fn an_answer_that_has_begun_never_looks_complete() {
        const BEGUN: Scene = Scene {
            begun: Some(200),
            ..STUCK
        };
        let (client, socket) = tcp();
        assert!(play(2, socket, &BEGUN));
        let error = text(client).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        let ended = board().records()[2].ended(1).unwrap();
        assert_eq!((ended.begun, ended.is_answered), (Some(200), false));
        // A unix socket knows no reset.
        let (client, socket) = UnixStream::pair().unwrap();
        assert!(play(3, socket.into(), &BEGUN));
        assert_eq!(text(client).unwrap(), "begun");
    }

    #[test]
    fn nothing_is_put_behind_an_answer_that_is_not_out_yet() {
        const BLOCKED: Scene = Scene {
            is_blocked: true,
            ..STUCK
        };
        let (client, socket) = UnixStream::pair().unwrap();
        assert!(play(4, socket.into(), &BLOCKED));
        assert_eq!(text(client).unwrap(), "");
        let ended = board().records()[4].ended(1).unwrap();
        assert_eq!((ended.begun, ended.is_answered), (None, false));
    }

    #[test]
    fn another_request_of_the_thread_is_left_alone() {
        const ANOTHER: Scene = Scene {
            is_current: false,
            ..STUCK
        };
        let (client, socket) = UnixStream::pair().unwrap();
        assert!(!play(5, socket.into(), &ANOTHER));
        assert_eq!(text(client).unwrap(), "");
        assert!(board().records()[5].ended(1).is_none());
    }

    #[test]
    fn an_answer_cannot_begin_once_the_client_has_one() {
        let record = &board().records()[6];
        let (_client, socket) = UnixStream::pair().unwrap();
        let taken = Taken {
            socket: socket.as_fd(),
            remote: "",
            method: "GET",
            uri: "/",
            is_http_10: true,
            is_http_2: false,
            is_blocked: false,
        };
        board().enter(record, &taken);
        let sequence = record.in_flight().unwrap().sequence;
        assert!(record.end(sequence, 20));
        assert!(!record.begin(200));
        assert!(record.leave());
        board().enter(record, &taken);
        assert!(record.begin(200) && !record.leave());
    }
}
