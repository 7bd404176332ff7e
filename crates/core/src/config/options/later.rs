//! What a later version may have: each option is answered with what to do until then.

use super::absent::{Absent, later, later_socket};

pub(super) static LATER: &[Absent] = &[
    later_socket(
        &["uwsgi", "socket", "uwsgi-socket", "s"],
        "use `http`, and `proxy_pass` instead of `uwsgi_pass` in nginx",
    ),
    later_socket(
        &["fastcgi", "fastcgi-socket", "scgi", "scgi-socket"],
        "use `http`, and let the web server proxy to it",
    ),
    later_socket(&["https2", "ssl-socket", "suwsgi-socket"], "use `https`"),
    later(
        &["sni", "sni-"],
        "give the address once more in `https`, with the other certificate",
    ),
    later(
        &["ssl-"],
        "remove it; `https` speaks TLS 1.2 and 1.3, with safe ciphers and session tickets",
    ),
    later(
        &["https-export-cert"],
        "remove it; the environ has `HTTPS_CC` whenever a client shows a certificate",
    ),
    later_socket(&["h2", "http2-socket"], "use `http` with `http2 = \"all\"`"),
    later(
        &["http-raw-body", "http-chunked-input", "http-auto-chunked"],
        "remove it; `http` accepts chunked bodies as it is",
    ),
    later(
        &["http-timeout"],
        "use `socket-timeout` for slow clients, `harakiri` for slow requests",
    ),
    later(
        &["harakiri-verbose"],
        "remove it; `harakiri` always logs the request and its traceback",
    ),
    later(
        &["max-requests-delta", "max-worker-lifetime-delta"],
        "remove it; workers are never replaced at the same time",
    ),
    later(
        &["min-worker-lifetime"],
        "remove it; a worker serves until its replacement is ready",
    ),
    later(
        &["reload-on-as", "evil-reload-on-rss", "evil-reload-on-as"],
        "use `reload-on-rss`",
    ),
    later(
        &["chown-socket"],
        "use `uid` and `gid`, which own the socket, or `chmod-socket`",
    ),
    later(
        &[
            "py-autoreload",
            "python-autoreload",
            "py-auto-reload",
            "touch-workers-reload",
        ],
        "use `touch-reload`, or `lictor serve --reload` for development",
    ),
    later(
        &[
            "touch-chain-reload",
            "chain-reload",
            "lazy-apps-chain",
            "fs-reload",
        ],
        "use `touch-reload`: a reload never leaves the vassal without workers",
    ),
    later(
        &["cheaper", "cheap", "idle", "die-on-idle", "cheaper-"],
        "remove it and set `processes` to what the app needs at its busiest",
    ),
    later(
        &["static-expires", "static-expires-"],
        "use `static-max-age`, which is one time for all files",
    ),
    later(
        &["static-gzip", "static-gzip-"],
        "remove it; a `.br`, `.zst` or `.gz` file beside a file goes to clients that accept it",
    ),
    later(
        &["check-static-docroot", "docroot"],
        "use `check-static` with the directory",
    ),
    later(
        &[
            "mimefile",
            "mime-file",
            "static-cache-",
            "static-skip-ext",
            "static-",
        ],
        "remove it, or let the web server serve these files",
    ),
    later(
        &["wsgi-disable-file-wrapper", "disable-sendfile"],
        "remove it; an app need not use `wsgi.file_wrapper`",
    ),
    later(
        &[
            "stats",
            "stats-server",
            "stats-http",
            "stats-push",
            "memory-report",
            "carbon",
        ],
        "use `lictor status --json`",
    ),
    later(
        &[
            "mount",
            "manage-script-name",
            "route",
            "route-",
            "response-route",
        ],
        "give each app a vassal of its own, and let the web server route to them",
    ),
    later(
        &[
            "mule",
            "mules",
            "farm",
            "attach-daemon",
            "attach-daemon2",
            "smart-attach-daemon",
        ],
        "run background work as a service of its own",
    ),
    later(
        &["spooler", "spooler-processes", "spooler-frequency"],
        "use a task queue such as Celery or RQ, run as a service of its own",
    ),
    later(
        &["cron", "cron2", "unique-cron", "legion-cron"],
        "use cron or a systemd timer",
    ),
    later(
        &["cache", "cache2", "queue", "sharedarea"],
        "use a cache server such as Redis",
    ),
    later(
        &["import", "shared-import", "py-import", "shared-py-import"],
        "import it in the app's own module",
    ),
    later(
        &[
            "gevent",
            "gevent-monkey-patch",
            "asyncio",
            "async",
            "ugreen",
            "greenlet",
        ],
        "use `threads`, and `processes`",
    ),
    later(
        &[
            "affinity",
            "cpu-affinity",
            "nice",
            "limit-as",
            "limit-nproc",
            "rlimit-nofile",
            "max-fd",
        ],
        "set it for the emperor, in its service file",
    ),
    later(
        &[
            "cgroup",
            "cgroup-opt",
            "namespace",
            "namespaces",
            "unshare",
            "chroot",
            "pivot-root",
            "cap",
        ],
        "use `uid` and `gid`, or run the emperor in a container",
    ),
    later(
        &["hook-", "exec-", "on-demand", "emperor-on-demand"],
        "start what the app needs as a service of its own",
    ),
    later(
        &[
            "env-prefix",
            "vassal-set",
            "vassals-include",
            "extends",
            "xml",
        ],
        "write all options into the one file",
    ),
    later(
        &[
            "post-buffering",
            "post-buffering-bufsize",
            "body-read-warning",
        ],
        "remove it; bodies are read as the app asks for them",
    ),
    later(
        &["log-x-forwarded-for"],
        "use `forwarded-allow`: the log shows the address that it leads to",
    ),
    later(
        &["req-logger", "log-format-strftime", "logformat-strftime"],
        "use `access-log` and `log-format`",
    ),
];
