//! What is written, how and where.

use super::{Foreign, either, on, refused};

pub(super) static NAMES: &[Foreign] = &[
    refused(
        &["rsyslog-packet-size", "rsyslog-split-messages"],
        "remove it; a line is one message, of 1024 bytes at most as RFC 3164 says",
    ),
    on(
        &["logfile-chown"],
        "log files are opened, and made, by the vassal's own user",
    ),
    on(
        &["log-reopen"],
        "each generation opens the file of `logto` anew",
    ),
    on(
        &["log-master"],
        "output passes through a process that waits for nobody",
    ),
    either(
        &[
            "log-master-bufsize",
            "log-master-stream",
            "log-master-req-stream",
        ],
        "output passes through a pipe that is read line by line",
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
