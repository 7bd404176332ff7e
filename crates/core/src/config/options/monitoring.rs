//! Options: numbers for whoever watches.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;

pub(super) static OPTIONS: &[OptionSpec] = &[STATS, STATS_HTTP, STATS_MINIFIED, STATS_NO_CORES];

const STATS: OptionSpec = OptionSpec {
    name: "stats",
    aliases: &["stats-server"],
    kind: ValueKind::Many,
    takes: "an address such as `127.0.0.1:9191`, or a list of them",
    default: "none",
    example: "\"blog-stats.sock\"",
    is_local: true,
    documentation: "The addresses at which the vassal tells how its workers are, in uWSGI's JSON; they \
        are written as for `http`. `uwsgitop` and exporters for uWSGI read it. Whoever connects gets \
        the document at once and the connection is closed; up to eight clients are answered at a time, \
        each within five seconds. What is told holds no contents of requests, but is meant for those who \
        run the app: let nobody else reach the address. With this option the duration of each request is \
        measured, which costs two looks at the clock.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let addresses = values::distinct_addresses(setting.each(values::address)?)?;
        if addresses.is_empty() {
            return Err(vec![setting.without_value(&setting.key_place)]);
        }
        values::apart(setting, draft, &addresses)?;
        draft.monitoring.stats = addresses;
        Ok(())
    },
};

const STATS_HTTP: OptionSpec = OptionSpec {
    name: "stats-http",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "true",
    is_local: false,
    documentation: "Whether the document of `stats` is told as an answer of HTTP. A request for any path \
        then gets it by GET or HEAD, and a client that sends no request is let go after five seconds; \
        give `uwsgitop` the address as `http://HOST:PORT`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.monitoring.stats_http = setting.one(values::boolean)?;
        Ok(())
    },
};

const STATS_MINIFIED: OptionSpec = OptionSpec {
    name: "stats-minified",
    aliases: &["stats-min"],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "true",
    is_local: false,
    documentation: "Whether the document of `stats` is one line without blanks. Otherwise it is indented, \
        for people who read it.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.monitoring.is_minified = setting.one(values::boolean)?;
        Ok(())
    },
};

const STATS_NO_CORES: OptionSpec = OptionSpec {
    name: "stats-no-cores",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "true",
    is_local: false,
    documentation: "Whether the document of `stats` leaves out the threads of workers, which uWSGI calls \
        cores. The workers still tell the sums; `uwsgitop` then shows no cores.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.monitoring.leaves_out_cores = setting.one(values::boolean)?;
        Ok(())
    },
};
