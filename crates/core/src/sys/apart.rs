//! A child of this process that runs nothing but our own code.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Signals that are meant for the processes that print, not for the one that writes it down: it leaves
/// when they have left.
const IGNORED: [libc::c_int; 5] = [
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
    libc::SIGPIPE,
];

/// Forks a child that calls `run` and ends with what it gives. Gives the child's pid.
///
/// The interpreter does not learn of it, so `run` must not touch it. Nothing is dropped in the child.
/// To be called while this process has one thread.
pub fn fork_apart(run: impl FnOnce() -> i32) -> io::Result<u32> {
    #[expect(unsafe_code, reason = "there is no safe interface to fork")]
    // SAFETY: this process has one thread, so that no lock is held by one that the child lacks, and the
    // child runs our own code until `_exit(2)`.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    if pid > 0 {
        return Ok(pid.unsigned_abs());
    }
    for signal in IGNORED {
        #[expect(unsafe_code, reason = "there is no safe interface to signal")]
        // SAFETY: to ignore a signal runs no handler.
        unsafe {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
    // A panic must not unwind into what the parent was about.
    let run = std::panic::AssertUnwindSafe(run);
    let status = std::panic::catch_unwind(run).unwrap_or(1);
    #[expect(
        unsafe_code,
        reason = "the child must not run the parent's exit handlers"
    )]
    // SAFETY: ends the process, which is always possible.
    unsafe {
        libc::_exit(status)
    }
}

/// Closes every descriptor but these and the three standard streams, whoever holds them.
///
/// For a child of [`fork_apart`], where those that hold them are never dropped.
pub fn close_all_but(kept: &[BorrowedFd<'_>]) -> io::Result<()> {
    let kept: Vec<i32> = kept.iter().map(AsRawFd::as_raw_fd).collect();
    let entries = std::fs::read_dir("/proc/self/fd")?;
    let numbers: Vec<i32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    for number in numbers {
        if number > 2 && !kept.contains(&number) {
            #[expect(unsafe_code, reason = "they are known by their numbers only")]
            // SAFETY: nobody in this process uses or drops them any more; one that is closed already
            // is an error of the kernel's.
            unsafe {
                libc::close(number);
            }
        }
    }
    Ok(())
}
