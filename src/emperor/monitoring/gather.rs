//! What the loop knows, gathered for those who watch; and what is read of it on another thread.

use std::os::fd::BorrowedFd;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use lictor_core::config::Protocol;
use lictor_core::observe::VassalState;
use lictor_core::sys::{BoardNumbers, Counters, Memory, is_in_group, listen_queue, memory_of};

use super::super::run::Emperor;
use super::super::sources::Source;
use super::super::vassal::Vassal;
use super::Tally;

/// What is told at `--stats`.
#[derive(Debug)]
pub(super) struct EmperorFacts {
    pub(super) sources: Vec<String>,
    pub(super) vassals: Vec<VassalFacts>,
}

/// A vassal as uWSGI's emperor would tell of it. Times are in seconds since 1970.
#[derive(Debug, Default)]
pub(super) struct VassalFacts {
    pub(super) file: PathBuf,
    pub(super) pid: u32,
    pub(super) born: u64,
    pub(super) first_run: u64,
    pub(super) last_run: u64,
    pub(super) last_ready: u64,
    pub(super) is_serving: bool,
    pub(super) cursed: u64,
    pub(super) monitor: String,
    pub(super) respawns: u64,
    /// While it waits to be tried again: since when it fails, and how it waits.
    pub(super) waiting: Option<Waiting>,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) milliseconds: u64,
    pub(super) attempts: u32,
    pub(super) first_attempt: u64,
    pub(super) last_attempt: u64,
}

/// What is told at `--metrics`, but for what is still to be read.
#[derive(Debug)]
pub(super) struct AllFacts {
    pub(super) tally: Tally,
    pub(super) started_at: u64,
    pub(super) upgrades: u32,
    vassals: Vec<Unread>,
}

/// A vassal whose counters are still to be read.
#[derive(Debug)]
struct Unread {
    vassal: VassalMetrics,
    counters: Option<Arc<Counters>>,
}

/// All that is told at `--metrics`.
#[derive(Debug, Default)]
pub(super) struct AllMetrics {
    pub(super) tally: Tally,
    pub(super) started_at: u64,
    pub(super) upgrades: u32,
    pub(super) vassals: Vec<VassalMetrics>,
}

/// One vassal.
#[derive(Debug, Default)]
pub(super) struct VassalMetrics {
    pub(super) name: String,
    pub(super) state: Option<VassalState>,
    pub(super) generation: u64,
    pub(super) restarts: u64,
    pub(super) master: Option<u32>,
    pub(super) sockets: Vec<SocketMetrics>,
    pub(super) numbers: BoardNumbers,
    /// One for each worker of the numbers.
    pub(super) memory: Vec<Memory>,
}

/// One of its sockets.
#[derive(Debug)]
pub(super) struct SocketMetrics {
    pub(super) name: String,
    pub(super) protocol: &'static str,
    pub(super) waiting: u32,
    pub(super) backlog: u32,
}

impl AllFacts {
    /// Reads the counters. None of it waits for anybody: they lie in memory.
    pub(super) fn read(self) -> AllMetrics {
        let read = |unread: Unread| {
            let mut vassal = unread.vassal;
            let numbers = unread.counters.and_then(|counters| counters.read().ok());
            vassal.numbers = numbers.unwrap_or_default();
            let master = vassal.master.unwrap_or(0);
            let workers = vassal.numbers.workers.iter();
            vassal.memory = workers.map(|worker| memory(worker.pid, master)).collect();
            vassal
        };
        AllMetrics {
            tally: self.tally,
            started_at: self.started_at,
            upgrades: self.upgrades,
            vassals: self.vassals.into_iter().map(read).collect(),
        }
    }
}

/// The memory of a worker. Its number was written by a tenant, who shall not learn anything of the
/// processes of others: a worker belongs to the process group of its master.
fn memory(pid: u32, master: u32) -> Memory {
    if pid != 0 && master != 0 && is_in_group(pid, master) {
        memory_of(pid)
    } else {
        Memory::default()
    }
}

impl VassalFacts {
    /// User and group of its master, the emperor's own while there is none.
    pub(super) fn owner(&self) -> (u32, u32) {
        let process = std::fs::metadata(format!("/proc/{}", self.pid));
        let process = process.ok().filter(|_| self.pid != 0);
        let own = || {
            let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
            (uid.as_raw(), gid.as_raw())
        };
        process.map_or_else(own, |process| (process.uid(), process.gid()))
    }
}

