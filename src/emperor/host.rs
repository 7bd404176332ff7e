//! The host library that stands in this executable, as a file that masters can load.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lictor_core::sys::sealed_memfd;

/// The finished library of package `lictor-host`; see `build.rs`.
static LIBRARY: &[u8] = include_bytes!(env!("LICTOR_HOST_LIBRARY"));

/// One descriptor for all masters: the kernel shares its pages. Where memfds may not be executed
/// (`vm.memfd_noexec`), a file in the run directory.
pub(super) fn library(run_dir: Option<&Path>) -> io::Result<OwnedFd> {
    match (sealed_memfd("lictor-host", LIBRARY, true), run_dir) {
        (Ok(fd), _) => Ok(fd),
        (Err(error), None) => Err(error),
        (Err(_), Some(directory)) => {
            let path = directory.join("host.so");
            let fresh = directory.join(".host.so.new");
            std::fs::write(&fresh, LIBRARY)?;
            std::fs::set_permissions(&fresh, std::fs::Permissions::from_mode(0o555))?;
            std::fs::rename(&fresh, &path)?;
            Ok(File::open(path)?.into())
        }
    }
}
