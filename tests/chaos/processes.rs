//! The process table, as far as it is the test's.

use std::collections::BTreeMap;
use std::path::Path;

use crate::harness::title_of;

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) parent: u32,
    /// `R`, `S`, `T`, `Z` and so on, of `proc_pid_stat(5)`.
    pub(crate) state: char,
    pub(crate) title: String,
}

/// All processes whose title begins so, and dead children of theirs, by number.
pub(crate) fn ours(title_start: &str, emperor: u32) -> BTreeMap<u32, Process> {
    let all: BTreeMap<u32, Process> = numbers()
        .filter_map(|pid| Some((pid, process(pid)?)))
        .collect();
    let is_ours = |process: &Process| process.title.starts_with(title_start);
    let is_dead_child = |process: &Process| {
        let parent = all.get(&process.parent);
        process.state == 'Z' && (process.parent == emperor || parent.is_some_and(is_ours))
    };
    let ours = all
        .iter()
        .filter(|(_, process)| is_ours(process) || is_dead_child(process));
    ours.map(|(pid, process)| (*pid, process.clone())).collect()
}

fn numbers() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").expect("/proc is mounted");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// One process, if it is there.
fn process(pid: u32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything; what follows its last one may not.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    Some(Process {
        state: fields.next()?.chars().next()?,
        parent: fields.next()?.parse().ok()?,
        title: title_of(pid),
    })
}

/// What a process is doing, if it is there.
pub(crate) fn state(pid: u32) -> Option<char> {
    process(pid).map(|process| process.state)
}

/// The children of a process.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    let is_child = |pid: &u32| process(*pid).is_some_and(|process| process.parent == parent);
    numbers().filter(is_child).collect()
}

/// How many descriptors a process has open.
pub(crate) fn descriptors(pid: u32) -> usize {
    entries(Path::new(&format!("/proc/{pid}/fd")))
}

/// How many entries a directory has.
pub(crate) fn entries(directory: &Path) -> usize {
    std::fs::read_dir(directory).map_or(0, Iterator::count)
}
