//! What the log is told of web servers, never more than it helps.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::worker::gateway::{Language, Refusal, Variables};
use crate::worker::sync::lock;

/// Refusals are told so often at most.
const PAUSE: Duration = Duration::from_secs(10);

/// What makes uWSGI load or change something. Whoever reaches the socket could run code by them.
const POWERS: [&str; 13] = [
    "UWSGI_APPID",
    "UWSGI_CACHE_GET",
    "UWSGI_CALLABLE",
    "UWSGI_CHDIR",
    "UWSGI_DYNAMIC",
    "UWSGI_FILE",
    "UWSGI_HOME",
    "UWSGI_MODULE",
    "UWSGI_POSTFILE",
    "UWSGI_PYHOME",
    "UWSGI_SCRIPT",
    "UWSGI_SETENV",
    "UWSGI_TOUCH_RELOAD",
];

#[derive(Debug)]
struct Said {
    at: Option<Instant>,
    untold: u64,
}

static REFUSALS: Mutex<Said> = Mutex::new(Said {
    at: None,
    untold: 0,
});
static IGNORED: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());

/// Says, once a worker and name, that a variable has no power here.
pub(super) fn tell_ignored(variables: &Variables) {
    let asking = (variables.iter()).filter(|(name, _)| name.starts_with("UWSGI_"));
    for (name, _) in asking {
        let power = POWERS.iter().find(|power| **power == name);
        if let Some(power) = power
            && lock(&IGNORED).insert(power)
        {
            say(&format!(
                "the web server sends `{name}`, which is ignored: what is served is a matter of the \
                 vassal's file, never of a request; remove it from the web server's configuration"
            ));
        }
    }
}

/// Says that what came makes no request.
pub(super) fn tell_refused(language: Language, refusal: Refusal) {
    let untold = {
        let mut said = lock(&REFUSALS);
        if said.at.is_some_and(|at| at.elapsed() < PAUSE) {
            said.untold += 1;
            return;
        }
        said.at = Some(Instant::now());
        std::mem::take(&mut said.untold)
    };
    let more = match untold {
        0 => String::new(),
        count => format!("; {count} more since the last line about that"),
    };
    let name = language.name();
    say(&format!(
        "a request over {name} is refused: {refusal}; check that the web server speaks {name} to \
         this address{more}"
    ));
}

fn say(line: &str) {
    // One write, so that lines of several workers do not mix; a full pipe loses it.
    let line = format!("lictor: {line}\n");
    let _lost = rustix::io::write(rustix::stdio::stderr(), line.as_bytes());
}
