//! `pidfile`: the id of the master whose generation serves, in a file of the tenant's.
//!
//! Masters of two generations may be there at a time. The newer one writes over the file when it
//! begins to serve, and the older one leaves alone at its end what does not name itself.

use lictor_core::config::VassalConfig;
use lictor_core::sys::read_bounded;

use super::overdue::say;

/// More than any id takes.
const LIMIT_BYTES: u64 = 64;

/// Writes the id of this process. A failure is told and changes nothing: requests are being served.
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
