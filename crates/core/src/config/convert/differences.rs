//! What means something else here than in uWSGI, for the author of a converted file to know.

use super::{Item, What};
use crate::config::tree::Value;

/// When a difference concerns a file.
enum When {
    /// It has the option, by one of these names.
    Written(&'static [&'static str]),
    /// It has not the option, and lives with the default.
    LeftToDefault(&'static str),
    /// It does not ask for what Lictor always does.
    Without(&'static str),
    /// It names a unix socket and does not ask for its removal.
    UnixSocketWithoutVacuum,
    /// It names a unix socket and no mode for it.
    UnixSocketWithoutMode,
}

struct Difference {
    when: When,
    what: &'static str,
}

const fn written(names: &'static [&'static str], what: &'static str) -> Difference {
    Difference {
        when: When::Written(names),
        what,
    }
}

const fn default_of(option: &'static str, what: &'static str) -> Difference {
    Difference {
        when: When::LeftToDefault(option),
        what,
    }
}

static DIFFERENCES: &[Difference] = &[
    written(
        &["http-socket"],
        "`http-socket` is `http`: connections stay open between requests, for the time of `http-keepalive`; uWSGI closed each after its answer",
    ),
    written(
        &["http", "httprouter"],
        "`http` is served by the workers themselves; uWSGI put a router process before them",
    ),
    written(
        &["harakiri"],
        "`harakiri` counts for each request; in uWSGI it counts for a worker, and with `threads` each request that ends puts it off",
    ),
    written(
        &["daemonize", "daemonize2"],
        "`daemonize` is `logto`, which is all that it does in a vassal of uWSGI's emperor too; nothing goes to the background",
    ),
    written(
        &["logto", "logto2", "daemonize", "daemonize2"],
        "the file of `logto` is opened as the vassal's user, who must have the right to write to it",
    ),
    written(
        &["log-date", "logdate", "log-prefix"],
        "`log-date` and `log-prefix` stand before each line that the app prints; in uWSGI before its own messages alone",
    ),
    written(
        &["log-maxsize", "touch-logrotate"],
        "the 10 newest log files are kept after rotation, or as many as `log-backups` says; uWSGI keeps all",
    ),
    written(
        &["reload-mercy", "worker-reload-mercy"],
        "`reload-mercy` is the time for requests in flight; the new generation serves meanwhile, where uWSGI let new requests wait",
    ),
    written(
        &["touch-chain-reload", "touch-workers-reload", "fs-reload"],
        "a touched file starts a whole new generation, with the vassal file read again",
    ),
    written(
        &["mount"],
        "what no `mount` covers is answered with 404 where no other app is named; uWSGI called the first one",
    ),
    written(
        &["ini-paste", "ini-paste-logged"],
        "`ini-paste` takes the app alone from the file; uWSGI read its `[uwsgi]` section too",
    ),
    written(
        &[
            "route",
            "route-uri",
            "route-host",
            "route-qs",
            "route-remote-addr",
            "route-user-agent",
            "route-referer",
            "route-run",
        ],
        "what `route…` rules put into a URL is percent-encoded for its place, and a file that `static:` does not find is answered with 404",
    ),
    written(
        &["master-fifo"],
        "the brutal letters of `master-fifo` are as the graceful ones, and `q` lasts until `lictor start`",
    ),
    written(
        &["websocket-max-size"],
        "`websocket-max-size` counts bytes; uWSGI counted kilobytes",
    ),
    written(
        &["reload-on-rss", "reload-on-as"],
        "a worker that has reached `reload-on-rss` or `reload-on-as` leaves when its replacement serves",
    ),
    written(
        &[
            "reload-on-exception",
            "reload-on-exception-type",
            "reload-on-exception-value",
            "reload-on-exception-repr",
        ],
        "a worker whose app has raised what `reload-on-exception` names serves on until its replacement does",
    ),
    written(
        &["http-timeout"],
        "`http-timeout` is `socket-timeout`, and does not end requests that take long in the app; `harakiri` does",
    ),
    written(
        &["stats", "stats-server"],
        "`stats` shows no variables of requests, which hold cookies",
    ),
    written(
        &["cheaper"],
        "with `cheaper`, more workers are started as soon as all are busy, and not only after `cheaper-overload`; a worker with several threads is busy when all of them are",
    ),
    written(
        &["cheaper-algo"],
        "the algorithm `backlog` looks whether a connection waits while all workers are busy, also at unix sockets; `cheaper-overload` is a time for it, too",
    ),
    written(
        &["die-on-idle"],
        "with `die-on-idle` the emperor keeps the listening sockets and starts the vassal at the next connection; no `emperor-on-demand-extension` is needed",
    ),
    written(
        &[
            "attach-daemon",
            "attach-daemon2",
            "attach-control-daemon",
            "smart-attach-daemon2",
        ],
        "daemons are stopped and started in a reload, those of the new generation when the old ones are gone; none outlives it, and the end of a control daemon reloads the vassal instead of stopping it",
    ),
    written(
        &["cron", "cron2", "unique-cron"],
        "jobs are run once a time, by the generation that serves; what still runs when it leaves is killed after `reload-mercy`",
    ),
    default_of("listen", "`listen` is 1024 by default; in uWSGI it is 100"),
    default_of(
        "buffer-size",
        "`buffer-size` is 32K by default; in uWSGI it is 4096, and a larger head is answered with 431 instead of a reset",
    ),
    default_of(
        "socket-timeout",
        "`socket-timeout` is 60s by default; in uWSGI it is 4",
    ),
    default_of(
        "access-log",
        "only requests that are answered with 5xx are logged by default; add `access-log = \"all\"` for all of them, as uWSGI does",
    ),
    Difference {
        when: When::Without("need-app"),
        what: "a generation whose app cannot be imported never serves, and the one before goes on; uWSGI answers 500 without `need-app`",
    },
    Difference {
        when: When::UnixSocketWithoutVacuum,
        what: "unix sockets are removed when the vassal is, as with uWSGI's `vacuum`",
    },
    Difference {
        when: When::UnixSocketWithoutMode,
        what: "a unix socket has mode 660 by default; in uWSGI the umask decides. The web server's user must be in the vassal's group, or `chmod-socket` be wider",
    },
];

