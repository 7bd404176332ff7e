//! What /proc says about a process (`proc(5)`).

use std::path::Path;

use super::files::read_bounded;

/// Resident memory of a process in bytes, 0 if it is gone.
pub fn resident_bytes(pid: u32) -> u64 {
    let path = format!("/proc/{pid}/statm");
    let Ok(bytes) = read_bounded(Path::new(&path), 4096) else {
        return 0;
    };
    let pages = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.split(' ').nth(1))
        .and_then(|field| field.parse::<u64>().ok());
    pages.unwrap_or(0) * rustix::param::page_size() as u64
}

/// How many threads this process has; 0 if /proc is not there.
pub fn thread_count() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}
