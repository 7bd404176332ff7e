//! One error per step of confinement.

use std::io;

/// Which step of confinement failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JailError {
    /// The name is not in `passwd(5)`.
    #[error("there is no user `{0}` (option `uid`)")]
    NoUser(String),
    /// The name is not in `group(5)`.
    #[error("there is no group `{0}` (option `gid`)")]
    NoGroup(String),
    /// Only root can become somebody else.
    #[error("could not become user `{user}`: the emperor runs as `{own}`, not as root")]
    NotRoot {
        /// Asked for.
        user: String,
        /// Who runs the emperor.
        own: String,
    },
    /// The name is neither in `passwd(5)` nor in `group(5)`.
    #[error("there is no user or group `{0}` (option `chown-socket`)")]
    NoSocketOwner(String),
    /// Only root can give files away.
    #[error(
        "could not give the sockets away (option `chown-socket`): the emperor runs as `{own}`, not as root"
    )]
    NotRootForSocket {
        /// Who runs the emperor.
        own: String,
    },
    /// A step of the kernel's failed.
    #[error("could not {action}")]
    Step {
        /// What was attempted.
        action: &'static str,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
}

impl JailError {
    /// What to do next.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoUser(name) => format!("hint: create it: `useradd --system {name}`"),
            Self::NoGroup(name) => format!("hint: create it: `groupadd --system {name}`"),
            Self::NotRoot { own, .. } => {
                format!(
                    "hint: run the emperor as root, or remove `uid` and `gid` to run as `{own}`"
                )
            }
            Self::NoSocketOwner(name) => format!(
                "hint: create `{name}`, or name a user or group that is there as `USER:GROUP`"
            ),
            Self::NotRootForSocket { .. } => {
                "hint: run the emperor as root, or remove `chown-socket`".to_owned()
            }
            Self::Step { .. } => String::new(),
        }
    }
}
