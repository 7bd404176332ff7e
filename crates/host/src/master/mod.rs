//! The master of one generation: loads the app once, forks workers, keeps them alive.
//!
//! One thread throughout, so that forking is safe; it forks through Python's `os.fork`, so that the
//! interpreter's own hooks run. It serves no request. `pool` decides, `hear` and `run` do.

mod again;
mod boot;
mod fork;
mod hear;
mod meeting;
mod overdue;
mod pool;
mod run;
mod start;
mod touch;

pub(crate) use boot::{Boot, End, boot};
pub(crate) use start::become_worker;
