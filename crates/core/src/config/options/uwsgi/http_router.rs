//! The HTTP router: a process of its own in uWSGI, none in Lictor.

use super::{Asks, Foreign, either, fixed, off, on, refused, refused_for};

const NO_ROUTER: &str =
    "the workers speak HTTP themselves, without a process between them and the client";

pub(super) static NAMES: &[Foreign] = &[
    either(
        &[
            "http-processes",
            "http-workers",
            "http-events",
            "http-quiet",
            "http-cheap",
            "http-gracetime",
            "http-connect-timeout",
        ],
        NO_ROUTER,
    ),
    fixed(
        &["http-modifier1", "http-modifier2"],
        Asks::Zero,
        "every request goes to the Python app, which is modifier 0",
    ),
    on(
        &["http-raw-body", "http-chunked-input"],
        "bodies of any length and encoding reach the app through `wsgi.input`",
    ),
    on(
        &["http-auto-chunked"],
        "an answer of unknown length is chunked for clients that keep their connection",
    ),
    on(
        &["http-websockets"],
        "a websocket of an ASGI app needs no option",
    ),
    refused(
        &["http-manage-expect"],
        "remove it; the answer to `Expect: 100-continue` is given when the app reads the body, and `limit-post` refuses what is too large before",
    ),
    refused(
        &["http-auto-gzip"],
        "use `compress` with the media types to compress",
    ),
    refused(
        &["http-harakiri"],
        "use `harakiri`; no process stands before the workers that could hang",
    ),
    refused(
        &["http-buffer-size"],
        "use `buffer-size`, the largest head of a request",
    ),
    refused(
        &["http-uid", "http-gid"],
        "use `uid` and `gid`; the workers speak HTTP themselves",
    ),
    refused_for(
        &["http-to-https"],
        &["http"],
        "use `http`, and let the app redirect requests whose `wsgi.url_scheme` is `http`",
    ),
    refused(
        &["http-to", "http-fallback", "http-use-socket"],
        "remove it; the app of this vassal answers. Let a web server balance over several machines",
    ),
    refused(
        &[
            "http-use-cache",
            "http-use-pattern",
            "http-use-base",
            "http-use-code-string",
        ],
        "give each app a vassal and an address of its own, and let the web server choose by host name",
    ),
    refused(
        &[
            "http-subscription-server",
            "http-subscription-fallback-key",
            "http-resubscribe",
        ],
        "list the vassals' addresses in the web server in front",
    ),
    refused(
        &["http-zerg"],
        "remove it; a new generation takes the socket over while the old one still serves",
    ),
    refused(
        &["http-stats", "http-stats-server", "http-ss"],
        "use `lictor status --json`; there is no router process to count for",
    ),
    refused(
        &["http-var"],
        "use `env` for what is the same in every request; the app finds it in `os.environ`",
    ),
    refused(
        &["http-stud-prefix"],
        "use `proxy-protocol`, which stud's successors (hitch, HAProxy) speak",
    ),
    refused(
        &["http-manage-source", "http-manage-rtsp"],
        "run a program of its own for Icecast or RTSP; `http` speaks HTTP only",
    ),
    off(
        &["http-server-name-as-http-host"],
        "SERVER_NAME is the name that the server has, HTTP_HOST the one that the client asked for",
    ),
    refused_for(
        &["https2"],
        &["https"],
        "use `https` with `address,certificate,key`, and `http2` for HTTP/2 over it",
    ),
    refused(
        &["https-export-cert"],
        "remove it; the environ has `HTTPS_CC` whenever a client shows a certificate",
    ),
    refused(
        &["https-session-context"],
        "remove it; TLS sessions are resumed with tickets, which all workers of the vassal know",
    ),
];
