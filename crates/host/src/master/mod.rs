//! The master of one generation: loads the app once, forks workers, keeps them alive.
//!
//! One thread throughout, so that forking is safe; it forks through Python's `os.fork`, so that the
//! interpreter's own hooks run. It serves no request. `pool` decides, `run` and `workers` do, `hear`
//! and `listen` take in what happens, `controls` what people want.

mod again;
mod background;
mod beside;
mod boot;
mod controls;
mod deaths;
mod fifo;
mod fork;
mod hear;
mod heart;
mod listen;
mod log;
mod meeting;
mod memory;
mod orders;
mod overdue;
mod pid_file;
mod pool;
mod probe;
mod probe_answer;
mod report;
mod run;
mod scale;
mod signals;
mod start;
mod stats;
mod touch;
mod troubles;
mod workers;

pub(crate) use boot::{Boot, End, boot};
pub(crate) use start::become_worker;
