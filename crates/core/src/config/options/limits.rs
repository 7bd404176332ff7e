//! Options that limit a vassal's processes, and what they leave to others.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;

/// The kernel's default for `fs.nr_open`, more than which no process may have.
const MOST_FILES: u32 = 1_048_576;
/// The largest `pid_max`.
const MOST_PROCESSES: u32 = 4_194_304;
/// Less than this no Python starts in.
const LEAST_MEMORY_BYTES: u64 = 64 << 20;

pub(super) static OPTIONS: &[OptionSpec] = &[
    MAX_FD,
    LIMIT_AS,
    LIMIT_NPROC,
    UMASK,
    PRIO,
    PIDFILE,
    CHOWN_SOCKET,
    UNENV,
];

const MAX_FD: OptionSpec = OptionSpec {
    name: "max-fd",
    aliases: &["rlimit-nofile"],
    kind: ValueKind::One,
    takes: "a number from 64 to 1048576",
    default: "the limit that the emperor was started with",
    example: "4096",
    is_local: false,
    documentation: "How many files and connections each process of the vassal may have open \
        (RLIMIT_NOFILE of setrlimit(2)). More than the emperor's own hard limit needs an emperor \
        that runs as root.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let files = setting.one(|s, node| values::whole(s, node, 64..=MOST_FILES))?;
        draft.process.limits.open_files = Some(files.into());
        Ok(())
    },
};

const LIMIT_AS: OptionSpec = OptionSpec {
    name: "limit-as",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a size from `64M`, or 0 for no limit",
    default: "no limit",
    example: "\"4G\"",
    is_local: false,
    documentation: "How much address space each process of the vassal may have (RLIMIT_AS of \
        setrlimit(2)). What goes beyond it fails in the app as MemoryError. Address space is far \
        more than memory: threads and mapped files count whole; `reload-on-rss` looks at what is \
        used. A bare number is megabytes.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let bytes = setting.one(|s, node| {
            let bytes = values::megabytes(s, node, 0..=u64::MAX)?;
            if bytes != 0 && bytes < LEAST_MEMORY_BYTES {
                return Err(s.mismatch(node));
            }
            Ok(bytes)
        })?;
        draft.process.limits.address_space = Some(bytes).filter(|bytes| *bytes != 0);
        Ok(())
    },
};

const LIMIT_NPROC: OptionSpec = OptionSpec {
    name: "limit-nproc",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a number from 1 to 4194304",
    default: "the limit that the emperor was started with",
    example: "4096",
    is_local: false,
    documentation: "How many processes and threads the vassal's user may have (RLIMIT_NPROC of \
        setrlimit(2)). Those of all programs of that user count, other vassals' too; the limit \
        holds when one of this vassal makes another. For root it never holds.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let count = setting.one(|s, node| values::whole(s, node, 1..=MOST_PROCESSES))?;
        draft.process.limits.user_processes = Some(count.into());
        Ok(())
    },
};

const UMASK: OptionSpec = OptionSpec {
    name: "umask",
    aliases: &[],
    kind: ValueKind::One,
    takes: "permission bits in octal such as `027`",
    default: "that of the emperor",
    example: "\"027\"",
    is_local: false,
    documentation: "Which permissions the files that the app makes do not get (umask(2)). The file \
        of `logto` is made under it too. Unix sockets have the mode of `chmod-socket`, whatever \
        this says.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.process.limits.umask = Some(setting.one(values::umask)?);
        Ok(())
    },
};

const PRIO: OptionSpec = OptionSpec {
    name: "prio",
    aliases: &["nice"],
    kind: ValueKind::One,
    takes: "a number from -20 to 19",
    default: "that of the emperor",
    example: "5",
    is_local: false,
    documentation: "How nice the vassal's processes are to others that want the processor \
        (setpriority(2)). 19 is the nicest, -20 the least; less than the emperor's own needs an \
        emperor that runs as root.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.process.limits.niceness = Some(setting.one(values::niceness)?);
        Ok(())
    },
};

const PIDFILE: OptionSpec = OptionSpec {
    name: "pidfile",
    aliases: &["pidfile2", "safe-pidfile", "safe-pidfile2"],
    kind: ValueKind::One,
    takes: "the path of a file",
    default: "none",
    example: "\"every-option.pid\"",
    is_local: true,
    documentation: "A file that holds the process id of the master whose generation serves. It is \
        written by the vassal's user when a generation is ready to serve, and removed when the last \
        one ends. The id changes with each reload. `lictor status`, `lictor reload` and `lictor \
        stop` need no such file.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.process.pidfile = Some(setting.one(values::path)?);
        Ok(())
    },
};

const CHOWN_SOCKET: OptionSpec = OptionSpec {
    name: "chown-socket",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a user, `USER:GROUP` or `:GROUP`, by name or number",
    default: "`uid` and `gid`",
    example: "\":www-data\"",
    is_local: true,
    documentation: "To whom unix sockets of `http` and `https` belong. With the group of the web \
        server and the default of `chmod-socket`, that alone may connect. It needs an emperor that \
        runs as root; the vassal itself keeps running as `uid`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.process.chown_socket = Some(setting.one(values::socket_owner)?);
        Ok(())
    },
};

const UNENV: OptionSpec = OptionSpec {
    name: "unenv",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "the name of a variable, or a list of them",
    default: "none",
    example: "[\"LC_ALL\"]",
    is_local: false,
    documentation: "Variables that the app does not get. A vassal begins with few: PATH, HOME, \
        USER, LOGNAME and those of the language and time zone. One that `env` or `env-file` sets \
        is taken away too.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let names = setting.each(values::variable_name)?;
        draft.process.unenv = names.into_iter().map(|(name, _)| name).collect();
        Ok(())
    },
};
