//! Options that make uWSGI do one thing and end: commands, as far as Lictor has them.

use super::{Foreign, refused};

pub(super) static NAMES: &[Foreign] = &[
    refused(
        &["help", "usage"],
        "run `lictor --help` or `lictor explain`",
    ),
    refused(&["version"], "run `lictor --version`"),
    refused(
        &["python-version"],
        "run `lictor status NAME`, which shows the Python of a vassal",
    ),
    refused(&["dump-options"], "run `lictor explain`"),
    refused(
        &["show-config", "get"],
        "run `lictor convert FILE`, which shows what a file comes to",
    ),
    refused(&["test"], "run `python -c 'import MODULE'`"),
    refused(&["stop"], "run `lictor stop NAME`"),
    refused(&["reload"], "run `lictor reload NAME`"),
    refused(
        &["pause", "suspend"],
        "run `lictor stop NAME`; a stopped vassal stays stopped",
    ),
    refused(&["resume"], "run `lictor start NAME`"),
    refused(
        &["ping", "ping-timeout", "nagios"],
        "let the monitoring ask the app over HTTP, or run `lictor status --json`",
    ),
    refused(&["connect-and-read"], "run `nc` or `socat`"),
    refused(
        &["signal"],
        "run `lictor reload NAME` to reload; there are no uWSGI signals",
    ),
    refused(&["extract"], "run `curl`, or `cat` for a file"),
    refused(
        &["pyshell", "pyshell-oneshot"],
        "run the virtual environment's `bin/python`",
    ),
    refused(
        &["py"],
        "run the script with the virtual environment's `bin/python`",
    ),
    refused(
        &["print", "iprint"],
        "write a comment, or print it from the app",
    ),
    refused(
        &["exit"],
        "remove it; a vassal whose file is renamed to end in `.off` is not run",
    ),
    refused(
        &["print-sym", "print-symbol", "binary-append-data"],
        "put the data into a file of its own; nothing is built into the binary",
    ),
    refused(
        &["cflags", "dot-h", "config-py", "build-plugin"],
        "remove it; there are no plugins to build",
    ),
    refused(
        &["plugin-list", "plugins-list"],
        "remove it; Python is built in, and there are no plugins",
    ),
    refused(
        &["imperial-monitor-list", "imperial-monitors-list"],
        "remove it; `lictor emperor` takes directories and globs",
    ),
    refused(
        &["logger-list", "loggers-list"],
        "remove it; `logto` writes to a file, and the emperor's log takes all else",
    ),
    refused(
        &["alarm-list", "alarms-list"],
        "remove it; `lictor events --follow` prints what happens",
    ),
    refused(
        &["cheaper-algo-list", "cheaper-algos-list", "cheaper-list"],
        "remove it; `lictor explain` lists the options",
    ),
    refused(
        &["clock", "clock-list", "clocks-list"],
        "remove it; time is the kernel's monotonic clock",
    ),
    refused(
        &["loop-list", "loops-list"],
        "run `lictor explain loop`, which names the event loops",
    ),
    refused(
        &["no-server", "command-mode"],
        "remove it; use `lictor check FILE` to read a file without serving",
    ),
];
