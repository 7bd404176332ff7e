//! uWSGI's other routers, and how apps announce themselves to them.

use super::{Foreign, refused};

const LISTED: &str = "list the vassal's address in the load balancer or the web server in front";

pub(super) static NAMES: &[Foreign] = &[
    refused(
        FASTROUTER,
        "let nginx or HAProxy balance, with the addresses of the vassals' `http`",
    ),
    refused(
        RAWROUTER,
        "let HAProxy or nginx's `stream` pass raw connections on",
    ),
    refused(
        SSLROUTER,
        "let HAProxy or nginx's `stream` end TLS for what is not HTTP; for HTTP use `https`",
    ),
    refused(SUBSCRIPTIONS, LISTED),
    refused(
        &["weight", "auto-weight"],
        "give the load balancer in front the weight of this machine",
    ),
    refused(
        &["multicast", "multicast-ttl", "multicast-loop"],
        "remove it; machines do not find each other. List them in the load balancer in front",
    ),
    refused(
        LEGION,
        "let a cluster manager such as Pacemaker or keepalived decide which machine leads",
    ),
];

/// The router of the uwsgi protocol.
static FASTROUTER: &[&str] = &[
    "fastrouter",
    "fastrouter-processes",
    "fastrouter-workers",
    "fastrouter-zerg",
    "fastrouter-use-cache",
    "fastrouter-use-pattern",
    "fastrouter-use-base",
    "fastrouter-fallback",
    "fastrouter-use-code-string",
    "fastrouter-use-socket",
    "fastrouter-to",
    "fastrouter-gracetime",
    "fastrouter-events",
    "fastrouter-quiet",
    "fastrouter-cheap",
    "fastrouter-subscription-server",
    "fastrouter-subscription-slot",
    "fastrouter-timeout",
    "fastrouter-post-buffering",
    "fastrouter-post-buffering-dir",
    "fastrouter-stats",
    "fastrouter-stats-server",
    "fastrouter-ss",
    "fastrouter-harakiri",
    "fastrouter-uid",
    "fastrouter-gid",
    "fastrouter-resubscribe",
    "fastrouter-resubscribe-bind",
    "fastrouter-buffer-size",
    "fastrouter-fallback-on-no-key",
    "fastrouter-subscription-fallback-key",
];

/// The router of plain TCP.
static RAWROUTER: &[&str] = &[
    "rawrouter",
    "rawrouter-processes",
    "rawrouter-workers",
    "rawrouter-zerg",
    "rawrouter-use-cache",
    "rawrouter-use-pattern",
    "rawrouter-use-base",
    "rawrouter-fallback",
    "rawrouter-use-code-string",
    "rawrouter-use-socket",
    "rawrouter-to",
    "rawrouter-gracetime",
    "rawrouter-events",
    "rawrouter-max-retries",
    "rawrouter-quiet",
    "rawrouter-cheap",
    "rawrouter-subscription-server",
    "rawrouter-subscription-slot",
    "rawrouter-timeout",
    "rawrouter-stats",
    "rawrouter-stats-server",
    "rawrouter-ss",
    "rawrouter-harakiri",
    "rawrouter-xclient",
    "rawrouter-buffer-size",
];

/// The router that ends TLS.
static SSLROUTER: &[&str] = &[
    "sslrouter",
    "sslrouter2",
    "sslrouter-session-context",
    "sslrouter-processes",
    "sslrouter-workers",
    "sslrouter-zerg",
    "sslrouter-use-cache",
    "sslrouter-use-pattern",
    "sslrouter-use-base",
    "sslrouter-fallback",
    "sslrouter-use-code-string",
    "sslrouter-use-socket",
    "sslrouter-to",
    "sslrouter-gracetime",
    "sslrouter-events",
    "sslrouter-max-retries",
    "sslrouter-quiet",
    "sslrouter-cheap",
    "sslrouter-subscription-server",
    "sslrouter-timeout",
    "sslrouter-stats",
    "sslrouter-stats-server",
    "sslrouter-ss",
    "sslrouter-harakiri",
    "sslrouter-sni",
    "sslrouter-buffer-size",
];

/// How an app announces itself to a router, and what a router believes.
static SUBSCRIPTIONS: &[&str] = &[
    "subscriptions-sign-check",
    "subscriptions-sign-check-tolerance",
    "subscriptions-sign-skip-uid",
    "subscriptions-credentials-check",
    "subscriptions-use-credentials",
    "subscription-algo",
    "subscription-dotsplit",
    "subscribe-to",
    "st",
    "subscribe",
    "subscribe2",
    "subscribe-freq",
    "subscription-tolerance",
    "unsubscribe-on-graceful-reload",
    "start-unsubscribed",
    "subscribe-with-modifier1",
];

/// Groups of machines of which one leads.
static LEGION: &[&str] = &[
    "legion",
    "legion-mcast",
    "legion-node",
    "legion-freq",
    "legion-tolerance",
    "legion-death-on-lord-error",
    "legion-skew-tolerance",
    "legion-lord",
    "legion-unlord",
    "legion-setup",
    "legion-death",
    "legion-join",
    "legion-node-joined",
    "legion-node-left",
    "legion-quorum",
    "legion-scroll",
    "legion-scroll-max-size",
    "legion-scroll-list-max-size",
];
