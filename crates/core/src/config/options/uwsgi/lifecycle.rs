//! How processes come, go and take turns.

use super::{Foreign, either, off, on, refused};

pub(super) static NAMES: &[Foreign] = &[
    on(&["master"], "every vassal has a master process"),
    on(&["vacuum"], "unix sockets are removed with the vassal"),
    on(&["die-on-term"], "SIGTERM always stops"),
    on(&["no-orphans"], "workers leave when their master does"),
    on(&["auto-procname"], "processes are named after their vassal"),
    off(&["honour-stdin"], "standard input is always closed"),
    either(
        &["check-interval"],
        "the master acts when something happens, not at intervals",
    ),
    either(
        &["propagate-touch"],
        "a reload reaches every process of the vassal",
    ),
    either(&["force-gateway"], "there is no router process to start"),
    refused(
        &["forkbomb-delay"],
        "remove it; a worker that dies at once is replaced after growing pauses",
    ),
    refused(
        &["flock", "flock-wait", "flock2", "flock-wait2"],
        "remove it; an emperor locks its run directory, and starts each vassal once",
    ),
    refused(
        &["notify-socket", "subscription-notify-socket"],
        "remove it; the emperor tells systemd when it is ready, and `lictor events` the rest",
    ),
    either(
        &["exit-on-reload"],
        "a reload starts all processes anew, the master included, and those before it exit",
    ),
    refused(
        &["no-threads-wait"],
        "use `reload-mercy`: requests in flight get no longer than that",
    ),
    either(
        &["max-requests-delta", "max-worker-lifetime-delta"],
        "workers that reach a limit are replaced one at a time, and each is there until its replacement serves",
    ),
    either(
        &["min-worker-lifetime"],
        "a worker serves until its replacement does, one is replaced at a time, and none in its first second",
    ),
    refused(
        &["mem-collector-freq"],
        "remove it; `reload-on-rss` is looked at after requests",
    ),
    refused(
        &["reload-on-fd", "brutal-reload-on-fd"],
        "use `touch-reload`, or run `lictor reload NAME`",
    ),
    refused(
        &["fs-brutal-reload"],
        "use `touch-reload`, with a short `reload-mercy` if requests must not be finished",
    ),
    either(
        &[
            "cheaper-busyness-backlog-alert",
            "cheaper-busyness-backlog-multiplier",
            "cheaper-busyness-backlog-step",
            "cheaper-busyness-backlog-nonzero",
        ],
        "when no worker is free, more are started at once, whether connections wait or not",
    ),
    either(
        &["cheaper-busyness-verbose"],
        "`lictor events` tells of each change of the number of workers, and why",
    ),
    on(
        &["harakiri-verbose"],
        "`harakiri` logs the request and the traceback of its thread",
    ),
    either(
        &[
            "harakiri-no-arh",
            "no-harakiri-arh",
            "no-harakiri-after-req-hook",
        ],
        "no hooks run after a request",
    ),
    either(
        &["harakiri-graceful-timeout"],
        "`harakiri` answers the client and logs the traceback, and the worker's other requests may finish, before anything is ended",
    ),
    refused(
        &["harakiri-graceful-signal"],
        "remove it; `harakiri` logs the traceback and answers the client, and sends the app no signal of its own",
    ),
    refused(
        &["harakiri-queue-threshold"],
        "remove it; `harakiri` ends a request that takes too long, whoever waits",
    ),
    refused(
        &["backtrace-depth", "use-abort"],
        "use `LimitCORE=infinity` in the emperor's service file for core dumps, and `coredumpctl` to read them",
    ),
];
