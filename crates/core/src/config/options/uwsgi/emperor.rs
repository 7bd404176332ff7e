//! Options of the emperor: in Lictor they are those of a command, not of a file.

use super::{Foreign, refused, refused_for};

const NO_VASSALS: &str = "start `lictor emperor DIR`; a vassal has no vassals";
const EVERY: &[&str] = &["module", "http"];
pub(super) static NAMES: &[Foreign] = &[
    refused_for(
        &["emperor"],
        EVERY,
        "start `lictor emperor DIR` with that directory",
    ),
    refused(&["early-emperor", "emperor-proxy-socket"], NO_VASSALS),
    refused(
        &["emperor-tyrant", "emperor-tyrant-nofollow"],
        "give each vassal file a `uid` and `gid`; who owns the file does not matter",
    ),
    refused(
        &["emperor-nofollow"],
        "remove it; a change of the link and a change of the file it leads to are both seen",
    ),
    refused(
        &["emperor-freq"],
        "remove it; changes of the directory are seen at once",
    ),
    refused(
        &["emperor-required-heartbeat"],
        "use `heartbeat` in the vassal: a worker that does not answer is replaced",
    ),
    refused(
        &["emperor-curse-tolerance"],
        "use `reload-mercy` in the vassal, after which what is left of a generation is ended",
    ),
    refused(
        &["emperor-pidfile"],
        "let the service manager know the emperor's pid, or ask `lictor status --json`",
    ),
    refused(
        &["emperor-procname"],
        "remove it; the emperor's process is called `lictor`",
    ),
    refused(
        &["emperor-stats", "emperor-stats-server"],
        "start the emperor with `--stats ADDRESS`",
    ),
    refused(
        &[
            "emperor-throttle",
            "emperor-max-throttle",
            "emperor-no-blacklist",
        ],
        "remove it; a vassal that fails is tried again after growing pauses, and at once when its file changes or by `lictor retry`",
    ),
    refused(
        &["emperor-graceful-shutdown"],
        "remove it; a vassal always finishes its requests, within `reload-mercy`",
    ),
    refused(
        &["emperor-extra-extension", "emperor-extra-ext"],
        "name vassal files `.toml`, `.yaml`, `.yml`, `.json` or `.ini`",
    ),
    refused(
        &["emperor-magic-exec"],
        "let the program write a vassal file; the emperor executes no configuration",
    ),
    refused(
        &[
            "emperor-on-demand-extension",
            "emperor-on-demand-ext",
            "emperor-on-demand-directory",
            "emperor-on-demand-dir",
            "emperor-on-demand-exec",
        ],
        "remove it; every vassal is started at once",
    ),
    refused(
        &["emperor-broodlord", "vassal-sos", "vassal-sos-backlog"],
        "set `processes` to what the app needs at its busiest",
    ),
    refused(
        &["emperor-use-clone"],
        "run the emperor in a container, or each vassal under a `uid` of its own",
    ),
    refused(
        &[
            "emperor-wrapper",
            "emperor-wrapper-override",
            "emperor-wrapper-fallback",
        ],
        "use `python` or `virtualenv` for another interpreter",
    ),
    refused(
        &["vassals-inherit", "vassals-include"],
        "start the emperor with `--vassals-include FILE`",
    ),
    refused(
        &["vassals-inherit-before", "vassals-include-before"],
        "start the emperor with `--vassals-include-before FILE`",
    ),
    refused(
        &["vassals-set", "vassal-set"],
        "start the emperor with `--vassal-set KEY=VALUE`",
    ),
    refused(
        &["vassals-start-hook", "vassals-stop-hook"],
        "follow `lictor events --follow --json` with a program that acts on what it reads",
    ),
    refused(
        &[
            "hook-emperor-start",
            "hook-emperor-stop",
            "hook-emperor-reload",
            "hook-emperor-lost",
            "hook-as-emperor",
            "exec-as-emperor",
            "call-as-emperor",
            "call-as-emperor1",
            "call-as-emperor2",
            "call-as-emperor4",
        ],
        "follow `lictor events --follow --json` with a program that acts on what it reads",
    ),
    refused(
        &[
            "mount-as-emperor",
            "umount-as-emperor",
            "mount-as-vassal",
            "umount-as-vassal",
        ],
        "mount it with a systemd mount unit, before the emperor starts",
    ),
    refused(
        &["hook-as-vassal", "exec-as-vassal"],
        "use `exec-pre-app` or `hook-pre-app` in the vassal's own file, which run as its user",
    ),
    refused(
        &["call-as-vassal", "call-as-vassal1", "call-as-vassal3"],
        "call the function in the app's own module, with `ctypes` if it is in C",
    ),
];
