//! The master of one generation: loads the app once, forks workers, keeps them alive.
//!
//! One thread throughout, so that forking is safe; it forks through Python's `os.fork`, so that the
//! interpreter's own hooks run. It serves no request. `pool` decides, `run` and `workers` do, `hear`
//! and `listen` take in what happens.

mod again;
mod boot;
mod deaths;
mod fork;
mod hear;
mod heart;
mod listen;
mod log;
mod meeting;
mod overdue;
mod pid_file;
mod pool;
mod probe;
mod probe_answer;
mod report;
mod run;
mod start;
mod touch;
mod troubles;
mod workers;

pub(crate) use boot::{Boot, End, boot};
pub(crate) use start::become_worker;
