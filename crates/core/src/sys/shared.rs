//! Memory that a process shares with those that it forks.

use std::io;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous};

/// So many bytes, zeroed and page-aligned, mapped until somebody unmaps them.
pub(super) fn map_shared<T>(length: usize) -> io::Result<NonNull<T>> {
    #[expect(
        unsafe_code,
        reason = "memory shared across fork has no safe interface"
    )]
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory that
    // exists.
    let memory = unsafe {
        mmap_anonymous(
            std::ptr::null_mut(),
            length,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED,
        )?
    };
    Ok(NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?)
}

/// So many bytes from the beginning of a file, mapped until somebody unmaps them.
pub(super) fn map_shared_file<T>(file: impl AsFd, length: usize) -> io::Result<NonNull<T>> {
    #[expect(
        unsafe_code,
        reason = "memory shared across fork has no safe interface"
    )]
    // SAFETY: a mapping at an address of the kernel's choice touches no memory that exists.
    let memory = unsafe {
        mmap(
            std::ptr::null_mut(),
            length,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::SHARED,
            file,
            0,
        )?
    };
    Ok(NonNull::new(memory.cast()).ok_or(io::ErrorKind::OutOfMemory)?)
}
