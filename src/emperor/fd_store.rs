//! Listening sockets that the service manager keeps a copy of (`FDSTORE=1` of `sd_notify(3)`), so that
//! nobody is refused even when the emperor and a master die together.
//!
//! Each is kept under a name that says all that a later emperor has to know of it. What comes back at
//! a start is compared with its name and waits among the [`Orphans`] for the vassal that asks for its
//! address; what nobody asks for is closed, and the manager lets go of it.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use lictor_core::sys::{adopt, close_elsewhere, take_variables};

use super::bind::Bound;
use super::listeners::Orphans;
use super::outbox::{Notice, Outbox};
use super::run::Emperor;
use super::socket_name::Described;

/// The number of the first descriptor that comes back (`SD_LISTEN_FDS_START`, `sd_listen_fds(3)`).
const FIRST_FD: i32 = 3;
/// How long sockets that came back wait at least for whoever asks for them.
const PATIENCE: Duration = Duration::from_secs(10);

/// A copy of a socket in the manager's hands; it lets go when this is dropped.
#[derive(Debug)]
pub(super) struct Kept {
    /// None for a socket that has no name that the manager takes, and which it has therefore not got.
    name: Option<String>,
    outbox: Outbox,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            self.outbox.let_go(name);
        }
    }
}

impl Outbox {
    /// Has the manager keep a copy. Nothing is kept when there is no descriptor to spare: it is tried
    /// again.
    fn keep(&self, bound: &Bound) -> Option<Kept> {
        let name = Described::of(bound).name();
        if let Some(name) = &name {
            let copy = bound.fd.try_clone().ok()?;
            self.push(Notice::Store(name.clone(), copy));
        }
        let outbox = self.clone();
        Some(Kept { name, outbox })
    }
}

impl Emperor {
    /// Has the manager keep every socket that it does not keep yet.
    pub(super) fn keep_sockets(&mut self) {
        for vassal in self.vassals.values_mut() {
            for bound in vassal.listeners.unkept() {
                if !self.orphans.reclaim(bound) {
                    bound.kept = self.manager.outbox().keep(bound);
                }
            }
        }
    }

    /// Closes the sockets that nobody took, after every vassal has had its chance.
    pub(super) fn close_orphans(&mut self) {
        if self.orphans.is_empty() {
            return;
        }
        // A master that was found running brought its own descriptor of a socket that came back too.
        for vassal in self.vassals.values_mut() {
            for bound in vassal.listeners.unkept() {
                self.orphans.reclaim(bound);
            }
        }
        let now = (!self.is_stopping()).then(Instant::now);
        self.orphans.close(now);
    }

    /// When [`Emperor::close_orphans`] has something to do.
    pub(super) fn orphans_wake_at(&self) -> Option<Instant> {
        // Until every file has been read, nothing is closed.
        let is_settled = self.unread.is_empty();
        self.orphans.wake_at().filter(|_| is_settled)
    }
}

/// Sockets that the manager gave back, as they came.
#[derive(Debug, Default)]
pub(super) struct Returned(Vec<(String, OwnedFd)>);

impl Returned {
    /// Takes over what was passed to this process. To be called first of all: descriptors are known by
    /// their numbers only, and those of the emperor's own must not be among them. The variables go
    /// too, because an upgraded emperor has the same process id and other descriptors.
    pub(super) fn take() -> std::io::Result<Self> {
        let [pid, count, names] = take_variables(["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"])?
            .map(|value| value.and_then(|value| value.into_string().ok()));
        let names = passed(pid, count, names.as_deref(), std::process::id());
        let numbered = (FIRST_FD..).zip(names);
        Ok(Self(
            numbered
                .filter_map(|(number, name)| Some((name, adopt(number).ok()?)))
                .collect(),
        ))
    }

    /// Those that are what their names say. The manager lets go of the others.
    pub(super) fn into_orphans(self, outbox: &Outbox) -> Orphans {
        let mut sockets: Vec<Bound> = Vec::new();
        for (name, fd) in self.0 {
            let Some(described) = Described::parse(&name) else {
                tracing::warn!("the descriptor `{name}` that was passed at the start is not used");
                close_elsewhere(vec![fd]);
                continue;
            };
            let address = described.address.clone();
            let is_known = sockets.iter().any(|other| other.address == address);
            match described.verify(&fd) {
                Ok(()) if !is_known => sockets.push(bound(described, fd, name, outbox)),
                outcome => {
                    let reason = outcome.err().unwrap_or("it came back twice");
                    tracing::warn!("the kept socket of `{address}` is not used: {reason}");
                    close_elsewhere(vec![fd]);
                    let is_name_of = |other: &Bound| {
                        let kept = other.kept.as_ref();
                        kept.is_some_and(|kept| kept.name.as_ref() == Some(&name))
                    };
                    // The manager would let go of all that it keeps under this name.
                    if !sockets.iter().any(is_name_of) {
                        outbox.let_go(&name);
                    }
                }
            }
        }
        Orphans::returned(sockets, Instant::now() + PATIENCE)
    }
}

/// The names of the descriptors that were passed to this process, in their order; an empty one where
/// there is none.
fn passed(
    pid: Option<String>,
    count: Option<String>,
    names: Option<&str>,
    own: u32,
) -> Vec<String> {
    let is_ours = pid.is_some_and(|pid| pid.parse() == Ok(own));
    let count = count.and_then(|count| count.parse::<u16>().ok());
    let names = names
        .into_iter()
        .flat_map(|names| names.split(':'))
        .chain(std::iter::repeat(""))
        .map(str::to_owned);
    names
        .take(count.filter(|_| is_ours).unwrap_or_default().into())
        .collect()
}

fn bound(described: Described, fd: OwnedFd, name: String, outbox: &Outbox) -> Bound {
    Bound {
        fd,
        address: described.address,
        owner: described.owner,
        mode: described.mode,
        file: described.file,
        kept: Some(Kept {
            name: Some(name),
            outbox: outbox.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_taken_only_by_the_process_that_they_are_for() {
        let of = |pid: &str, count: &str, names: Option<&str>| {
            passed(Some(pid.to_owned()), Some(count.to_owned()), names, 7)
        };
        assert_eq!(of("7", "2", Some("a:b")), ["a", "b"]);
        assert_eq!(of("7", "2", Some("a")), ["a", ""]);
        assert_eq!(of("7", "1", Some("a:b")), ["a"]);
        assert_eq!(of("7", "1", None), [""]);
        assert!(of("8", "2", Some("a:b")).is_empty());
        for count in ["", "-1", "many", "99999999999"] {
            assert!(of("7", count, Some("a:b")).is_empty(), "{count}");
        }
        assert!(passed(None, Some("1".into()), Some("a"), 7).is_empty());
    }
}
