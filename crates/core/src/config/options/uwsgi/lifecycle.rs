//! How processes come, go and take turns.

use super::{Foreign, either, off, on, refused};

const CHEAPER: &str = "remove it and set `processes` to what the app needs at its busiest";

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
    refused(
        &["exit-on-reload"],
        "remove it; a reload starts a new generation, and `lictor stop` ends the vassal",
    ),
    refused(
        &["no-threads-wait"],
        "use `reload-mercy`: requests in flight get no longer than that",
    ),
    either(
        &["max-requests-delta", "max-worker-lifetime-delta"],
        "workers that reach a limit are replaced one at a time, and each is there until its replacement serves",
    ),
    refused(
        &["min-worker-lifetime"],
        "remove it; a worker serves until its replacement is ready",
    ),
    refused(
        &["reload-on-as", "evil-reload-on-as"],
        "use `reload-on-rss`, which counts the memory that a worker really has",
    ),
    refused(
        &["evil-reload-on-rss"],
        "use `reload-on-rss`: the worker is replaced after the request that it is in",
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
    refused(
        &[
            "reload-on-exception",
            "reload-on-exception-type",
            "reload-on-exception-value",
            "reload-on-exception-repr",
        ],
        "let the app call `os._exit` when it cannot go on; a worker that ends is replaced at once",
    ),
    refused(
        &[
            "cheaper",
            "cheaper-initial",
            "cheaper-step",
            "cheaper-overload",
            "cheaper-algo",
        ],
        CHEAPER,
    ),
    refused(
        &[
            "cheaper-busyness-max",
            "cheaper-busyness-min",
            "cheaper-busyness-multiplier",
            "cheaper-busyness-penalty",
            "cheaper-busyness-verbose",
            "cheaper-busyness-backlog-alert",
            "cheaper-busyness-backlog-multiplier",
            "cheaper-busyness-backlog-step",
            "cheaper-busyness-backlog-nonzero",
        ],
        CHEAPER,
    ),
    refused(
        &["cheaper-rss-limit-soft", "cheaper-rss-limit-hard"],
        "set `reload-on-rss` to the limit divided by `processes`",
    ),
    refused(
        &["cheap", "idle", "die-on-idle"],
        "remove it; the workers of an idle vassal sleep, and share the master's memory",
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
    refused(
        &["harakiri-graceful-timeout", "harakiri-graceful-signal"],
        "remove it; `harakiri` answers the client and logs the traceback before it ends anything",
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
