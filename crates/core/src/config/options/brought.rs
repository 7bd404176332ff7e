//! Options that files bring along from uWSGI, beside those of which they are another form.

use std::time::Duration;

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;

const LONGEST: Duration = Duration::from_hours(24);
/// Less is too little for Python to raise an exception in.
const SMALLEST_STACK: u64 = 64 << 10;
const LARGEST_STACK: u64 = 1 << 30;
/// Stacks are made of whole pages.
const PAGE: u64 = 4 << 10;

pub(super) static OPTIONS: &[OptionSpec] = &[THREAD_STACK_SIZE, HTTP_TIMEOUT, LOG_X_FORWARDED_FOR];

const THREAD_STACK_SIZE: OptionSpec = OptionSpec {
    name: "thread-stack-size",
    aliases: &[
        "thread-stacksize",
        "threads-stacksize",
        "threads-stack-size",
    ],
    kind: ValueKind::One,
    takes: "a size from `64K` to `1G`",
    default: "as the system has it, usually 8M",
    example: "\"8M\"",
    is_local: false,
    documentation: "The stack of each thread that `threads` adds to a worker; the first one has that of \
        the process, and threads that the app starts itself are not concerned. It bounds how deep the \
        app may recurse, and costs memory only as far as it is used. A bare number is kilobytes, as \
        in uWSGI.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let bytes =
            setting.one(|s, node| values::kilobytes(s, node, SMALLEST_STACK..=LARGEST_STACK))?;
        draft.process.thread_stack = Some(bytes.next_multiple_of(PAGE));
        Ok(())
    },
};

const HTTP_TIMEOUT: OptionSpec = OptionSpec {
    name: "http-timeout",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a duration from `1s` to `24h`",
    default: "as `socket-timeout`",
    example: "\"60s\"",
    is_local: false,
    documentation: "How long a connection may stand still, as uWSGI's HTTP router takes it: it means \
        `socket-timeout`, and where both are given, the longer of the two holds. The time that the \
        app needs for its answer does not count; that is what `harakiri` limits. A bare number is \
        seconds.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let timeout = setting.one(|s, node| match values::duration(s, node, LONGEST)? {
            timeout if timeout < Duration::from_secs(1) => Err(s.mismatch(node)),
            timeout => Ok(timeout),
        })?;
        draft.http_timeout = Some(timeout);
        Ok(())
    },
};

const LOG_X_FORWARDED_FOR: OptionSpec = OptionSpec {
    name: "log-x-forwarded-for",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "The log shows the client's address as a proxy tells it. It does so in any case \
        where `forwarded-allow` names the proxies that are believed, and without that this is \
        refused: anybody can send `X-Forwarded-For`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let place = setting.one(|s, node| Ok((values::boolean(s, node)?, node.place.clone())))?;
        draft.log_forwarded_place = Some(place)
            .filter(|(is_on, _)| *is_on)
            .map(|(_, place)| place);
        Ok(())
    },
};