/// The differences that concern a file with these options.
pub(super) fn of(items: &[Item<'_>]) -> Vec<String> {
    DIFFERENCES
        .iter()
        .filter(|difference| difference.when.concerns(items))
        .map(|difference| difference.what.to_owned())
        .collect()
}

impl When {
    fn concerns(&self, items: &[Item<'_>]) -> bool {
        let has_key = |names: &[&str]| {
            items
                .iter()
                .any(|item| names.contains(&item.key.replace('_', "-").as_str()))
        };
        let has_option = |name: &str| {
            let is_it =
                |item: &Item<'_>| matches!(item.what, What::Option(spec) if spec.name == name);
            items.iter().any(is_it)
        };
        match self {
            Self::Written(names) => has_key(names),
            Self::LeftToDefault(name) => !has_option(name),
            Self::Without(name) => !has_key(&[name]),
            Self::UnixSocketWithoutVacuum => {
                !has_key(&["vacuum"]) && items.iter().any(names_unix_socket)
            }
            Self::UnixSocketWithoutMode => {
                !has_option("chmod-socket") && items.iter().any(names_unix_socket)
            }
        }
    }
}

fn names_unix_socket(item: &Item<'_>) -> bool {
    let is_listener =
        matches!(item.what, What::Option(spec) if matches!(spec.name, "http" | "https"));
    is_listener
        && item.values.iter().any(|written| {
            matches!(&written.node.value, Value::Text(text)
                if text.starts_with('/') || text.starts_with("unix:"))
        })
}
