//! Options of the processes: how many, how they come and go, and as whom they run.

use std::time::Duration;

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;

const LONGEST_WAIT: Duration = Duration::from_hours(24);

pub(super) static OPTIONS: &[OptionSpec] = &[
    PROCESSES,
    THREADS,
    LAZY_APPS,
    START_TIMEOUT,
    RELOAD_MERCY,
    TOUCH_RELOAD,
    LOGTO,
    UID,
    GID,
];

const PROCESSES: OptionSpec = OptionSpec {
    name: "processes",
    aliases: &["workers", "p"],
    kind: ValueKind::One,
    takes: "a number from 1 to 1024",
    default: "1",
    example: "2",
    is_local: false,
    documentation: "How many worker processes serve the app. Each serves `threads` requests at a \
        time. They are forked from one master that has imported the app, and share its memory until \
        they change it.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.processes = setting.one(|setting, node| values::whole(setting, node, 1..=1024))?;
        Ok(())
    },
};

const THREADS: OptionSpec = OptionSpec {
    name: "threads",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a number from 1 to 1024",
    default: "1",
    example: "4",
    is_local: false,
    documentation: "How many threads serve requests in each worker. Python runs one of them at a \
        time, unless they wait for something: a database, the network, a file. Threads are always \
        enabled for the app's own use, whatever this says.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.threads = setting.one(|setting, node| values::whole(setting, node, 1..=1024))?;
        Ok(())
    },
};

const LAZY_APPS: OptionSpec = OptionSpec {
    name: "lazy-apps",
    aliases: &["lazy"],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "Import the app in each worker instead of once in the master. It costs memory \
        and time to start, and is needed only for apps that cannot be forked after they are \
        imported, such as those that open connections then. An app that starts threads while it is \
        imported is treated so in any case.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.lazy_apps = setting.one(values::boolean)?;
        Ok(())
    },
};

const START_TIMEOUT: OptionSpec = OptionSpec {
    name: "start-timeout",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a duration such as `30s` or `5m`, at most a day",
    default: "60s",
    example: "\"60s\"",
    is_local: false,
    documentation: "How long a generation may take until all its workers can serve. One that takes \
        longer is ended, and the old one serves on. A bare number is seconds; `ms`, `s`, `m`, `h` \
        and `d` are understood.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.start_timeout =
            setting.one(|setting, node| values::duration(setting, node, LONGEST_WAIT))?;
        Ok(())
    },
};

const RELOAD_MERCY: OptionSpec = OptionSpec {
    name: "reload-mercy",
    aliases: &["worker-reload-mercy"],
    kind: ValueKind::One,
    takes: "a duration such as `30s` or `5m`, at most a day",
    default: "60s",
    example: "\"60s\"",
    is_local: false,
    documentation: "How long requests in flight may take once their generation is told to leave, \
        by a reload or a stop, and the shutdown of an ASGI app's lifespan after them. Workers \
        still busy then are terminated. A bare number is seconds; \
        `ms`, `s`, `m`, `h` and `d` are understood.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.reload_mercy =
            setting.one(|setting, node| values::duration(setting, node, LONGEST_WAIT))?;
        Ok(())
    },
};

const TOUCH_RELOAD: OptionSpec = OptionSpec {
    name: "touch-reload",
    aliases: &["touch-chain-reload", "touch-workers-reload", "fs-reload"],
    kind: ValueKind::Many,
    takes: "the path of a file, or a list of them",
    default: "none",
    example: "[\"every_option.py\"]",
    is_local: true,
    documentation: "Further files whose change or touch reloads this vassal. The vassal file itself \
        always does. They are watched with the rights of the vassal's own user, and need not exist \
        yet.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let paths = setting.each(values::path)?;
        draft.touch_reload = paths.into_iter().map(|(path, _)| path).collect();
        Ok(())
    },
};

const LOGTO: OptionSpec = OptionSpec {
    name: "logto",
    aliases: &["logto2", "daemonize", "daemonize2"],
    kind: ValueKind::One,
    takes: "the path of a file",
    default: "the emperor's log",
    example: "\"every-option.log\"",
    is_local: true,
    documentation: "A file for what the app writes to standard output and standard error. It is \
        opened with the rights of the vassal's own user, and appended to. Without it the output goes \
        to the emperor's log, with the vassal's name before each line.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.logto = Some(setting.one(values::path)?);
        Ok(())
    },
};

const UID: OptionSpec = OptionSpec {
    name: "uid",
    aliases: &["immediate-uid"],
    kind: ValueKind::One,
    takes: "the name or the number of a user",
    default: "the emperor's user",
    example: "\"www-data\"",
    is_local: true,
    documentation: "The user to run the app as. It needs an emperor that runs as root. The user is \
        changed before anything of the app is loaded. A name is looked up in the machine's user \
        database; a number is taken as it is.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.uid = Some(setting.one(values::user)?);
        Ok(())
    },
};

const GID: OptionSpec = OptionSpec {
    name: "gid",
    aliases: &["immediate-gid"],
    kind: ValueKind::One,
    takes: "the name or the number of a group",
    default: "the primary group of `uid`",
    example: "\"www-data\"",
    is_local: true,
    documentation: "The group to run the app as. It needs an emperor that runs as root. Without it \
        the app has the groups of its user.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.gid = Some(setting.one(values::group)?);
        Ok(())
    },
};
