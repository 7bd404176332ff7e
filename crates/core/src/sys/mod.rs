//! The kernel, wrapped: the only place of this package with `unsafe`.

mod apart;
mod child;
mod demand;
mod end_request;
mod environment;
mod fds;
mod files;
mod group;
mod local_time;
mod locks;
mod memfd;
mod memory;
mod oom;
mod pidfd;
mod proc;
mod queue;
mod record;
mod requests;
mod scoreboard;
mod session;
mod shared;
mod sigpipe;
mod title;

pub use apart::{close_all_but, fork_apart};
pub use child::begin_anew;
pub use demand::{Demand, DemandBoard, Load};
pub use end_request::{end_requests_of, end_signal, interrupt};
pub use environment::take_variables;
pub use fds::{
    adopt, close_elsewhere, duplicate, keep_across_exec, keep_inherited_to_ourselves,
    set_close_on_exec,
};
pub use files::{FileReadError, read_bounded};
pub use group::{ProcessGroup, is_in_group};
pub use local_time::{local_time, utc_offset_seconds};
pub use locks::{LockFault, Locks};
pub use memfd::{open_path_of, read_memfd, scratch_memfd, sealed_memfd};
pub use memory::release_cold_code;
pub use oom::OomKills;
pub use pidfd::{ExitStatus, Pidfd};
pub use proc::{
    Memory, boot_id, caught_signals, group_of, memory_of, parent_of, resident_bytes, session_of,
    start_ticks, thread_count, title_of,
};
pub use queue::listen_queue;
pub use record::{Described, Ended, InFlight, RequestRecord, Taken};
pub use requests::RequestBoard;
pub use scoreboard::{
    BoardNumbers, Counters, Scoreboard, Shape, Slot, SlotState, ThreadNumbers, ThreadSlot,
    WorkerActivity, WorkerNumbers, seat_count,
};
pub use session::end_other_groups;
pub use sigpipe::would_die_of_sigpipe;
pub use title::set_title;
