//! Options of what runs beside the workers: daemons, and jobs at given times.

use std::time::Duration;

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;
use crate::config::vassal::{CronConfig, DaemonConfig};

const LONGEST_JOB: Duration = Duration::from_hours(24 * 7);

pub(super) static OPTIONS: &[OptionSpec] = &[
    ATTACH_DAEMON,
    ATTACH_DAEMON2,
    ATTACH_CONTROL_DAEMON,
    SMART_ATTACH_DAEMON2,
    CRON,
    UNIQUE_CRON,
    CRON2,
    CRON_HARAKIRI,
];

const ATTACH_DAEMON: OptionSpec = OptionSpec {
    name: "attach-daemon",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "a command for the shell, or a list of them",
    default: "none",
    example: "[\"sleep 86400\"]",
    is_local: false,
    documentation: "Commands that are kept running beside the workers, once each for the vassal. \
        They run by `/bin/sh -c` as the vassal's user, with its environment, limits and directory, \
        must stay in the foreground, and print to its log. One that ends is started again, after \
        longer and longer waits of up to a minute, while the app serves on. They end by SIGTERM, \
        and after `reload-mercy` by SIGKILL, when their generation leaves; those of the next are \
        started when they are gone, so that two copies never run. A vassal may have daemons and no \
        app. See docs/background.md.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let daemons = setting.each(values::plain_daemon)?;
        draft.add_daemons(daemons, |daemon| daemon);
        Ok(())
    },
};

const ATTACH_DAEMON2: OptionSpec = OptionSpec {
    name: "attach-daemon2",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "`cmd=COMMAND` with further keys behind commas, or a list of that",
    default: "none",
    example: "[\"cmd=sleep 86400,stopsignal=SIGINT\"]",
    is_local: false,
    documentation: "Daemons as of `attach-daemon`, with keys. `cmd` is the command, `chdir` its \
        directory, `stopsignal` the signal that asks it to end (a number or a name; SIGTERM by \
        default), `touch` a file whose touch starts it anew, `control=1` what \
        `attach-control-daemon` is, and `daemonize=1` with `pidfile` what `smart-attach-daemon2` \
        is. A comma within a value is written as `\\,`, or the value in double quotes.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let daemons = setting.each(values::keyed_daemon)?;
        draft.add_daemons(daemons, |daemon| daemon);
        Ok(())
    },
};

const ATTACH_CONTROL_DAEMON: OptionSpec = OptionSpec {
    name: "attach-control-daemon",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "a command for the shell, or a list of them",
    default: "none",
    example: "[\"sleep 86400\"]",
    is_local: false,
    documentation: "Daemons as of `attach-daemon` without which the app is of no use: when one ends \
        by itself, the vassal is reloaded. The reload is asked for no sooner than 10 seconds after \
        the daemon was started, and the old generation serves until the new one does.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let daemons = setting.each(values::plain_daemon)?;
        draft.add_daemons(daemons, |daemon| DaemonConfig {
            is_control: true,
            ..daemon
        });
        Ok(())
    },
};

const SMART_ATTACH_DAEMON2: OptionSpec = OptionSpec {
    name: "smart-attach-daemon2",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "a file for the process id and a command, or a list of that",
    default: "none",
    example: "[\"daemon.pid sleep 86400\"]",
    is_local: true,
    documentation: "Daemons as of `attach-daemon` whose process id stands in a file while they run. \
        The file is written and removed as the vassal's user. Unlike uWSGI's they do not outlive a \
        reload: the next generation starts its own once they are gone.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let daemons = setting.each(values::pidfile_daemon)?;
        draft.add_daemons(daemons, |daemon| daemon);
        Ok(())
    },
};

const CRON: OptionSpec = OptionSpec {
    name: "cron",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "minute, hour, day, month and weekday as numbers and then a command, or a list of that",
    default: "none",
    example: "[\"0 3 -1 -1 -1 true\"]",
    is_local: false,
    documentation: "Commands that are run at given times: `MINUTE HOUR DAY MONTH WEEKDAY COMMAND`, \
        where -1 stands for any and -5 for every fifth. Weekdays count from Sunday, which is 0 \
        and 7; where day and weekday are both given, either is enough. Times are those of the `TZ` \
        of the vassal's environment. Each is run once for the vassal, by `/bin/sh -c` as its user, \
        by the generation that serves; what it prints and how it ends is in the log. \
        What happens when clocks change, and at a reload, says docs/background.md.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let crons = setting.each(values::cron)?;
        draft.add_crons(crons, |cron| cron);
        Ok(())
    },
};

const UNIQUE_CRON: OptionSpec = OptionSpec {
    name: "unique-cron",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "minute, hour, day, month and weekday as numbers and then a command, or a list of that",
    default: "none",
    example: "[\"-5 -1 -1 -1 -1 true\"]",
    is_local: false,
    documentation: "Commands as of `cron` that are not started while they still run from the time \
        before. That holds across a reload too: the new generation waits for what the old one \
        still runs.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let crons = setting.each(values::cron)?;
        draft.add_crons(crons, |cron| CronConfig {
            is_unique: true,
            ..cron
        });
        Ok(())
    },
};

const CRON2: OptionSpec = OptionSpec {
    name: "cron2",
    aliases: &[],
    kind: ValueKind::Many,
    takes: "`key=value` pairs with commas between, then a command, or a list of that",
    default: "none",
    example: "[\"minute=-10,unique=1,harakiri=60 true\"]",
    is_local: false,
    documentation: "Commands as of `cron`, with keys for the times: `minute`, `hour`, `day`, `month` \
        and `week`, each -1 (any) if it is left out. `unique=1` is `unique-cron`, and `harakiri` \
        the longest run in seconds, after which the command and all that it has started are \
        killed.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let crons = setting.each(values::keyed_cron)?;
        draft.add_crons(crons, |cron| cron);
        Ok(())
    },
};

const CRON_HARAKIRI: OptionSpec = OptionSpec {
    name: "cron-harakiri",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a duration such as `30s` or `5m`, at most a week",
    default: "none: as long as it takes",
    example: "\"10m\"",
    is_local: false,
    documentation: "The longest run of a command of `cron`, `cron2` or `unique-cron` that says \
        nothing of its own by `harakiri`. One that takes longer is killed with its whole process \
        group. A bare number is seconds; `ms`, `s`, `m`, `h` and `d` are understood.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let limit = setting.one(|setting, node| values::duration(setting, node, LONGEST_JOB))?;
        draft.background.cron_harakiri = Some(limit).filter(|limit| !limit.is_zero());
        Ok(())
    },
};
