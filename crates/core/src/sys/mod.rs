//! The kernel, wrapped: the only place of this package with `unsafe`.

mod demand;
mod end_request;
mod environment;
mod fds;
mod files;
mod group;
mod memfd;
mod memory;
mod oom;
mod pidfd;
mod proc;
mod record;
mod requests;
mod scoreboard;
mod shared;
mod sigpipe;
mod title;

pub use demand::{Demand, DemandBoard, Load};
pub use end_request::{end_requests_of, end_signal, interrupt};
pub use environment::take_variables;
pub use fds::{
    adopt, close_elsewhere, duplicate, keep_across_exec, keep_inherited_to_ourselves,
    set_close_on_exec,
};
pub use files::{FileReadError, read_bounded};
pub use group::ProcessGroup;
pub use memfd::{open_path_of, read_memfd, scratch_memfd, sealed_memfd};
pub use memory::release_cold_code;
pub use oom::OomKills;
pub use pidfd::{ExitStatus, Pidfd};
pub use proc::{
    boot_id, caught_signals, parent_of, resident_bytes, start_ticks, thread_count, title_of,
};
pub use record::{Described, Ended, InFlight, RequestRecord, Taken};
pub use requests::RequestBoard;
pub use scoreboard::{Scoreboard, Slot, SlotState};
pub use sigpipe::would_die_of_sigpipe;
pub use title::set_title;
