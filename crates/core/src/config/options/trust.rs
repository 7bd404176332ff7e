//! Options: proxies in front, and what they may say about the client.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;

pub(super) static OPTIONS: &[OptionSpec] = &[FORWARDED_ALLOW, FORWARDED_FIELDS, PROXY_PROTOCOL];

const FORWARDED_ALLOW: OptionSpec = OptionSpec {
    name: "forwarded-allow",
    aliases: &["forwarded-allow-ips"],
    kind: ValueKind::Many,
    takes: "an address such as `10.0.0.7`, a network such as `10.0.0.0/8`, `unix`, `*`, or a list of them",
    default: "none: nobody is believed",
    example: "[\"127.0.0.1\", \"10.0.0.0/8\", \"unix\"]",
    is_local: false,
    documentation: "The peers whose word about the client is believed, as proxies put it into \
        `Forwarded` (RFC 7239), `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `-Prefix`, or say \
        it by the PROXY protocol. `unix` is whoever connects to a unix socket, `*` is everybody. The \
        client's address is the rightmost one that is not such a peer itself. From all other peers \
        these fields, and their like such as `X-Real-IP`, are taken away before the app sees them. \
        Without this option nobody is believed and the fields reach the app as they came, as they do \
        in other servers. gunicorn and uvicorn believe `127.0.0.1` unless told otherwise.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let peers = setting.each(values::trusted_peer)?;
        draft.trust.forwarded_allow = Some(peers.into_iter().map(|(peer, _)| peer).collect());
        Ok(())
    },
};

const FORWARDED_FIELDS: OptionSpec = OptionSpec {
    name: "forwarded-fields",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "`forwarded`, `x-forwarded-for`, `x-forwarded-proto`, `x-forwarded-host`, \
        `x-forwarded-port`, `x-forwarded-prefix`, or a list of them",
    default: "all of them",
    example: "[\"x-forwarded-for\", \"x-forwarded-proto\"]",
    is_local: false,
    documentation: "Which fields of the peers in `forwarded-allow` are believed. A proxy hands on \
        what its client wrote into fields that it does not write itself, so name those that yours \
        writes. The others are taken away.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let fields = setting.each(values::forwarded_field)?;
        draft.trust.forwarded_fields = fields.into_iter().map(|(field, _)| field).collect();
        Ok(())
    },
};

const PROXY_PROTOCOL: OptionSpec = OptionSpec {
    name: "proxy-protocol",
    aliases: &["enable-proxy-protocol", "http-enable-proxy-protocol"],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "Whether the peers in `forwarded-allow` begin each connection with the PROXY \
        protocol, version 1 or 2 (haproxy.org, proxy-protocol.txt). What it says of the client \
        counts as the peer from then on. A peer of these that does not begin with it, and any other \
        peer that does, has its connection closed, which the log tells at most once a second. Other \
        peers are served as ever.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let (is_on, place) = setting.one(|setting, node| {
            values::boolean(setting, node).map(|is_on| (is_on, node.place.clone()))
        })?;
        draft.trust.proxy_protocol = is_on;
        draft.proxy_protocol_place = Some(place).filter(|_| is_on);
        Ok(())
    },
};
