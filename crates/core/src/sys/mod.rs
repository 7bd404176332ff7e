//! The kernel, wrapped: the only place of this package with `unsafe`.

mod environment;
mod fds;
mod files;
mod memfd;
mod memory;
mod oom;
mod pidfd;
mod proc;
mod scoreboard;
mod title;

pub use environment::take_variables;
pub use fds::{
    adopt, close_elsewhere, keep_across_exec, keep_inherited_to_ourselves, set_close_on_exec,
};
pub use files::{FileReadError, read_bounded};
pub use memfd::{open_path_of, read_memfd, sealed_memfd};
pub use memory::release_cold_code;
pub use oom::OomKills;
pub use pidfd::{ExitStatus, Pidfd};
pub use proc::{boot_id, parent_of, resident_bytes, start_ticks, thread_count, title_of};
pub use scoreboard::{Scoreboard, Slot, SlotState};
pub use title::set_title;
