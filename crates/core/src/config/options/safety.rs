//! Options that keep a site up: how generations hand over, and when a worker is replaced.

use std::time::Duration;

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;

const LONGEST_REQUEST: Duration = Duration::from_hours(24);
const LONGEST_LIFETIME: Duration = Duration::from_hours(24 * 365);
const LONGEST_HEARTBEAT: Duration = Duration::from_hours(1);
const MIB: u64 = 1 << 20;

pub(super) static OPTIONS: &[OptionSpec] = &[
    OVERLAP,
    READY_PATH,
    HARAKIRI,
    MAX_REQUESTS,
    MAX_WORKER_LIFETIME,
    RELOAD_ON_RSS,
    HEARTBEAT,
];

const OVERLAP: OptionSpec = OptionSpec {
    name: "overlap",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "true",
    example: "true",
    is_local: false,
    documentation: "Whether old and new code may serve side by side for the moment of a reload. \
        With `false` the new generation imports the app first; then the old workers finish and \
        leave, clients waiting meanwhile, and only then the new workers are started. If they fail, \
        the old code is brought back. It needs the app to be imported in the master, so it cannot \
        stand beside `lazy-apps`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.overlap = setting.one(|setting, node| {
            values::boolean(setting, node).map(|overlap| (overlap, Some(node.place.clone())))
        })?;
        Ok(())
    },
};

const READY_PATH: OptionSpec = OptionSpec {
    name: "ready-path",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a path such as `/health`",
    default: "none",
    example: "\"/\"",
    is_local: false,
    documentation: "A path that every worker of a new generation must answer with a status below \
        500 before the generation takes over. It is asked for with GET, inside the vassal, with the \
        host `localhost`. If one answers otherwise, or not within `start-timeout`, the generation \
        has failed, and the old one serves on. Workers that are replaced later are not asked.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.ready_path = Some(setting.one(values::request_path)?);
        Ok(())
    },
};

const HARAKIRI: OptionSpec = OptionSpec {
    name: "harakiri",
    aliases: &["request-timeout"],
    kind: ValueKind::One,
    takes: "a duration such as `30s`, at most a day, or 0 for none",
    default: "none",
    example: "\"30s\"",
    is_local: false,
    documentation: "The longest time that one request may take in the app. A longer one is answered \
        with status 504, the log gets its method, path, age and Python traceback, and its worker is \
        replaced; requests in the worker's other threads may finish within `reload-mercy`. An answer \
        that has begun is cut off. The time that the app waits for a slow client counts as well, so \
        it has to be long enough for the longest upload or download. With an ASGI app only the \
        request's task is cancelled, unless the event loop is blocked. A bare number is seconds.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let limit = setting.one(|s, node| values::duration(s, node, LONGEST_REQUEST))?;
        draft.harakiri = Some(limit).filter(|limit| !limit.is_zero());
        Ok(())
    },
};

const MAX_REQUESTS: OptionSpec = OptionSpec {
    name: "max-requests",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a number, or 0 for no limit",
    default: "no limit",
    example: "100000",
    is_local: false,
    documentation: "A worker is replaced after this many requests, for apps that leak. The number is \
        varied by up to a tenth for each worker, one worker is replaced at a time and not in its \
        first second, and it serves until its replacement does.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let limit = setting.one(|s, node| values::whole(s, node, 0..=u32::MAX))?;
        draft.max_requests = Some(u64::from(limit)).filter(|limit| *limit > 0);
        Ok(())
    },
};

const MAX_WORKER_LIFETIME: OptionSpec = OptionSpec {
    name: "max-worker-lifetime",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a duration such as `12h`, at most a year, or 0 for no limit",
    default: "no limit",
    example: "\"24h\"",
    is_local: false,
    documentation: "A worker is replaced when it is this old. The time is varied by up to a tenth \
        for each worker, one worker is replaced at a time, and it serves until its replacement does. \
        A bare number is seconds.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let limit = setting.one(|s, node| values::duration(s, node, LONGEST_LIFETIME))?;
        draft.max_worker_lifetime = Some(limit).filter(|limit| !limit.is_zero());
        Ok(())
    },
};

const RELOAD_ON_RSS: OptionSpec = OptionSpec {
    name: "reload-on-rss",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a size from `1M`, or 0 for no limit",
    default: "no limit",
    example: "\"512M\"",
    is_local: false,
    documentation: "A worker is replaced when it has more resident memory than this after a request. \
        It is looked at ten times a second at most. One worker is replaced at a time, and it serves \
        until its replacement does. A bare number is megabytes, as in uWSGI; `M` and `G` are powers \
        of 1024.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let limit = setting.one(|s, node| values::megabytes(s, node, 0..=u64::MAX))?;
        draft.reload_on_rss = Some(limit.max(MIB)).filter(|_| limit > 0);
        Ok(())
    },
};

const HEARTBEAT: OptionSpec = OptionSpec {
    name: "heartbeat",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a duration from `100ms` to `1h`, or 0 for none",
    default: "10s",
    example: "\"10s\"",
    is_local: false,
    documentation: "How often an idle worker is asked whether it still lives. One that has not \
        answered when the next question is due is replaced. A worker in a request is left alone: \
        that is what `harakiri` is for. A bare number is seconds.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let period = setting.one(|s, node| values::duration(s, node, LONGEST_HEARTBEAT))?;
        draft.heartbeat =
            Some(period.max(Duration::from_millis(100))).filter(|_| !period.is_zero());
        Ok(())
    },
};
