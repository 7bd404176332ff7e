//! What is said in the vassal's log about handshakes: little, since anybody can make them fail.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::worker::sync::lock;

/// One line about failed handshakes in this time.
const PAUSE: Duration = Duration::from_mins(1);

static SAID: Mutex<Said> = Mutex::new(Said {
    at: None,
    untold: 0,
});

struct Said {
    at: Option<Instant>,
    /// Failures since then.
    untold: u64,
}

/// One line in the app's log; one write, so that lines of several workers do not mix. A full pipe
/// loses it.
pub(super) fn say(line: &str) {
    let line = format!("{line}\n");
    let _lost = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
}

/// A handshake failed: said once a minute, with how many others did.
pub(super) fn handshake_failed(peer: &str, reason: &rustls::Error) {
    let mut said = lock(&SAID);
    if said.at.is_some_and(|at| at.elapsed() < PAUSE) {
        said.untold += 1;
        return;
    }
    let more = match std::mem::take(&mut said.untold) {
        0 => String::new(),
        count => format!(" (and {count} others in the last minutes)"),
    };
    said.at = Some(Instant::now());
    drop(said);
    // It may quote what the peer sent.
    let reason = reason.to_string().escape_debug().to_string();
    say(&format!(
        "lictor: a TLS handshake with {peer} failed: {reason}{more}"
    ));
}
