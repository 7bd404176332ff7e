//! uWSGI's options that were only ever work-arounds: accepted when they ask for what Lictor always
//! does, refused with a reason when they ask for the opposite.

use crate::config::diagnostic::{Complaint, quote};
use crate::config::tree::{Node, Value};
use crate::config::values::boolean_value;

/// One such option.
#[derive(Debug)]
pub(in crate::config) struct Fixed {
    pub(in crate::config) name: &'static str,
    asks: Asks,
    /// What Lictor always does.
    pub(in crate::config) always: &'static str,
}

impl Fixed {
    /// Whether it is a matter of yes or no.
    pub(super) fn is_switch(&self) -> bool {
        self.asks != Asks::PythonPlugin
    }
}

/// What an option may ask for.
#[derive(Debug, PartialEq, Eq)]
enum Asks {
    True,
    False,
    PythonPlugin,
}

const fn on(name: &'static str, always: &'static str) -> Fixed {
    Fixed {
        name,
        asks: Asks::True,
        always,
    }
}

const fn off(name: &'static str, always: &'static str) -> Fixed {
    Fixed {
        name,
        asks: Asks::False,
        always,
    }
}

const LEAVE_WITH_MASTER: &str = "workers leave when their master does";
const QUIET: &str = "a client that goes away is never an error";
const PYTHON: &str = "Python is built in, and nothing else is";

pub(super) static FIXED: &[Fixed] = &[
    on("master", "every vassal has a master process"),
    on("enable-threads", "threads of the app always run"),
    on(
        "single-interpreter",
        "an app always has the main interpreter to itself",
    ),
    on("honour-range", "parts of files are sent to those who ask"),
    on("vacuum", "unix sockets are removed with the vassal"),
    on("die-on-term", "SIGTERM always stops"),
    on("need-app", "a generation without an app never serves"),
    on(
        "no-default-app",
        "an app is only called where it is mounted",
    ),
    on("strict", "unknown options are always refused"),
    on("thunder-lock", "workers never stampede to accept"),
    on("no-orphans", LEAVE_WITH_MASTER),
    on("auto-procname", "processes are named after their vassal"),
    on("ignore-sigpipe", QUIET),
    on("ignore-write-errors", QUIET),
    on("disable-write-exception", QUIET),
    on("py-call-osafterfork", "workers are forked by `os.fork`"),
    on(
        "py-call-uwsgi-fork-hooks",
        "workers are forked by `os.fork`",
    ),
    on(
        "close-on-exec",
        "descriptors never leak into child processes",
    ),
    on(
        "log-master",
        "output passes through the emperor unless `logto` takes it",
    ),
    on("add-header-connection", "HTTP connections are kept alive"),
    on("so-keepalive", "TCP keep-alive is always on"),
    on("tcp-nodelay", "TCP_NODELAY is always on"),
    on(
        "exit-on-reload-abort",
        "a generation that fails never takes the old one down",
    ),
    off("lazy-reload", "a reload always starts a new generation"),
    off("honour-stdin", "standard input is always closed"),
    off(
        "reload-os-env",
        "a generation starts with a clean environment",
    ),
    Fixed {
        name: "plugins",
        asks: Asks::PythonPlugin,
        always: PYTHON,
    },
    Fixed {
        name: "plugin",
        asks: Asks::PythonPlugin,
        always: PYTHON,
    },
];

impl Fixed {
    /// Why the value asks for something else, if it does.
    pub(in crate::config) fn complaint(&self, key: &str, node: &Node) -> Option<Complaint> {
        let is_granted = match self.asks {
            Asks::True => boolean_value(&node.value) == Some(true),
            Asks::False => boolean_value(&node.value) == Some(false),
            Asks::PythonPlugin => asks_for_python(&node.value),
        };
        if is_granted {
            return None;
        }
        let message = format!("{} cannot be changed: {}", quote(key), self.always);
        Some(Complaint::new(node.place.clone(), message).hint("remove it"))
    }
}

/// `python`, `python3`, `python311`, alone or in a list; uWSGI separates with commas.
fn asks_for_python(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.split(',').map(str::trim).all(|name| {
            name.strip_prefix("python").is_some_and(|version| {
                version
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte == b'.')
            }) || matches!(name, "http" | "logfile")
        }),
        Value::List(items) => items.iter().all(|item| asks_for_python(&item.value)),
        Value::Null
        | Value::Bare
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Date(_)
        | Value::Table(_) => false,
    }
}
