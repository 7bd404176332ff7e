//! What /proc says about a process (`proc(5)`).

use std::path::Path;
use std::str::FromStr;

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

/// When a process was started, in clock ticks since boot: with its number, what no other process of
/// this boot has.
pub fn start_ticks(pid: u32) -> Option<u64> {
    stat_field(pid, 22)
}

/// The parent of a process.
pub fn parent_of(pid: u32) -> Option<u32> {
    stat_field(pid, 4)
}

/// The title of a process as `ps` shows it, none if it is gone. Whoever it is may have chosen it.
pub fn title_of(pid: u32) -> Option<String> {
    let bytes = read_bounded(Path::new(&format!("/proc/{pid}/cmdline")), 4096).ok()?;
    let end = bytes.iter().position(|byte| *byte == 0);
    let title = bytes.get(..end.unwrap_or(bytes.len()))?;
    Some(String::from_utf8_lossy(title).into_owned())
}

/// A field of `proc_pid_stat(5)` behind the name, by its number there.
fn stat_field<T: FromStr>(pid: u32, number: usize) -> Option<T> {
    let bytes = read_bounded(Path::new(&format!("/proc/{pid}/stat")), 4096).ok()?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    // The name in parentheses may hold anything; what follows its last one may not.
    let (_, fields) = text.rsplit_once(')')?;
    let field = fields
        .split_ascii_whitespace()
        .nth(number.checked_sub(3)?)?;
    field.parse().ok()
}

/// What the kernel calls this boot.
pub fn boot_id() -> Option<String> {
    let bytes = read_bounded(Path::new("/proc/sys/kernel/random/boot_id"), 64).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// How many threads this process has; 0 if /proc is not there.
pub fn thread_count() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// The signals that this process has a handler for: bit 0 is signal 1 (`SigCgt` of
/// `proc_pid_status(5)`).
pub fn caught_signals() -> std::io::Result<u64> {
    let bytes = read_bounded(Path::new("/proc/self/status"), 16 * 1024);
    let bytes = bytes.map_err(|error| std::io::Error::other(error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    line.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .ok_or_else(|| std::io::ErrorKind::InvalidData.into())
}
