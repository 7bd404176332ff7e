//! Who a vassal runs as (`credentials(7)`).

use std::ffi::CString;
use std::io;

use lictor_core::config::{GroupName, SocketOwner, UserName};
use nix::unistd::{Gid, Group, Uid, User, getuid, initgroups, setgroups, setresgid, setresuid};

use super::JailError;

/// Who this process is from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Name, or the number if it has none.
    pub(crate) name: String,
    /// Home directory.
    home: String,
    /// Whether it is another than before.
    is_changed: bool,
}

impl Identity {
    /// The variables that tell an app who it is, if `known` does not say so already.
    pub(crate) fn environment(&self, known: &[(String, String)]) -> Vec<(String, String)> {
        let is_said = |key: &str| !self.is_changed && known.iter().any(|(name, _)| name == key);
        let own = [
            ("HOME", &self.home),
            ("USER", &self.name),
            ("LOGNAME", &self.name),
        ];
        own.into_iter()
            .filter(|(key, _)| !is_said(key))
            .map(|(key, value)| (key.to_owned(), value.clone()))
            .collect()
    }

    fn of(user: Option<&User>, uid: Uid) -> Self {
        match user {
            Some(user) => Self {
                name: user.name.clone(),
                home: user.dir.to_string_lossy().into_owned(),
                is_changed: uid != getuid(),
            },
            None => Self {
                name: uid.to_string(),
                home: "/".to_owned(),
                is_changed: uid != getuid(),
            },
        }
    }
}

/// Becomes the user and group for good; without `uid` and `gid` everything stays as it is.
pub(super) fn become_user(
    uid: Option<&UserName>,
    gid: Option<&GroupName>,
) -> Result<Identity, JailError> {
    let own = getuid();
    let (uid, user) = find_user(uid, own)?;
    let gid = match gid {
        Some(group) => Some(find_group(group)?),
        None if uid == own => None,
        None => Some(
            user.as_ref()
                .map_or(Gid::from_raw(uid.as_raw()), |user| user.gid),
        ),
    };
    let identity = Identity::of(user.as_ref(), uid);
    if uid == own && gid.is_none_or(|gid| gid == nix::unistd::getgid()) {
        return Ok(identity);
    }
    if !own.is_root() {
        let own = Identity::of(User::from_uid(own).ok().flatten().as_ref(), own).name;
        return Err(JailError::NotRoot {
            user: identity.name,
            own,
        });
    }
    let gid = gid.unwrap_or_else(nix::unistd::getgid);
    match user
        .as_ref()
        .and_then(|user| CString::new(user.name.as_str()).ok())
    {
        Some(name) => step("set the supplementary groups", initgroups(&name, gid))?,
        None => step("clear the supplementary groups", setgroups(&[gid]))?,
    }
    step("set the group", setresgid(gid, gid, gid))?;
    step("set the user", setresuid(uid, uid, uid))?;
    Ok(identity)
}

/// Whether the emperor could give the sockets to whom `chown-socket` says. It asks only here, where a
/// failure is the vassal's.
pub(super) fn check_socket_owner(owner: Option<&SocketOwner>) -> Result<(), JailError> {
    let Some(owner) = owner else { return Ok(()) };
    if !getuid().is_root() {
        let own = Identity::of(User::from_uid(getuid()).ok().flatten().as_ref(), getuid());
        return Err(JailError::NotRootForSocket { own: own.name });
    }
    if let Some(user) = &owner.user {
        find_user(Some(user), getuid()).map_err(of_socket)?;
    }
    if let Some(group) = &owner.group {
        find_group(group).map_err(of_socket)?;
    }
    Ok(())
}

/// The same failure, as one of `chown-socket`.
fn of_socket(error: JailError) -> JailError {
    if let JailError::NoUser(name) | JailError::NoGroup(name) = error {
        JailError::NoSocketOwner(name)
    } else {
        error
    }
}

fn find_user(name: Option<&UserName>, own: Uid) -> Result<(Uid, Option<User>), JailError> {
    match name {
        None => Ok((own, User::from_uid(own).ok().flatten())),
        Some(UserName::Id(number)) => {
            let uid = Uid::from_raw(*number);
            Ok((uid, User::from_uid(uid).ok().flatten()))
        }
        Some(UserName::Name(name)) => {
            let user = step("look up the user", User::from_name(name))?;
            let user = user.ok_or_else(|| JailError::NoUser(name.clone()))?;
            Ok((user.uid, Some(user)))
        }
    }
}

fn find_group(name: &GroupName) -> Result<Gid, JailError> {
    match name {
        GroupName::Id(number) => Ok(Gid::from_raw(*number)),
        GroupName::Name(name) => step("look up the group", Group::from_name(name))?
            .map(|group| group.gid)
            .ok_or_else(|| JailError::NoGroup(name.clone())),
    }
}

fn step<T>(action: &'static str, result: nix::Result<T>) -> Result<T, JailError> {
    result.map_err(|error| JailError::Step {
        action,
        source: io::Error::from(error),
    })
}
