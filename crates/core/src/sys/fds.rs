//! Descriptors that come from outside by number, and the flag that lets them cross an exec.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

/// Takes over an inherited descriptor by its number and marks it close-on-exec.
///
/// Refuses numbers that are not open. Each number must be adopted once only.
pub fn adopt(number: i32) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    #[expect(
        unsafe_code,
        reason = "an inherited descriptor is known by its number only"
    )]
    // SAFETY: the number comes from the handover document of the process that put the descriptor
    // there for us; nobody else in this process knows it, so ownership is taken exactly once. A
    // number that is not open is caught below, before anything uses it.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    match set_close_on_exec(&fd, true) {
        Ok(()) => Ok(fd),
        Err(error) => {
            // Not open: there is nothing to close.
            let _not_open = std::os::fd::IntoRawFd::into_raw_fd(fd);
            Err(error)
        }
    }
}

/// Sets or clears close-on-exec.
pub fn set_close_on_exec(fd: impl AsFd, is_closed: bool) -> io::Result<()> {
    let flags = fcntl_getfd(&fd)?;
    let wanted = if is_closed {
        flags | FdFlags::CLOEXEC
    } else {
        flags - FdFlags::CLOEXEC
    };
    Ok(fcntl_setfd(&fd, wanted)?)
}

/// Lets a descriptor cross the next exec and gives its number.
pub fn keep_across_exec(fd: &OwnedFd) -> io::Result<i32> {
    set_close_on_exec(fd, false)?;
    Ok(std::os::fd::AsRawFd::as_raw_fd(fd))
}

/// Keeps what this process was started with, but for the three standard streams, from every
/// program that it executes. What it opens itself is close-on-exec anyway.
pub fn keep_inherited_to_ourselves() -> io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let number = entry?.file_name().to_str().and_then(|n| n.parse().ok());
        let Some(number) = number.filter(|number: &i32| *number > 2) else {
            continue;
        };
        #[expect(
            unsafe_code,
            reason = "an inherited descriptor is known by its number only"
        )]
        // SAFETY: the number is not negative, and the borrow is used for its flags alone: one that
        // has been closed meanwhile is an error of the kernel's.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        set_close_on_exec(fd, true)?;
    }
    Ok(())
}

/// Closes what a tenant sent, or may have changed, on a thread of its own.
///
/// Whoever closes the last descriptor of a socket with `SO_LINGER` waits until its data is sent
/// (`socket(7)`), also when the socket does not block; and a file system in user space is asked at
/// each close. A tenant decides how long that takes.
pub fn close_elsewhere<T: Send + 'static>(held: Vec<T>) {
    if held.is_empty() {
        return;
    }
    // Without a thread it is closed here: a process that can have no threads has worse troubles.
    drop(
        std::thread::Builder::new()
            .name("closing".to_owned())
            .spawn(move || drop(held)),
    );
}

/// Another descriptor of the same open file, whoever owns the first one.
pub fn duplicate(number: i32) -> io::Result<OwnedFd> {
    #[expect(unsafe_code, reason = "rustix takes no descriptor by its number")]
    // SAFETY: fcntl(2) refuses a number that is no descriptor, and this command changes nothing of one.
    let copy = unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    #[expect(unsafe_code, reason = "a new descriptor is nobody else's")]
    // SAFETY: the kernel has just made it, so it is open and nobody else owns it.
    let copy = unsafe { OwnedFd::from_raw_fd(copy) };
    Ok(copy)
}
