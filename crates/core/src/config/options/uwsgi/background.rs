//! Work beside requests, and what workers share.

use super::{Foreign, either, off, refused};

const MULES: &str = "run background work as a service of its own, such as a Celery or RQ worker";
const SPOOLER: &str = "use a task queue such as Celery or RQ, run as a service of its own";
const CACHE: &str = "use a cache server such as Redis or memcached";
const SIGNALS: &str = "use a scheduler in a service of its own, such as Celery beat";

pub(super) static NAMES: &[Foreign] = &[
    refused(
        &["smart-attach-daemon"],
        "use `attach-daemon`, and let the command stay in the foreground; Lictor keeps it running",
    ),
    refused(
        &[
            "legion-attach-daemon",
            "legion-smart-attach-daemon",
            "legion-smart-attach-daemon2",
        ],
        "run it as a service of its own, which the service manager keeps running",
    ),
    off(&["daemons-honour-stdin"], "standard input is always closed"),
    refused(
        &["worker-exec", "worker-exec2"],
        "run the program as a service of its own; workers serve the app",
    ),
    refused(
        &[
            "legion-cron",
            "cron-legion",
            "unique-legion-cron",
            "unique-cron-legion",
        ],
        "use `cron`, on the one machine that is to run it",
    ),
    refused(
        &[
            "mule",
            "mules",
            "farm",
            "mule-msg-size",
            "mule-harakiri",
            "mule-reload-mercy",
        ],
        MULES,
    ),
    refused(&["touch-mules-reload", "hook-as-mule"], MULES),
    refused(
        &[
            "spooler",
            "spooler-external",
            "spooler-ordered",
            "spooler-chdir",
            "spooler-processes",
            "spooler-quiet",
            "spooler-max-tasks",
            "spooler-harakiri",
            "spooler-frequency",
            "spooler-freq",
            "touch-spoolers-reload",
        ],
        SPOOLER,
    ),
    refused(
        &[
            "spooler-import",
            "spooler-pyimport",
            "spooler-py-import",
            "spooler-python-import",
        ],
        "import the module in the worker of the task queue that takes the spooler's place",
    ),
    refused(
        &[
            "cache",
            "cache2",
            "cache-blocksize",
            "cache-no-expire",
            "cache-expire-freq",
            "cache-report-freed-items",
            "cache-use-last-modified",
            "add-cache-item",
        ],
        CACHE,
    ),
    refused(
        &["cache-store", "cache-store-sync"],
        "use a cache server that keeps its data on disk, such as Redis",
    ),
    refused(
        &["cache-udp-server", "cache-udp-node", "cache-sync"],
        "use one cache server for all machines, such as Redis or memcached",
    ),
    refused(
        &["load-file-in-cache", "load-file-in-cache-gzip"],
        "use `static-map`; the kernel keeps the files in memory",
    ),
    refused(
        &["check-cache"],
        "let the web server in front cache answers, with `proxy_cache` in nginx",
    ),
    refused(
        &[
            "queue",
            "queue-blocksize",
            "queue-store",
            "queue-store-sync",
        ],
        "use a queue server such as Redis or RabbitMQ",
    ),
    refused(
        &["sharedarea"],
        "use `multiprocessing.shared_memory` in the app, or a cache server such as Redis",
    ),
    either(
        &["lock-engine", "ftok", "persistent-ipcsem"],
        "`uwsgi.lock` is a robust mutex, and Lictor's own processes share no locks",
    ),
    refused(
        &["signal-timer", "timer", "signal-rbtimer", "rbtimer"],
        SIGNALS,
    ),
    refused(
        &["signal-bufsize", "signals-bufsize"],
        "remove it; there are no uWSGI signals that could wait",
    ),
    refused(
        &["touch-signal", "fs-signal"],
        "use `touch-reload`, or watch the file in a service of its own",
    ),
    refused(
        &["rpc-max", "symcall-register-rpc"],
        "let the apps ask each other over HTTP",
    ),
    refused(
        &["reaper"],
        "wait for the app's child processes in the app, as `subprocess.run` does",
    ),
];