impl Emperor {
    pub(super) fn emperor_facts(&self) -> EmperorFacts {
        let sources: Vec<String> = self.settings.sources.iter().map(Source::label).collect();
        let vassals = self.vassals.values().map(|vassal| VassalFacts {
            monitor: sources.get(vassal.source).cloned().unwrap_or_default(),
            ..facts_of(vassal)
        });
        EmperorFacts {
            vassals: vassals.collect(),
            sources,
        }
    }

    pub(super) fn all_facts(&self) -> AllFacts {
        let vassals = self.vassals.values().map(|vassal| {
            let status = vassal.status();
            let shown = vassal.generations.get(&status.generation);
            let terms = shown.map(|generation| &generation.terms);
            Unread {
                counters: shown.and_then(|generation| generation.counters.clone()),
                vassal: VassalMetrics {
                    state: Some(status.state),
                    generation: status.generation,
                    restarts: status.restarts,
                    master: status.pid,
                    sockets: vassal
                        .listeners
                        .told(terms)
                        .into_iter()
                        .map(socket)
                        .collect(),
                    name: status.name,
                    ..VassalMetrics::default()
                },
            }
        });
        AllFacts {
            tally: self.journal.tally(),
            started_at: self.started_at.unix_seconds(),
            upgrades: self.upgrades.count,
            vassals: vassals.collect(),
        }
    }
}

fn facts_of(vassal: &Vassal) -> VassalFacts {
    let status = vassal.status();
    let times = &vassal.times;
    let last_failure = status.error.as_ref().map(|error| error.at.unix_seconds());
    let first_failure = times.failing_since.unwrap_or_default();
    let wait = vassal.life.waits();
    VassalFacts {
        file: vassal.path.clone(),
        pid: status.pid.unwrap_or(0),
        born: times.born,
        first_run: times.first_run,
        last_run: times.last_run,
        last_ready: times.last_ready,
        is_serving: vassal.life.serving().is_some(),
        cursed: if vassal.life.is_unwanted() {
            status.since.unix_seconds()
        } else {
            0
        },
        monitor: String::new(),
        respawns: status.restarts,
        waiting: wait.map(|(attempts, left)| Waiting {
            milliseconds: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            attempts,
            first_attempt: first_failure,
            last_attempt: last_failure.unwrap_or_default(),
        }),
    }
}

fn socket((protocol, address, fd): (Protocol, String, BorrowedFd<'_>)) -> SocketMetrics {
    let (waiting, backlog) = listen_queue(fd).unwrap_or_default();
    SocketMetrics {
        name: address,
        protocol: protocol.name(),
        waiting,
        backlog,
    }
}

#[cfg(test)]
mod tests {

    use lictor_core::sys::{Scoreboard, Shape};

    use super::super::exposition;
    use super::*;

    /// A vassal with workers that have the number of this process, so that all is looked up.
    fn vassal(number: usize) -> Unread {
        let shape = Shape::of(2, 4);
        let counters = Counters::new(shape).unwrap();
        let board = Scoreboard::over(&counters, shape).unwrap();
        for seat in [1, 2] {
            board.seat(seat, seat);
            board.spawned(seat, std::process::id(), 1000);
            board.slot(seat).unwrap().thread(0).enter_request();
            board.slot(seat).unwrap().thread(0).leave_request(false);
        }
        let group = rustix::process::getpgrp().as_raw_nonzero().get();
        Unread {
            vassal: VassalMetrics {
                name: format!("vassal-{number}"),
                state: Some(VassalState::Ready),
                master: u32::try_from(group).ok(),
                ..VassalMetrics::default()
            },
            counters: Some(Arc::new(counters)),
        }
    }

    #[test]
    fn five_hundred_vassals_are_told_of() {
        let facts = AllFacts {
            tally: Tally::default(),
            started_at: 0,
            upgrades: 0,
            vassals: (0..500).map(vassal).collect(),
        };
        let metrics = facts.read();
        let text = exposition::text(&metrics);
        let sample = "uwsgi_worker_requests_total{vassal=\"vassal-499\",worker_id=\"2\"} 1\n";
        assert!(text.contains(sample));
        let resident = &metrics.vassals.last().unwrap().memory;
        assert!(resident.iter().all(|memory| memory.resident > 0));
    }

    #[test]
    fn the_memory_of_others_is_not_looked_up() {
        let mut unread = vassal(0);
        unread.vassal.master = Some(1);
        let facts = AllFacts {
            tally: Tally::default(),
            started_at: 0,
            upgrades: 0,
            vassals: vec![unread],
        };
        let metrics = facts.read();
        assert_eq!(metrics.vassals[0].memory, [Memory::default(); 2]);
    }
}
