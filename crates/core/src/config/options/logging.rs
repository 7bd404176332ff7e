//! Options: where the vassal's output goes beside `logto`, and what is done to its lines.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::draft::Draft;
use crate::config::setting::Setting;
use crate::config::values;
use crate::config::vassal::{LogTarget, Logger};

pub(super) static OPTIONS: &[OptionSpec] = &[
    LOGGER,
    REQ_LOGGER,
    LOG_SYSLOG,
    LOG_SOCKET,
    LOG_ROUTE,
    LOG_REQ_ROUTE,
    LOG_DRAIN,
    LOG_FILTER,
    LOG_ENCODER,
    LOG_REQ_ENCODER,
    LOG_MAXSIZE,
    LOG_BACKUPNAME,
    LOG_BACKUPS,
    LOG_TRUNCATE,
    LOGFILE_CHMOD,
    TOUCH_LOGREOPEN,
    TOUCH_LOGROTATE,
    LOG_DATE,
    LOG_PREFIX,
    THREADED_LOGGER,
];

const LOGGERS: &str = "`file:PATH`, `stdio`, `syslog:IDENT,FACILITY`, `rsyslog:HOST:PORT,IDENT` or \
    `socket:HOST:PORT`, perhaps with a name before it, or a list of them";

const LOGGER: OptionSpec = OptionSpec {
    name: "logger",
    aliases: &[],
    kind: ValueKind::Many,
    takes: LOGGERS,
    default: "the file of `logto`, or the emperor's log",
    example: "[\"file:every-option-app.log\", \"stdio\"]",
    is_local: true,
    documentation: "Where the vassal's output goes: a file, the emperor's log (`stdio`), the \
        machine's syslog, a syslog elsewhere by UDP, or datagrams. Each logger without a name gets \
        every line; one with a name, as in `slow file:slow.log`, gets what `log-route` leads to it. \
        A process of the vassal's own user writes them, so that neither a full disk nor a slow one \
        holds a request up; what cannot be written is dropped and counted.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let loggers = without_places(setting.each(values::logger)?);
        draft.logs.app.loggers.extend(loggers);
        Ok(())
    },
};

const REQ_LOGGER: OptionSpec = OptionSpec {
    name: "req-logger",
    aliases: &["logger-req"],
    kind: ValueKind::Many,
    takes: LOGGERS,
    default: "where the vassal's output goes",
    example: "\"file:every-option-requests.log\"",
    is_local: true,
    documentation: "Where the log of requests goes, apart from the app's output. It takes what \
        `logger` takes. Which requests get a line, `access-log` says.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.logs.requests.loggers = without_places(setting.each(values::logger)?);
        Ok(())
    },
};

