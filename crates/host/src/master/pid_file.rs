//! `pidfile`: the id of the master whose generation serves, in a file of the tenant's.
//!
//! Masters of two generations may be there at a time. The newer one writes over the file before it
//! says that it is ready, and only after that is the older one told to leave, which then leaves alone
//! what does not name itself. In any other order it could remove the file of the newer one.

use lictor_core::config::VassalConfig;
use lictor_core::sys::read_bounded;

use super::overdue::say;

/// More than any id takes.
const LIMIT_BYTES: u64 = 64;

/// Writes the id of this process. A failure is told and changes nothing: the app serves.
pub(super) fn write(config: &VassalConfig) {
    let Some(path) = &config.process.pidfile else {
        return;
    };
    if let Err(error) = std::fs::write(path, format!("{}\n", std::process::id())) {
        let path = path.display();
        say(&format!(
            "lictor: could not write `{path}` of `pidfile`: {error}\n"
        ));
    }
}

/// Removes the file if it names this process.
pub(super) fn remove(config: &VassalConfig) {
    let Some(path) = &config.process.pidfile else {
        return;
    };
    let own = std::process::id().to_string();
    let names_this = read_bounded(path, LIMIT_BYTES)
        .is_ok_and(|bytes| String::from_utf8_lossy(&bytes).trim() == own);
    if names_this {
        // Whoever removed it meanwhile did the same.
        drop(std::fs::remove_file(path));
    }
}
