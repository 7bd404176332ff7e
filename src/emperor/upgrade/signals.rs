//! Signals that come while one program becomes the other wait until that listens.

use nix::sys::signal::{SigSet, Signal};

/// Those that an emperor listens to, which would end a process that does not.
fn those() -> SigSet {
    let signals = [
        Signal::SIGHUP,
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGUSR2,
    ];
    signals.into_iter().collect()
}

/// They wait. A process that is started meanwhile is started without this (`std::process`).
pub(in crate::emperor) fn block() {
    // Fails for a signal set that is none.
    let _ = those().thread_block();
}

/// Those that wait come now.
pub(in crate::emperor) fn unblock() {
    let _ = those().thread_unblock();
}
