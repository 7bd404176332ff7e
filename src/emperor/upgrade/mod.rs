//! Becoming another program under the same process id, with the vassals untouched.
//!
//! The new binary is asked first whether it could take over ([`check`]). Then this process executes
//! it with what must not be let go of as open descriptors ([`inheritance`]): the run directory's
//! lock, the control socket, the listening sockets. The masters are adopted as after any other end
//! of an emperor. A new binary that fails nevertheless executes the old one again.

mod become_it;
mod check;
mod inheritance;
mod order;
mod signals;

pub(crate) use become_it::go_back;
pub(super) use become_it::{Upgrade, WayBack};
pub(crate) use check::answer_check;
pub(super) use check::{CheckError, Checked};
pub(super) use inheritance::{Inheritance, Inherited};
pub(super) use order::Upgrades;
pub(super) use signals::{block, unblock};
