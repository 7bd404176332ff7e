//! Options: limits and timeouts of connections.

use std::time::Duration;

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::diagnostic::Complaint;
use crate::config::setting::Setting;
use crate::config::tree::Node;
use crate::config::values;
use crate::config::vassal::WireConfig;

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_hours(1);

/// A time that some client can keep to, and that has an end.
fn limit(setting: &Setting<'_>, node: &Node) -> Result<Duration, Complaint> {
    let limit = values::duration(setting, node, LONGEST)?;
    if limit < SHORTEST {
        return Err(setting.mismatch(node));
    }
    Ok(limit)
}

pub(super) static OPTIONS: &[OptionSpec] = &[
    HTTP_HEADERS_TIMEOUT,
    HTTP_KEEPALIVE,
    SOCKET_TIMEOUT,
    MAX_CONNECTIONS,
    HTTP2,
];

const HTTP_HEADERS_TIMEOUT: OptionSpec = OptionSpec {
    name: "http-headers-timeout",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a duration from `1s` to `1h`",
    default: "10s",
    example: "\"10s\"",
    is_local: false,
    documentation: "How long a client may take to send the head of a request, however it trickles \
        in: from accepting the connection for the first, from the first byte for the next. Then the \
        connection is closed, with status 408 if a part of the head has come. A bare number is \
        seconds.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.wire.head_timeout = setting.one(limit)?;
        Ok(())
    },
};

const HTTP_KEEPALIVE: OptionSpec = OptionSpec {
    name: "http-keepalive",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a duration from `1s` to `1h`, or 0 to close each connection after its answer",
    default: "65s",
    example: "\"65s\"",
    is_local: false,
    documentation: "How long an idle connection is kept for its client's next request. It should be \
        a little longer than that of the proxy in front, so that the proxy is the one that closes. \
        A bare number is seconds; `true` and, as in uWSGI, 1 are the default, `false` is 0.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.wire.keepalive = setting.one(|s, node| match values::boolean(s, node) {
            Ok(true) => Ok(WireConfig::KEEPALIVE),
            Ok(false) => Ok(Duration::ZERO),
            Err(_not_a_switch) => limit(s, node),
        })?;
        Ok(())
    },
};

const SOCKET_TIMEOUT: OptionSpec = OptionSpec {
    name: "socket-timeout",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a duration from `1s` to `1h`",
    default: "60s",
    example: "\"60s\"",
    is_local: false,
    documentation: "How long a body may stand still: the client of an upload sends nothing, or that \
        of an answer takes nothing. An upload is then answered with status 408 if no answer has \
        begun, anything else is cut off. Every byte starts the time anew; the longest time in all \
        is what `harakiri` limits. A bare number is seconds.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.wire.socket_timeout = setting.one(limit)?;
        Ok(())
    },
};

const MAX_CONNECTIONS: OptionSpec = OptionSpec {
    name: "max-connections",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a number from 1 to 1000000",
    default: "10000, or as many as the descriptor limit allows",
    example: "10000",
    is_local: false,
    documentation: "How many connections one worker has at a time. When there are more, those that \
        have been waiting longest for a request are closed: idle ones first, then those whose \
        request has come only in part, so that slow clients cannot shut out others. Connections \
        whose request is being answered are never closed for this, and if there are only those, new \
        ones wait in the kernel. It cannot exceed the number of descriptors, of which some are left \
        for the app.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let limit = setting.one(|s, node| values::whole(s, node, 1..=1_000_000))?;
        draft.wire.max_connections = Some(limit);
        Ok(())
    },
};

const HTTP2: OptionSpec = OptionSpec {
    name: "http2",
    aliases: &[],
    kind: ValueKind::One,
    takes: "`tls`, `all` or `off`",
    default: "tls",
    example: "\"tls\"",
    is_local: false,
    documentation: "Where HTTP/2 is spoken beside HTTP/1.1. With `tls` at the addresses of `https`, \
        with clients that ask for it (ALPN); with `all` also at those of `http`, with clients that \
        know it beforehand and begin with its preface, such as a proxy or a load balancer; with \
        `off` nowhere. All others speak HTTP/1.1, and websockets are opened over that. What holds \
        for each stream stands in `docs/http2.md`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.wire.http2 = setting.one(values::http2)?;
        Ok(())
    },
};
