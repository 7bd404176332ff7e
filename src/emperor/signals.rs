//! The signals that an emperor listens to, and what each asks for.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that an emperor listens to.
pub(super) struct Signals {
    reload: Signal,
    stop: Signal,
    interrupt: Signal,
    upgrade: Signal,
    /// Sent by those who rotate logs; there is none to be opened again.
    rotate: Signal,
}

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Upgrade,
    Reload,
    End,
}

impl Signals {
    /// The next one that asks for something; SIGHUP only if `may_reload`. May be dropped at any time
    /// without losing one.
    pub(super) async fn next(&mut self, may_reload: bool) -> Sent {
        loop {
            tokio::select! {
                Some(()) = self.upgrade.recv() => return Sent::Upgrade,
                Some(()) = self.reload.recv(), if may_reload => return Sent::Reload,
                Some(()) = self.stop.recv() => return Sent::End,
                Some(()) = self.interrupt.recv() => return Sent::End,
                Some(()) = self.rotate.recv() => {}
            }
        }
    }

    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            stop: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            upgrade: signal(SignalKind::user_defined2())?,
            rotate: signal(SignalKind::user_defined1())?,
        })
    }
}