const LOG_SYSLOG: OptionSpec = OptionSpec {
    name: "log-syslog",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true`, or a name for the lines, perhaps with a facility such as `blog,local6`",
    default: "false",
    example: "\"blog,local6\"",
    is_local: true,
    documentation: "Sends the vassal's output to the machine's syslog, as `logger = syslog:` does. \
        The name is `lictor` and the facility `daemon` unless said otherwise.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let target = setting.one(|setting, node| match values::boolean_value(&node.value) {
            Some(false) => Ok(None),
            Some(true) => values::syslog("")
                .map(Some)
                .map_err(|what| setting.wrong(node, &what)),
            None => values::syslog(setting.text(node)?)
                .map(Some)
                .map_err(|what| setting.wrong(node, &what)),
        })?;
        add(draft, target);
        Ok(())
    },
};

const LOG_SOCKET: OptionSpec = OptionSpec {
    name: "log-socket",
    aliases: &[],
    kind: ValueKind::One,
    takes: "`HOST:PORT`, or the path of a unix socket",
    default: "none",
    example: "\"127.0.0.1:5140\"",
    is_local: true,
    documentation: "Sends each line of the vassal's output as a datagram, as `logger = socket:` \
        does. Text behind a comma is put before each line.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let target =
            setting.one(|setting, node| values::datagram(setting, node, setting.text(node)?))?;
        add(draft, Some(target));
        Ok(())
    },
};

const LOG_ROUTE: OptionSpec = OptionSpec {
    name: "log-route",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "the name of a logger and a regular expression, such as `slow took [0-9]{4} ms`",
    default: "none",
    example: "[]",
    is_local: false,
    documentation: "Lines that the expression matches go to the logger of that name, and to no \
        logger without a name. Expressions take linear time; look-around and back-references are \
        refused.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.logs.app.routes = without_places(setting.each(values::log_route)?);
        Ok(())
    },
};

const LOG_REQ_ROUTE: OptionSpec = OptionSpec {
    name: "log-req-route",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "the name of a `req-logger` and a regular expression",
    default: "none",
    example: "[]",
    is_local: false,
    documentation: "The same as `log-route` for lines of the log of requests, which go to a logger \
        of `req-logger`. A line that no route takes goes to those without a name.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.logs.requests.routes = without_places(setting.each(values::log_route)?);
        Ok(())
    },
};

const LOG_DRAIN: OptionSpec = OptionSpec {
    name: "log-drain",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "a regular expression, or a list of them",
    default: "none",
    example: "[\"/health\"]",
    is_local: false,
    documentation: "Lines that one of these matches are written nowhere, whichever kind they are \
        of. It is looked at before `log-filter`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.logs.drain = without_places(setting.each(values::pattern)?);
        Ok(())
    },
};

const LOG_FILTER: OptionSpec = OptionSpec {
    name: "log-filter",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "a regular expression, or a list of them",
    default: "none: every line",
    example: "[\".\"]",
    is_local: false,
    documentation: "Only lines that one of these matches are written. It holds for the app's output \
        and for the log of requests.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.logs.filter = without_places(setting.each(values::pattern)?);
        Ok(())
    },
};

const ENCODERS: &str = "`prefix TEXT`, `suffix TEXT`, `nl`, `format TEXT` or `json TEXT`, perhaps \
    with `:LOGGER` behind its first word, or a list of them";

const LOG_ENCODER: OptionSpec = OptionSpec {
    name: "log-encoder",
    aliases: &[],
    kind: ValueKind::Many,
    takes: ENCODERS,
    default: "none",
    example: "['json {\"at\":${unix},\"line\":\"${msg}\"}', \"nl\"]",
    is_local: false,
    documentation: "What is made of each line before a logger writes it, one after the other in the \
        order of the file. `format` and `json` know `${msg}`, `${unix}`, `${micros}` and \
        `${strftime:FORM}`; `json` escapes the line. A line always has its end, so `nl` changes \
        nothing.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let encoders = without_places(setting.each(values::log_encoder)?);
        draft.logs.app.encoders = encoders.into_iter().flatten().collect();
        Ok(())
    },
};

const LOG_REQ_ENCODER: OptionSpec = OptionSpec {
    name: "log-req-encoder",
    aliases: &[],
    kind: ValueKind::Many,
    takes: ENCODERS,
    default: "none",
    example: "[\"prefix requests: \"]",
    is_local: false,
    documentation: "The same as `log-encoder` for what loggers of `req-logger` write. Lines about \
        requests that go where the app's output goes are made by `log-encoder`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let encoders = without_places(setting.each(values::log_encoder)?);
        draft.logs.requests.encoders = encoders.into_iter().flatten().collect();
        Ok(())
    },
};

const LOG_MAXSIZE: OptionSpec = OptionSpec {
    name: "log-maxsize",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a size such as `10M`, or 0 for no limit",
    default: "no limit",
    example: "\"10M\"",
    is_local: false,
    documentation: "A log file that has reached this size is renamed, and a new one begun; it holds \
        for the files of `logto`, `logger` and `req-logger`. Its new name is its old one with the \
        time behind it, in seconds since 1970, unless `log-backupname` says otherwise. A bare \
        number is bytes, as in uWSGI; `K`, `M` and `G` are powers of 1024. How many are kept, \
        `log-backups` says.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let bytes = setting.one(|setting, node| values::size(setting, node, 0..=u64::MAX))?;
        draft.logs.rotation.max_bytes = Some(bytes).filter(|bytes| *bytes > 0);
        Ok(())
    },
};

const LOG_BACKUPNAME: OptionSpec = OptionSpec {
    name: "log-backupname",
    aliases: &[],
    kind: ValueKind::One,
    takes: "the path of a file",
    default: "the file's own name with the time behind it",
    example: "\"every-option.log.old\"",
    is_local: true,
    documentation: "The name of a log file after rotation. The file of that name before is replaced, \
        so there is one at most. It has to be on the same file system.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.logs.rotation.backup_name = Some(setting.one(values::path)?);
        Ok(())
    },
};

const LOG_BACKUPS: OptionSpec = OptionSpec {
    name: "log-backups",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a number from 1 to 100000",
    default: "10",
    example: "5",
    is_local: false,
    documentation: "How many log files are kept after rotation, beside the one that is written. The \
        oldest are removed: files whose name is that of the log with a number of seconds behind it, \
        and no others. uWSGI keeps all, until the disk is full.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let count = setting.one(|setting, node| values::whole(setting, node, 1..=100_000))?;
        draft.logs.rotation.backups = Some(count);
        Ok(())
    },
};

const LOG_TRUNCATE: OptionSpec = OptionSpec {
    name: "log-truncate",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "Empties the log files when a generation starts. It holds for the files of \
        `logto`, `logger` and `req-logger`; what the generation before still writes stands behind.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.logs.truncate = setting.one(values::boolean)?;
        Ok(())
    },
};

const LOGFILE_CHMOD: OptionSpec = OptionSpec {
    name: "logfile-chmod",
    aliases: &[],
    kind: ValueKind::One,
    takes: "permission bits such as `640`",
    default: "640 for files that are made, others stay as they are",
    example: "\"640\"",
    is_local: false,
    documentation: "Permission bits of log files, in octal. They are set whenever one is opened, as \
        the vassal's user, to whom the file has to belong.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.logs.file_mode = Some(setting.one(values::mode)?);
        Ok(())
    },
};

const TOUCH_LOGREOPEN: OptionSpec = OptionSpec {
    name: "touch-logreopen",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "the path of a file, or a list of them",
    default: "none",
    example: "[\"every-option.reopen\"]",
    is_local: true,
    documentation: "When one of these files is changed or touched, log files are opened anew by \
        their names. A file that logrotate has renamed is noticed without it: wherever this option \
        or any other about loggers is set, the name is looked at before lines are written.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.logs.touch_reopen = without_places(setting.each(values::path)?);
        Ok(())
    },
};

const TOUCH_LOGROTATE: OptionSpec = OptionSpec {
    name: "touch-logrotate",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "the path of a file, or a list of them",
    default: "none",
    example: "[\"every-option.rotate\"]",
    is_local: true,
    documentation: "When one of these files is changed or touched, log files are rotated, however \
        small they are. An empty one stays.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.logs.touch_rotate = without_places(setting.each(values::path)?);
        Ok(())
    },
};

const LOG_DATE: OptionSpec = OptionSpec {
    name: "log-date",
    aliases: &["logdate"],
    kind: ValueKind::Switch,
    takes: "`true`, or a form of `strftime(3)` such as `%Y-%m-%d %H:%M:%S`",
    default: "false",
    example: "true",
    is_local: false,
    documentation: "Begins each line of the app's output with the local time and ` - `. uWSGI does \
        so to its own messages alone, of which there are next to none here. Lines about requests \
        have what `log-format` gives them; its `%(ftime)` has this form with `log-format-strftime`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.logs.date = setting.one(values::date_form)?;
        Ok(())
    },
};

const LOG_PREFIX: OptionSpec = OptionSpec {
    name: "log-prefix",
    aliases: &[],
    kind: ValueKind::One,
    takes: "text",
    default: "none",
    example: "\"blog\"",
    is_local: false,
    documentation: "Begins each line of the app's output with this text and ` - `, behind the time \
        of `log-date`. uWSGI does so to its own messages alone.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let text = setting.one(Setting::spelling)?;
        draft.logs.prefix = Some(text);
        Ok(())
    },
};

const THREADED_LOGGER: OptionSpec = OptionSpec {
    name: "threaded-logger",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false; true with any option about loggers and rotation",
    example: "true",
    is_local: false,
    documentation: "Has a process of the vassal's own write the file of `logto`, in place of each \
        process that prints. A disk that hangs then holds no request up, and a file that was \
        renamed is opened anew without a word.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.logs.has_writer = setting.one(values::boolean)?;
        Ok(())
    },
};

fn add(draft: &mut Draft, target: Option<LogTarget>) {
    let loggers = &mut draft.logs.app.loggers;
    loggers.extend(target.map(|target| Logger { name: None, target }));
}

fn without_places<T, P>(values: Vec<(T, P)>) -> Vec<T> {
    values.into_iter().map(|(value, _)| value).collect()
}
