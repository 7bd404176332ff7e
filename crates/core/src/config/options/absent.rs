//! Options of uWSGI, and of versions to come, that this version does not have: each is answered
//! with one sentence on what to do instead. Those to come stand in `later`.

use super::later::LATER;
use crate::config::diagnostic::{Complaint, quote};
use crate::config::tree::Place;

/// One or several options with the same answer.
#[derive(Debug)]
pub(in crate::config) struct Absent {
    /// A name that ends in `-` stands for all that begin with it.
    pub(in crate::config) names: &'static [&'static str],
    is_later: bool,
    /// The option to use instead, if there is one.
    pub(in crate::config) stands_for: Option<&'static str>,
    /// What to do instead.
    pub(in crate::config) instead: &'static str,
}

impl Absent {
    pub(super) fn is_called(&self, name: &str) -> bool {
        self.names
            .iter()
            .any(|known| *known == name || (known.ends_with('-') && name.starts_with(known)))
    }

    /// Why it is refused, as it follows the name.
    pub(in crate::config) fn reason(&self) -> &'static str {
        if self.is_later {
            "is not available in this version"
        } else {
            "is not an option of Lictor"
        }
    }

    pub(in crate::config) fn complaint(&self, key: &str, place: Place) -> Complaint {
        Complaint::new(place, format!("{} {}", quote(key), self.reason())).hint(self.instead)
    }
}

pub(super) const fn later(names: &'static [&'static str], instead: &'static str) -> Absent {
    Absent {
        names,
        is_later: true,
        stands_for: None,
        instead,
    }
}

const fn never(names: &'static [&'static str], instead: &'static str) -> Absent {
    Absent {
        names,
        is_later: false,
        stands_for: None,
        instead,
    }
}

/// A socket of another protocol, for which `http` has to do.
pub(super) const fn later_socket(names: &'static [&'static str], instead: &'static str) -> Absent {
    Absent {
        names,
        is_later: true,
        stands_for: Some("http"),
        instead,
    }
}

/// Every such option.
pub(super) fn absent() -> impl Iterator<Item = &'static Absent> {
    LATER.iter().chain(NEVER)
}

static NEVER: &[Absent] = &[
    // Where the dialect is read they never get here.
    never(
        &[
            "for",
            "for-glob",
            "for-readline",
            "for-times",
            "end",
            "endfor",
            "endif",
            "end-for",
            "end-if",
            "if-",
            "ifenv",
            "ifexists",
            "ifdir",
            "ifplugin",
            "ifreload",
            "set",
            "set-placeholder",
            "set-ph",
            "declare-option",
            "declare-option2",
            "ini",
            "yaml",
            "yml",
            "json",
            "config",
            "include",
            "inherit",
        ],
        "write it into an INI file, or below the key `uwsgi` of a YAML or JSON file, where uWSGI's \
         dialect is read",
    ),
    never(
        &["http-websockets"],
        "remove it; websockets of ASGI apps need no option",
    ),
    never(
        &["disable-logging", "L"],
        "use `access-log` with the value `off`",
    ),
    never(
        &[
            "logger",
            "log-syslog",
            "rsyslog",
            "log-encoder",
            "threaded-logger",
            "log-route",
        ],
        "use `logto`, or leave the output to the emperor's log",
    ),
    never(
        &[
            "log-maxsize",
            "log-backupname",
            "log-reopen",
            "touch-logreopen",
            "touch-logrotate",
        ],
        "let logrotate rotate the file of `logto`, with `copytruncate`",
    ),
    never(
        &[
            "daemonize",
            "daemonize2",
            "d",
            "pidfile",
            "pidfile2",
            "safe-pidfile",
        ],
        "remove it; the emperor runs under a service manager, and `lictor status` shows pids",
    ),
    never(
        &["emperor", "vassals", "emperor-", "zerg", "zerg-server"],
        "start `lictor emperor DIR`; a vassal has no vassals",
    ),
    never(
        &[
            "procname",
            "procname-prefix",
            "procname-append",
            "procname-prefix-spaced",
        ],
        "remove it; processes are named after their vassal",
    ),
    never(
        &["reuse-port", "map-socket", "shared-socket"],
        "remove it; all workers share the socket",
    ),
    never(
        &["offload-threads", "sendfile"],
        "remove it; a file that is sent occupies no thread",
    ),
    never(
        &["catch-exceptions", "py-tracebacker", "py-tracebacks"],
        "use the framework's debug page",
    ),
    never(
        &[
            "uid-gid",
            "immediate-uid",
            "immediate-gid",
            "drop-after-init",
        ],
        "use `uid` and `gid`",
    ),
    never(
        &[
            "wsgi-lite",
            "paste",
            "ini-paste",
            "paste-logger",
            "pecan",
            "pyrun",
            "web3",
            "pump",
        ],
        "write a module that makes the app, and name it in `module`",
    ),
    never(
        &["php", "rack", "psgi", "perl", "lua", "go", "mono"],
        "Lictor serves Python only",
    ),
];
