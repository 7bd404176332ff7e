//! The name under which `ps` and `top` show a process.
//!
//! The command line is the memory between `arg_start` and `arg_end` of `proc(5)`; the process may
//! write there, which is done through `/proc/self/mem` so that no pointer is needed. Whoever starts
//! the process leaves room with a long argument.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::files::read_bounded;

/// Fields of `/proc/self/stat` after the command's closing parenthesis.
const ARG_START_FIELD: usize = 48 - 3;

/// Shows this process as `title`. Best effort: without /proc, or without room, less is shown.
pub fn set_title(title: &str) {
    // At most 15 bytes reach `comm`, which must not contain spaces: CPython 3.12 counts threads by
    // the fields of /proc/self/stat.
    let name = title.replace(' ', "");
    let _ = rustix::thread::set_name(&std::ffi::CString::new(name).unwrap_or_default());
    // Without /proc the title stays as it is.
    write_arguments(title).unwrap_or_default();
}

fn write_arguments(title: &str) -> io::Result<()> {
    let Some((start, end)) = argument_range() else {
        return Ok(());
    };
    let room = usize::try_from(end.saturating_sub(start)).unwrap_or(0);
    let mut bytes = title.as_bytes().to_vec();
    bytes.truncate(room.saturating_sub(1));
    bytes.resize(room, 0);
    OpenOptions::new()
        .write(true)
        .open("/proc/self/mem")?
        .write_all_at(&bytes, start)
}

fn argument_range() -> Option<(u64, u64)> {
    let bytes = read_bounded(Path::new("/proc/self/stat"), 4096).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let mut fields = text
        .rsplit_once(')')?
        .1
        .split_whitespace()
        .skip(ARG_START_FIELD);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}
