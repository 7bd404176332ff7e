//! Sockets and their protocols.

use super::{Asks, Foreign, either, fixed, on, refused, refused_for};

const PYTHON_ANSWERS: &str = "every request goes to the Python app, which is modifier 0";
const HTTP: &[&str] = &["http"];

pub(super) static NAMES: &[Foreign] = &[
    refused_for(
        &["puwsgi-socket"],
        HTTP,
        "use `uwsgi`; no web server keeps such connections open",
    ),
    refused_for(
        &["suwsgi-socket", "ssl-socket"],
        HTTP,
        "use `https`, and `proxy_pass https://…` in nginx",
    ),
    refused_for(
        &["fastcgi-nph-socket"],
        HTTP,
        "use `fastcgi`, whose answers begin with `Status`, which every web server reads",
    ),
    refused_for(
        &["scgi-nph-socket"],
        HTTP,
        "use `scgi`, whose answers begin with `Status`, which every web server reads",
    ),
    refused_for(
        &["raw-socket"],
        HTTP,
        "run a program of its own for a protocol that is not HTTP",
    ),
    refused_for(
        &["udp"],
        HTTP,
        "run a program of its own for datagrams; an app is asked over `http`",
    ),
    refused_for(
        &["shared-socket", "undeferred-shared-socket"],
        HTTP,
        "give the address to `http` itself; the emperor binds it before it gives up any right",
    ),
    fixed(
        &[
            "http-socket-modifier1",
            "http-socket-modifier2",
            "https-socket-modifier1",
            "https-socket-modifier2",
            "fastcgi-modifier1",
            "fastcgi-modifier2",
            "scgi-modifier1",
            "scgi-modifier2",
            "raw-modifier1",
            "raw-modifier2",
        ],
        Asks::Zero,
        PYTHON_ANSWERS,
    ),
    refused(
        &["allowed-modifiers", "remap-modifier"],
        "remove it; no request can choose anything but the app",
    ),
    refused(
        &["abstract-socket"],
        "write the address as `@name`, for each socket that is to be abstract",
    ),
    refused(
        &["freebind"],
        "set the sysctl `net.ipv4.ip_nonlocal_bind`, for an address that the machine gets later",
    ),
    refused(
        &["map-socket"],
        "remove it; all workers accept from all sockets. Give the app a second vassal to set workers apart",
    ),
    refused(
        &["reuse-port"],
        "remove it; the workers share one socket, which a reload passes on without closing it",
    ),
    on(
        &["thunder-lock"],
        "a connection wakes one worker, so that none stampede to accept",
    ),
    either(
        &["no-defer-accept"],
        "when a connection is accepted makes no difference to the app",
    ),
    on(&["tcp-nodelay"], "TCP_NODELAY is always on"),
    on(&["so-keepalive"], "TCP keep-alive is always on"),
    refused(
        &[
            "so-send-timeout",
            "socket-send-timeout",
            "so-write-timeout",
            "socket-write-timeout",
        ],
        "use `socket-timeout`, which holds for clients that take nothing of an answer",
    ),
    refused(
        &["socket-sndbuf"],
        "set the sysctl `net.ipv4.tcp_wmem`; the kernel sizes the buffer by itself within it",
    ),
    refused(
        &["socket-rcvbuf"],
        "set the sysctl `net.ipv4.tcp_rmem`; the kernel sizes the buffer by itself within it",
    ),
    either(
        &["shutdown-sockets"],
        "the sockets are the emperor's and stay open over every reload",
    ),
    refused(
        &["tcp-fast-open", "tcp-fastopen"],
        "remove it; with `http-keepalive` a client connects once for many requests",
    ),
    refused(
        &["tcp-fast-open-client", "tcp-fastopen-client"],
        "remove it; Lictor opens no connections of its own",
    ),
    either(
        &["no-fd-passing"],
        "a request can never bring a descriptor along",
    ),
    on(
        &["close-on-exec", "close-on-exec2"],
        "descriptors never leak into child processes",
    ),
    refused(
        &[
            "zerg",
            "zerg-fallback",
            "zerg-server",
            "zergpool",
            "zerg-pool",
        ],
        "remove it; a new generation takes the sockets over while the old one still serves",
    ),
    refused(
        &[
            "ssl-verbose",
            "ssl-verify-depth",
            "ssl-enable3",
            "ssl-enable-sslv3",
            "ssl-enable-tlsv1",
            "ssl-option",
            "ssl-tmp-dir",
        ],
        "remove it; `https` speaks TLS 1.2 and 1.3, with safe ciphers and session tickets",
    ),
    refused(
        &["sni", "sni-dir"],
        "give the address once more in `https`, with the other certificate",
    ),
    refused(
        &["sni-dir-ciphers"],
        "remove it; `https` offers safe ciphers only",
    ),
];
