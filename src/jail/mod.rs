//! What a vassal gives up before it runs, in order.
//!
//! Runs in the master while it has one thread and has touched nothing of the tenant's.

mod error;
mod limits;
mod user;

use lictor_core::config::{VassalConfig, VassalUser};

pub(crate) use error::JailError;
pub(crate) use user::Identity;

/// Confines this process for good.
///
/// 1. Limits, because raising one back needs the rights that step 2 gives up; and what protects the
///    emperor alone.
/// 2. Groups, then group, then user: after the user is set nothing else may be changed.
pub(crate) fn enter(config: &VassalConfig, open_files: Option<u64>) -> Result<Identity, JailError> {
    limits::restore_open_files(open_files)?;
    limits::set(&config.process.limits)?;
    user::check_socket_owner(config.process.chown_socket.as_ref())?;
    become_tenant(&VassalUser {
        uid: config.uid.clone(),
        gid: config.gid.clone(),
    })
}

/// The same for a vassal of which no more is known than its user.
pub(crate) fn enter_as(user: &VassalUser, open_files: Option<u64>) -> Result<Identity, JailError> {
    limits::restore_open_files(open_files)?;
    become_tenant(user)
}

fn become_tenant(user: &VassalUser) -> Result<Identity, JailError> {
    limits::give_up_protection_from_oom()?;
    user::become_user(user.uid.as_ref(), user.gid.as_ref())
}
