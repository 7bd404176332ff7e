//! Resource limits (`setrlimit(2)`) and the place in the line of those whom the kernel kills for memory.

use std::io;
use std::path::Path;

use lictor_core::config::LimitsConfig;
use lictor_core::sys::read_bounded;
use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};

use super::JailError;

/// Gives the app the soft limit of open files that the emperor was started with. The emperor raises
/// its own for many vassals, but programs that use `select(2)` break above 1024.
pub(super) fn restore_open_files(soft: Option<u64>) -> Result<(), JailError> {
    let Some(soft) = soft else { return Ok(()) };
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(soft),
            maximum,
        },
    )
    .map_err(|error| JailError::Step {
        action: "restore the limit of open files",
        source: error.into(),
    })
}

/// Sets what the vassal file says about each process.
pub(super) fn set(limits: &LimitsConfig) -> Result<(), JailError> {
    let resources = [
        (
            Resource::Nofile,
            limits.open_files,
            "set the limit of open files (option `max-fd`)",
        ),
        (
            Resource::As,
            limits.address_space,
            "set the limit of address space (option `limit-as`)",
        ),
        (
            Resource::Nproc,
            limits.user_processes,
            "set the limit of processes (option `limit-nproc`)",
        ),
    ];
    for (resource, limit, action) in resources {
        let Some(limit) = limit else { continue };
        let maximum = getrlimit(resource).maximum;
        let both = Rlimit {
            current: Some(limit),
            // A hard limit below the soft one is raised, which only root may.
            maximum: maximum.map(|maximum| maximum.max(limit)),
        };
        setrlimit(resource, both).map_err(|error| JailError::Step {
            action,
            source: error.into(),
        })?;
    }
    if let Some(niceness) = limits.niceness {
        setpriority_process(None, niceness).map_err(|error| JailError::Step {
            action: "set the priority (option `prio`)",
            source: error.into(),
        })?;
    }
    if let Some(mode) = limits.umask {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(mode.0));
    }
    Ok(())
}

/// Gives back the protection that the emperor may have when memory is short, such as by
/// `OOMScoreAdjust=`: with it, the kernel would kill the neighbours of a vassal that leaks.
pub(super) fn give_up_protection_from_oom() -> Result<(), JailError> {
    give_up_protection(Path::new("/proc/self/oom_score_adj")).map_err(|source| JailError::Step {
        action: "give up the emperor's protection from the out-of-memory killer",
        source,
    })
}

/// Writes 0 for what is less. Having less protection needs no right (`proc_pid_oom_score_adj(5)`).
fn give_up_protection(score: &Path) -> io::Result<()> {
    let own = read_bounded(score, 64).ok();
    let own = own.and_then(|bytes| String::from_utf8_lossy(&bytes).trim().parse::<i32>().ok());
    if own.is_some_and(|own| own < 0) {
        std::fs::write(score, "0")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_protection_is_given_up() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for (before, after) in [
            ("-500\n", "0"),
            ("-1\n", "0"),
            ("0\n", "0\n"),
            ("300\n", "300\n"),
        ] {
            std::fs::write(file.path(), before).unwrap();
            give_up_protection(file.path()).unwrap();
            assert_eq!(read_bounded(file.path(), 64).unwrap(), after.as_bytes());
        }
        give_up_protection(Path::new("/nowhere")).unwrap();
    }
}
