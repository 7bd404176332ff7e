//! Options: rules for requests, before files and apps answer them.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::draft::Draft;
use crate::config::setting::{Outcome, Setting};
use crate::config::values;
use crate::config::vassal::RouteSubject;

pub(super) static OPTIONS: &[OptionSpec] = &[
    ROUTE,
    ROUTE_URI,
    ROUTE_HOST,
    ROUTE_QS,
    ROUTE_REMOTE_ADDR,
    ROUTE_USER_AGENT,
    ROUTE_REFERER,
    ROUTE_RUN,
];

const ROUTE: OptionSpec = OptionSpec {
    name: "route",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "a regular expression and an action, such as `^/old/(.*) redirect:/new/$1`, or a list \
        of them",
    default: "none",
    example: "['^/old/(.*) redirect:/new/$1', '^/private break:403 Forbidden']",
    is_local: false,
    documentation: "Rules for requests whose percent-decoded path (`PATH_INFO`) the expression \
        matches, before files and apps answer. The actions are `redirect`, `redirect-permanent`, \
        `static`, `addheader`, `delheader`, `rewrite`, `rewrite-last`, `fixpathinfo`, `break`, \
        `continue`, `last`, `log` and `setscheme`, with `$1` to `$9` and `${VARIABLE}` in what stands behind their \
        colon. All `route…` options are one list in the order of the file, where values of a TOML \
        list stand together. Expressions match anywhere and take time linear in what they look at; \
        they know neither look-around nor back-references. `docs/routing.md` says more.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| add(draft, setting, Some(RouteSubject::PathInfo)),
};

const ROUTE_URI: OptionSpec = OptionSpec {
    name: "route-uri",
    documentation: "Rules as those of `route`, for requests whose target the expression matches: \
        path and query as the client sent them (`REQUEST_URI`). `rewrite` does not change it.",
    apply: |draft, setting| add(draft, setting, Some(RouteSubject::Uri)),
    ..ROUTE
};

const ROUTE_HOST: OptionSpec = OptionSpec {
    name: "route-host",
    takes: "a regular expression and an action, such as `^www[.] redirect:https://example.org/`, \
        or a list of them",
    example: "['^www[.]example[.]org$ redirect-permanent:https://example.org${REQUEST_URI}']",
    documentation: "Rules as those of `route`, for requests to a host that the expression matches \
        (`HTTP_HOST`), with its port if the client says one. Case counts, in hosts too.",
    apply: |draft, setting| add(draft, setting, Some(RouteSubject::Host)),
    ..ROUTE
};

const ROUTE_QS: OptionSpec = OptionSpec {
    name: "route-qs",
    takes: "a regular expression and an action, such as `(^|&)debug=1 break:403`, or a list of them",
    example: "['(^|&)debug=1 break:403 Forbidden']",
    documentation: "Rules as those of `route`, for requests whose query the expression matches \
        (`QUERY_STRING`). It is looked at as the client sent it, or as `rewrite` has left it.",
    apply: |draft, setting| add(draft, setting, Some(RouteSubject::Query)),
    ..ROUTE
};

const ROUTE_REMOTE_ADDR: OptionSpec = OptionSpec {
    name: "route-remote-addr",
    takes: "a regular expression and an action, such as `^10[.] last:`, or a list of them",
    example: "['^10[.] addheader:X-Network: inner']",
    documentation: "Rules as those of `route`, for clients whose address the expression matches \
        (`REMOTE_ADDR`). Behind a proxy that is the proxy's, unless `forwarded-allow` names it; \
        clients of a unix socket have none.",
    apply: |draft, setting| add(draft, setting, Some(RouteSubject::RemoteAddr)),
    ..ROUTE
};

const ROUTE_USER_AGENT: OptionSpec = OptionSpec {
    name: "route-user-agent",
    takes: "a regular expression and an action, such as `BadBot break:403`, or a list of them",
    example: "['BadBot break:403 Forbidden']",
    documentation: "Rules as those of `route`, for clients whose `User-Agent` the expression \
        matches. A request without that field counts as one with an empty one.",
    apply: |draft, setting| add(draft, setting, Some(RouteSubject::UserAgent)),
    ..ROUTE
};

const ROUTE_REFERER: OptionSpec = OptionSpec {
    name: "route-referer",
    takes: "a regular expression and an action, such as `//spam[.]example/ break:403`, or a list \
        of them",
    example: "['//spam[.]example/ break:403 Forbidden']",
    documentation: "Rules as those of `route`, for requests whose `Referer` the expression \
        matches. A request without that field counts as one with an empty one.",
    apply: |draft, setting| add(draft, setting, Some(RouteSubject::Referer)),
    ..ROUTE
};

const ROUTE_RUN: OptionSpec = OptionSpec {
    name: "route-run",
    takes: "an action such as `addheader:X-Robots-Tag: noindex`, or a list of them",
    example: "[\"addheader:X-Robots-Tag: noindex\"]",
    documentation: "Rules as those of `route` without an expression, for every request. They have \
        their place among the others, so that an earlier `last:` keeps a request from them.",
    apply: |draft, setting| add(draft, setting, None),
    ..ROUTE
};

fn add(draft: &mut Draft, setting: &Setting<'_>, subject: Option<RouteSubject>) -> Outcome<()> {
    let mut complaints = Vec::new();
    for (order, node) in setting.in_order() {
        match values::route(setting, node, subject) {
            Ok(rule) => draft.routes.push((order, rule)),
            Err(complaint) => complaints.push(complaint),
        }
    }
    if complaints.is_empty() {
        Ok(())
    } else {
        Err(complaints)
    }
}
