//! Giving back memory that only the start of a process needed.

use std::path::Path;

use rustix::mm::{Advice, madvise};

use super::files::read_bounded;

/// Largest `smaps`: about a hundred lines for each mapping of a large app.
const SMAPS_LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// Unmaps the pages of code and constants that this process has used so far; those that it uses again
/// are mapped again from the file, without reading it. A master that has started an interpreter and imported
/// an app has touched megabytes of code that it will not run again.
///
/// Best effort: without /proc everything stays as it is.
pub fn release_cold_code() {
    let Ok(bytes) = read_bounded(Path::new("/proc/self/smaps"), SMAPS_LIMIT_BYTES) else {
        return;
    };
    for (start, end) in clean_mappings(&String::from_utf8_lossy(&bytes)) {
        let address = std::ptr::with_exposed_provenance_mut(start);
        #[expect(unsafe_code, reason = "there is no safe interface to madvise")]
        // SAFETY: the range is a private mapping of a file, not writable, and without a page of
        // its own (`Anonymous: 0`): every page of it holds what the file holds, so the
        // kernel brings back the same bytes at the next access (`madvise(2)`, MADV_DONTNEED).
        let _ = unsafe { madvise(address, end - start, Advice::LinuxDontNeed) };
    }
}

/// The ranges of `smaps` that hold nothing but what a file holds. Tables that the loader has changed
/// before it protected them have pages of their own.
fn clean_mappings(smaps: &str) -> Vec<(usize, usize)> {
    let mut mappings = Vec::new();
    let mut candidate = None;
    for line in smaps.lines() {
        if let Some(header) = Header::parse(line) {
            candidate = header.is_clean.then_some(header.range);
        } else if let Some(size) = line.strip_prefix("Anonymous:")
            && size.trim() == "0 kB"
        {
            mappings.extend(candidate.take());
        }
    }
    mappings
}

/// The first line of a mapping (`proc_pid_smaps(5)`).
struct Header {
    range: (usize, usize),
    is_clean: bool,
}

impl Header {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let range = (
            usize::from_str_radix(start, 16).ok()?,
            usize::from_str_radix(end, 16).ok()?,
        );
        let permissions = words.next()?;
        let path = words.nth(3).unwrap_or_default();
        Some(Self {
            range,
            is_clean: matches!(permissions, "r-xp" | "r--p") && path.starts_with('/'),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_file_holds_is_given_back() {
        let smaps = "\
1000-2000 r--p 00000000 08:01 1 /lib/a.so\nRss: 4 kB\nAnonymous: 4 kB\n\
2000-3000 r-xp 00001000 08:01 1 /lib/a.so\nRss: 4 kB\nAnonymous: 0 kB\n\
3000-4000 r-xp 00001000 08:01 1 /lib/patched.so\nAnonymous: 4 kB\n\
4000-5000 rw-p 00001000 08:01 1 /lib/a.so\nAnonymous: 0 kB\n\
5000-6000 r-xp 00000000 00:00 0 [vdso]\nAnonymous: 0 kB\n";
        assert_eq!(clean_mappings(smaps), [(0x2000, 0x3000)]);
    }

    #[test]
    fn the_process_runs_on() {
        release_cold_code();
        assert_eq!("still here".len(), 10);
    }
}
