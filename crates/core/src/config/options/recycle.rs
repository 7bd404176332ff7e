//! Options: what costs a worker its place, beside `max-requests`, `reload-on-rss` and its age.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::setting::{Outcome, Setting};
use crate::config::values;
use crate::config::vassal::FatalException;

const MIB: u64 = 1 << 20;

pub(super) static OPTIONS: &[OptionSpec] = &[
    RELOAD_ON_AS,
    EVIL_RELOAD_ON_RSS,
    EVIL_RELOAD_ON_AS,
    RELOAD_ON_EXCEPTION,
    RELOAD_ON_EXCEPTION_TYPE,
    RELOAD_ON_EXCEPTION_VALUE,
    RELOAD_ON_EXCEPTION_REPR,
];

const RELOAD_ON_AS: OptionSpec = OptionSpec {
    name: "reload-on-as",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a size from `1M`, or 0 for no limit",
    default: "no limit",
    example: "\"4G\"",
    is_local: false,
    documentation: "A worker is replaced when its address space is larger than this after a request, \
        in the same way as with `reload-on-rss`. That counts all that is mapped, used or not: thread \
        stacks, files and libraries included, so `reload-on-rss` says more about memory. A bare \
        number is megabytes, as in uWSGI; `M` and `G` are powers of 1024.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.recycle.addressed = memory_limit(setting)?;
        Ok(())
    },
};

const EVIL_RELOAD_ON_RSS: OptionSpec = OptionSpec {
    name: "evil-reload-on-rss",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a size from `1M`, or 0 for no limit",
    default: "no limit",
    example: "\"1G\"",
    is_local: false,
    documentation: "A worker with more resident memory than this is ended at once, in the middle of \
        its requests, whose connections are closed, and replaced. The master looks once a second, so \
        that it also holds for a request that never ends. Set it above `reload-on-rss`, which lets \
        requests finish. A bare number is megabytes, as in uWSGI; `M` and `G` are powers of 1024.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.recycle.evil_resident = memory_limit(setting)?;
        Ok(())
    },
};

const EVIL_RELOAD_ON_AS: OptionSpec = OptionSpec {
    name: "evil-reload-on-as",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a size from `1M`, or 0 for no limit",
    default: "no limit",
    example: "\"8G\"",
    is_local: false,
    documentation: "A worker with a larger address space than this is ended at once, in the middle of \
        its requests, whose connections are closed, and replaced. The master looks once a second. \
        `limit-as` has the kernel refuse the memory instead, which the app sees as `MemoryError`. A \
        bare number is megabytes, as in uWSGI; `M` and `G` are powers of 1024.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.recycle.evil_addressed = memory_limit(setting)?;
        Ok(())
    },
};

const RELOAD_ON_EXCEPTION: OptionSpec = OptionSpec {
    name: "reload-on-exception",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "A worker is replaced after a request in which the app raised an exception, which \
        the client sees as status 500. One worker is replaced at a time and not in its first second, \
        and it serves until its replacement does, so an app that always raises is as reachable as \
        before. What a framework turns into an answer of its own is not seen here.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        if setting.one(values::boolean)? {
            draft.recycle.exceptions.push(FatalException::Any);
        }
        Ok(())
    },
};

const RELOAD_ON_EXCEPTION_TYPE: OptionSpec = OptionSpec {
    name: "reload-on-exception-type",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "the name of a class such as `MemoryError` or `psycopg.OperationalError`, or a list of them",
    default: "none",
    example: "[\"MemoryError\"]",
    is_local: false,
    documentation: "As `reload-on-exception`, for exceptions of these classes. The name stands with or \
        without the module; classes derived from it are other classes.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft
            .recycle
            .exceptions
            .extend(fatal(setting, FatalException::Class)?);
        Ok(())
    },
};

const RELOAD_ON_EXCEPTION_VALUE: OptionSpec = OptionSpec {
    name: "reload-on-exception-value",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "the text of an exception such as `server closed the connection`, or a list of them",
    default: "none",
    example: "[\"connection already closed\"]",
    is_local: false,
    documentation: "As `reload-on-exception`, for exceptions of which `str` gives exactly this text. A \
        text that only contains it is another one.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft
            .recycle
            .exceptions
            .extend(fatal(setting, FatalException::Text)?);
        Ok(())
    },
};

const RELOAD_ON_EXCEPTION_REPR: OptionSpec = OptionSpec {
    name: "reload-on-exception-repr",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "an exception such as `KeyError: 'user'` or `KeyError('user')`, or a list of them",
    default: "none",
    example: "[\"OSError: [Errno 24] Too many open files\"]",
    is_local: false,
    documentation: "As `reload-on-exception`, for exceptions that are written exactly so. That is as in \
        the last line of a traceback, with or without the module, or as `repr` writes them.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft
            .recycle
            .exceptions
            .extend(fatal(setting, FatalException::Both)?);
        Ok(())
    },
};

fn memory_limit(setting: &Setting<'_>) -> Outcome<Option<u64>> {
    let limit = setting.one(|s, node| values::megabytes(s, node, 0..=u64::MAX))?;
    Ok(Some(limit.max(MIB)).filter(|_| limit > 0))
}

fn fatal(
    setting: &Setting<'_>,
    of: fn(String) -> FatalException,
) -> Outcome<impl Iterator<Item = FatalException>> {
    let texts = setting.each(Setting::spelling)?;
    Ok(texts.into_iter().map(move |(text, _)| of(text)))
}
