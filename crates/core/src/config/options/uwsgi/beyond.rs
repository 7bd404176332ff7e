//! Names that uWSGI 2.0.31 has only with plugins or libraries that a plain build lacks, those of its
//! unreleased versions, its flags of one letter, and names of other servers.

use super::{Foreign, dialect, off, on, refused, refused_for};

const ROUTES: &str = "use `route`, `route-host` and the other rules of docs/routing.md, or let the web server in \
    front route requests";
const LATER_VERSION: &str = "remove it; no released uWSGI has it either";

pub(super) static NAMES: &[Foreign] = &[
    refused(
        &["d"],
        "remove it; the emperor runs under a service manager",
    ),
    on(&["M"], "every vassal has a master process"),
    dialect(
        &["json"],
        "The options of that file, or of that section as `FILE:SECTION`, stand in its place",
    ),
    dialect(
        &["if-hostname-match", "if-not-hostname-match", "ifreload"],
        "The lines up to `endif` count only if the condition holds; `%(_)` is its value",
    ),
    dialect(&["end"], "It ends what `for`, `if-…` and their kind began"),
    refused_for(
        &["h2", "http2-socket"],
        &["http"],
        "use `http` with `http2 = \"all\"`",
    ),
    refused(
        &["asyncio", "greenlet", "tornado"],
        "use `threads` and `processes`, or an ASGI app for very many connections at a time",
    ),
    refused(
        &[
            "route-",
            "final-route",
            "final-route-",
            "error-route",
            "error-route-",
        ],
        ROUTES,
    ),
    refused(
        &["response-route", "response-route-"],
        "let the app set what its answers need, or the web server in front",
    ),
    refused(
        &["sni-regexp"],
        "give the address once more in `https`, with the other certificate, once for each name",
    ),
    refused(
        &["ssl-"],
        "remove it; `https` speaks TLS 1.2 and 1.3, with safe ciphers and session tickets",
    ),
    refused(
        &["log-alarm", "alarm-log"],
        "let a log shipper choose among the lines of `logto`, or of `lictor logs`",
    ),
    refused(
        &["cap", "vassal-cap", "vassals-cap", "emperor-cap"],
        "use `CapabilityBoundingSet=` in the emperor's systemd unit; a vassal has no capabilities once it has its `uid`",
    ),
    refused(&["uid-gid", "drop-privileges"], "use `uid` and `gid`"),
    refused(
        &["emperor-", "vassals", "vassals-"],
        "start `lictor emperor DIR`; a vassal has no vassals",
    ),
    off(&["lazy-reload"], "a reload always starts a new generation"),
    on(
        &["exit-on-reload-abort"],
        "a generation that fails never takes the old one down",
    ),
    on(
        &["add-header-connection"],
        "HTTP connections are kept alive",
    ),
    refused(
        &[
            "php", "rack", "psgi", "perl", "lua", "go", "mono", "cgi", "php-", "lua-", "rack-",
            "psgi-", "perl-",
        ],
        "Lictor serves Python only",
    ),
    refused(
        &["fork-server", "zeus", "reload-on-uss", "reload-on-pss"],
        LATER_VERSION,
    ),
    refused(
        &["wsgi-manage-chunked-input"],
        "remove it; bodies of any length and encoding reach the app through `wsgi.input`",
    ),
];
