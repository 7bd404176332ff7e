//! What is written, how and where.

use super::{Foreign, either, on, refused};

const LOGROTATE: &str = "let logrotate rotate the file of `logto`, with `copytruncate`";
const LOGTO: &str =
    "use `logto`, or leave the output to the emperor's log, which `lictor logs` shows";
const PER_REQUEST: &str =
    "use `access-log` and `log-format`, which say which requests are logged and how";

pub(super) static NAMES: &[Foreign] = &[
    refused(
        &["disable-logging"],
        "use `access-log` with the value `off`",
    ),
    refused(&["logger"], LOGTO),
    refused(
        &["threaded-logger"],
        "remove it; output never waits for the disk",
    ),
    refused(
        &["req-logger", "logger-req"],
        "use `access-log = all`; its lines go where the app's output goes",
    ),
    refused(
        &["log-syslog"],
        "remove it; under systemd the emperor's log is in the journal, which forwards it to syslog",
    ),
    refused(
        &["log-socket"],
        "let a log shipper such as rsyslog or Vector read the file of `logto`",
    ),
    refused(
        &["rsyslog-packet-size", "rsyslog-split-messages"],
        "let rsyslog read the file of `logto`, and limit the size of messages there",
    ),
    refused(
        &["log-encoder", "log-req-encoder"],
        "use `log-format = json` for JSON, and let a log shipper do the rest",
    ),
    refused(
        &["log-maxsize", "log-backupname", "touch-logrotate"],
        LOGROTATE,
    ),
    refused(
        &["touch-logreopen"],
        "let logrotate use `copytruncate`, or run `lictor reload NAME` after it",
    ),
    on(
        &["log-reopen"],
        "each generation opens the file of `logto` anew",
    ),
    refused(
        &["log-truncate"],
        "empty the file with `truncate -s 0`, or let logrotate do it",
    ),
    refused(
        &["logfile-chown", "logfile-chmod"],
        "create the file beforehand, with the owner and mode that it is to have",
    ),
    on(
        &["log-master"],
        "output passes through the emperor unless `logto` takes it",
    ),
    either(
        &[
            "log-master-bufsize",
            "log-master-stream",
            "log-master-req-stream",
        ],
        "output passes through a pipe that is read line by line",
    ),
    refused(
        &["log-date", "logdate"],
        "remove it; each line in the emperor's log has its time, and `logging` gives the app's lines theirs",
    ),
    refused(
        &["logformat-strftime", "log-format-strftime"],
        "remove it; `log-format` has the time in several forms, such as `%(ltime)`",
    ),
    refused(
        &["log-prefix"],
        "remove it; each line in the emperor's log says which vassal it is from",
    ),
    refused(
        &["log-zero", "log-big", "log-sendfile", "log-ioerror"],
        PER_REQUEST,
    ),
    refused(&["log-micros"], "use `log-format` with `%(micros)`"),
    refused(
        &["log-x-forwarded-for"],
        "use `forwarded-allow`: the log shows the address that it leads to",
    ),
    on(
        &[
            "ignore-sigpipe",
            "ignore-write-errors",
            "disable-write-exception",
        ],
        "a client that goes away is never an error",
    ),
    either(
        &["write-errors-tolerance", "write-errors-exception-only"],
        "a client that goes away is never an error, however often it happens",
    ),
];
