//! Options: the log of requests.

use std::time::Duration;

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;

const LONGEST: Duration = Duration::from_hours(24);

pub(super) static OPTIONS: &[OptionSpec] = &[
    LOG_FORMAT,
    LOG_FORMAT_STRFTIME,
    LOG_MICROS,
    DISABLE_LOGGING,
    LOG_SLOW,
    LOG_4XX,
    LOG_5XX,
    LOG_ZERO,
    LOG_BIG,
    LOG_SENDFILE,
    LOG_IOERROR,
    REQUEST_ID,
];

const LOG_FORMAT_STRFTIME: OptionSpec = OptionSpec {
    name: "log-format-strftime",
    aliases: &["logformat-strftime"],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "Writes `%(ftime)` of `log-format` in the form of `log-date`, in local time. \
        Without it, or without `log-date`, it is the same as `%(ctime)`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.request_log.has_own_time = setting.one(values::boolean)?;
        Ok(())
    },
};

const LOG_MICROS: OptionSpec = OptionSpec {
    name: "log-micros",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "Tells in microseconds how long a request took, where `log-format` is `text`. \
        Other forms say themselves which unit they have.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.request_log.in_micros = setting.one(values::boolean)?;
        Ok(())
    },
};

const DISABLE_LOGGING: OptionSpec = OptionSpec {
    name: "disable-logging",
    aliases: &["L"],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "No request gets a line but for what `log-4xx`, `log-5xx`, `log-slow` and their \
        kind ask for. It is `access-log = \"off\"` under uWSGI's name. What the app prints is not \
        concerned.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let is_on = setting.one(values::boolean)?;
        draft.disable_logging_place = is_on.then(|| setting.key_place.clone());
        Ok(())
    },
};

const LOG_ZERO: OptionSpec = OptionSpec {
    name: "log-zero",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "Logs requests whose answer has no body, whatever `access-log` says. 204 and 304 \
        are among them.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.request_log.empty = setting.one(values::boolean)?;
        Ok(())
    },
};

const LOG_BIG: OptionSpec = OptionSpec {
    name: "log-big",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a size such as `1M`, or 0 for none",
    default: "none",
    example: "\"10M\"",
    is_local: false,
    documentation: "Logs requests whose answer has a body of this size or more, whatever \
        `access-log` says. A bare number is bytes, as in uWSGI; `K`, `M` and `G` are powers of 1024.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let bytes = setting.one(|setting, node| values::size(setting, node, 0..=u64::MAX))?;
        draft.request_log.big = Some(bytes).filter(|bytes| *bytes > 0);
        Ok(())
    },
};

const LOG_SENDFILE: OptionSpec = OptionSpec {
    name: "log-sendfile",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "Logs requests that are answered with a file, whatever `access-log` says: by \
        `wsgi.file_wrapper`, by `file-serve-mode` or without the app. \
        One that an ASGI app sends by `http.response.pathsend` is not among them.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.request_log.files = setting.one(values::boolean)?;
        Ok(())
    },
};

const LOG_IOERROR: OptionSpec = OptionSpec {
    name: "log-ioerror",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "Logs requests whose answer was cut off, whatever `access-log` says. `errors`, \
        which is the default there, has them too.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.request_log.cut_off = setting.one(values::boolean)?;
        Ok(())
    },
};

const LOG_FORMAT: OptionSpec = OptionSpec {
    name: "log-format",
    aliases: &["logformat", "access-log-format"],
    kind: ValueKind::One,
    takes: "`text`, `json`, `common`, `combined`, or a format such as `%(addr) %(uri) %(status)`",
    default: "text",
    example: "\"text\"",
    is_local: false,
    documentation: "How a line about a request looks; which requests get one, `access-log` says. \
        `json` is an object a line, `common` and `combined` are Apache's. A format is made of \
        uWSGI's `%(addr)`, `%(user)`, `%(method)`, `%(uri)`, `%(path)`, `%(query)`, `%(proto)`, \
        `%(host)`, `%(scheme)`, `%(port)`, `%(referer)`, `%(uagent)`, `%(cl)`, `%(status)`, \
        `%(rsize)`, `%(hsize)`, `%(size)`, `%(micros)`, `%(msecs)`, `%(secs)`, `%(time)`, `%(tmsecs)`, `%(tmicros)`, \
        `%(ltime)`, `%(ctime)`, `%(epoch)`, `%(pid)`, `%(wid)`, `%(core)`, `%(request_id)`, \
        `%(header.NAME)` and `%(var.NAME)`, of any other name for what the app sets by \
        `uwsgi.set_logvar` (`%(logvar.NAME)` if it resembles one of these), and of Apache's `%h %a %l %u %t %r %s %>s %b %B %D %T \
        %m %U %q %H %v %P %L %{NAME}i %{ms}T`; `%%` is a percent sign. Times are UTC. Whatever the \
        client chose is escaped. `docs/access-log.md` explains each.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.request_log.format = setting.one(values::log_format)?;
        Ok(())
    },
};

const LOG_SLOW: OptionSpec = OptionSpec {
    name: "log-slow",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a duration such as `2s`, at most a day, or 0 for none",
    default: "none",
    example: "\"2s\"",
    is_local: false,
    documentation: "Requests that take at least this long are logged, whatever `access-log` says. \
        The time runs from the whole head, and a small body, being there until the app is done. A \
        bare number is milliseconds, as in uWSGI.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let slow = setting.one(|s, node| values::milliseconds(s, node, LONGEST))?;
        draft.request_log.slow = Some(slow).filter(|slow| !slow.is_zero());
        Ok(())
    },
};

const LOG_4XX: OptionSpec = OptionSpec {
    name: "log-4xx",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "Requests answered with a status from 400 to 499 are logged. They are added to \
        those that `access-log` asks for.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.request_log.client_errors = setting.one(values::boolean)?;
        Ok(())
    },
};

const LOG_5XX: OptionSpec = OptionSpec {
    name: "log-5xx",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "true",
    is_local: false,
    documentation: "Requests answered with a status of 500 or above, or cut off, are logged, \
        whatever `access-log` says. That is what `access-log = \"errors\"` does anyway; beside \
        `off` it is the same again.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.request_log.server_errors = setting.one(values::boolean)?;
        Ok(())
    },
};

const REQUEST_ID: OptionSpec = OptionSpec {
    name: "request-id",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true`, `false`, or the name of a header field such as `X-Correlation-ID`",
    default: "false",
    example: "true",
    is_local: false,
    documentation: "Whether each request gets a name of its own: 32 hexadecimal digits of chance. \
        The app finds it in `HTTP_X_REQUEST_ID`, the client in the field `X-Request-ID` of the \
        answer, and the log of requests shows it. A peer in `forwarded-allow` may give it itself \
        in that field of the request, if it is at most 128 letters, digits and `-._~+/=:@`; what \
        others send there is replaced. Another name of the field takes the place of `X-Request-ID`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.request_log.request_id = setting.one(values::request_id)?;
        Ok(())
    },
};
