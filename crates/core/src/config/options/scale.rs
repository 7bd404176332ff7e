//! Options of how many workers there are when: `cheaper` and its friends, `cheap`, `idle`.

use std::time::Duration;

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::scale_draft::Told;
use crate::config::values;

const LONGEST: Duration = Duration::from_hours(24 * 365);
const LONGEST_OVERLOAD: Duration = Duration::from_hours(1);
const SHORTEST_OVERLOAD: Duration = Duration::from_millis(100);
const SHORTEST_IDLE: Duration = Duration::from_millis(100);

pub(super) static OPTIONS: &[OptionSpec] = &[
    CHEAPER,
    CHEAPER_INITIAL,
    CHEAPER_STEP,
    CHEAPER_OVERLOAD,
    CHEAPER_ALGO,
    CHEAPER_RSS_LIMIT_SOFT,
    CHEAPER_RSS_LIMIT_HARD,
    BUSYNESS_MAX,
    BUSYNESS_MIN,
    BUSYNESS_MULTIPLIER,
    BUSYNESS_PENALTY,
    CHEAP,
    IDLE,
    DIE_ON_IDLE,
];

const CHEAPER: OptionSpec = OptionSpec {
    name: "cheaper",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a number from 1 to below `processes`, or 0 for a fixed number of workers",
    default: "0: always `processes` workers",
    example: "1",
    is_local: false,
    documentation: "The number of workers follows the load: never fewer than this, never more than \
        `processes`. When all are busy for a twentieth of a second, `cheaper-step` more are \
        started; one that was not needed for `cheaper-overload` finishes its requests and leaves. \
        A worker is busy when each of its `threads` is in a request; one of an ASGI app, when it \
        is in any. `lictor status NAME` shows how many there are, and why.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let minimum = setting.one(|s, node| {
            let minimum = values::whole(s, node, 0..=1023)?;
            Ok(Told::new(minimum, node))
        })?;
        draft.scale.cheaper = Some(minimum);
        Ok(())
    },
};

const CHEAPER_INITIAL: OptionSpec = OptionSpec {
    name: "cheaper-initial",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a number from 1 to `processes`",
    default: "as `cheaper`",
    example: "2",
    is_local: false,
    documentation: "How many workers a new generation has, and one that wakes up from `idle`. It \
        needs `cheaper`, and counts as that if it is lower.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let number = setting.one(|s, node| {
            let number = values::whole(s, node, 1..=1024)?;
            Ok(Told::new(number, node))
        })?;
        draft.scale.initial = Some(number);
        Ok(())
    },
};

const CHEAPER_STEP: OptionSpec = OptionSpec {
    name: "cheaper-step",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a number from 1 to 1024",
    default: "1",
    example: "1",
    is_local: false,
    documentation: "How many workers are started at once when there are too few. The next ones \
        follow when these serve and all are busy still.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let number = setting.one(|s, node| {
            let number = values::whole(s, node, 1..=1024)?;
            Ok(Told::new(number, node))
        })?;
        draft.scale.step = Some(number);
        Ok(())
    },
};

const CHEAPER_OVERLOAD: OptionSpec = OptionSpec {
    name: "cheaper-overload",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a duration from `100ms` to `1h`",
    default: "3s",
    example: "\"3s\"",
    is_local: false,
    documentation: "A worker is ended when, for so long, two or more were free at every moment; one \
        each such time. With the algorithm `busyness` it is the time over which that is measured. \
        More workers are started much sooner than that. A bare number is seconds.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let period = setting.one(|s, node| {
            let period = values::duration(s, node, LONGEST_OVERLOAD)?;
            Ok(Told::new(period.max(SHORTEST_OVERLOAD), node))
        })?;
        draft.scale.overload = Some(period);
        Ok(())
    },
};

const CHEAPER_ALGO: OptionSpec = OptionSpec {
    name: "cheaper-algo",
    aliases: &[],
    kind: ValueKind::One,
    takes: "`spare`, `backlog`, `busyness` or `manual`",
    default: "spare",
    example: "\"spare\"",
    is_local: false,
    documentation: "What counts as load. With `spare`, more workers are started when none is free; \
        with `backlog`, when none is free and a connection waits to be accepted; with `busyness`, \
        when workers spend more than `cheaper-busyness-max` percent of their time in requests, or \
        when none is free. With `manual` nothing counts, and the letters `+` and `-` in `master-fifo` \
        start and end a worker.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let algorithm = setting.one(|s, node| {
            let algorithm = values::cheaper_algorithm(s, node)?;
            Ok(Told::new(algorithm, node))
        })?;
        draft.scale.algorithm = Some(algorithm);
        Ok(())
    },
};

const CHEAPER_RSS_LIMIT_SOFT: OptionSpec = OptionSpec {
    name: "cheaper-rss-limit-soft",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a size such as `512M`, or 0 for no limit",
    default: "no limit",
    example: "\"512M\"",
    is_local: false,
    documentation: "No worker is added while the resident memory of all of them is above this. Memory \
        that they share with the master counts for each, as in uWSGI. A bare number is bytes; `M` \
        and `G` are powers of 1024.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let limit = setting.one(|s, node| {
            let limit = values::size(s, node, 0..=u64::MAX)?;
            Ok(Told::new(limit, node))
        })?;
        draft.scale.rss_soft = Some(limit);
        Ok(())
    },
};

const CHEAPER_RSS_LIMIT_HARD: OptionSpec = OptionSpec {
    name: "cheaper-rss-limit-hard",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a size such as `768M`, or 0 for no limit",
    default: "no limit",
    example: "\"768M\"",
    is_local: false,
    documentation: "While the resident memory of all workers is above this, one worker each \
        `cheaper-overload` finishes its requests and leaves, down to `cheaper`. Memory that they \
        share with the master counts for each, as in uWSGI. A bare number is bytes; `M` and `G` are \
        powers of 1024.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let limit = setting.one(|s, node| {
            let limit = values::size(s, node, 0..=u64::MAX)?;
            Ok(Told::new(limit, node))
        })?;
        draft.scale.rss_hard = Some(limit);
        Ok(())
    },
};

const BUSYNESS_MAX: OptionSpec = OptionSpec {
    name: "cheaper-busyness-max",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a number of percent from 1 to 100",
    default: "50",
    example: "50",
    is_local: false,
    documentation: "With `cheaper-algo = busyness`: workers are added when, over `cheaper-overload`, \
        they spent more than so many percent of their time in requests. A worker with several \
        threads spends all of its time so only if all of them do.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let percent = setting.one(|s, node| {
            let percent = values::whole(s, node, 1..=100)?;
            Ok(Told::new(percent, node))
        })?;
        draft.scale.high = Some(percent);
        Ok(())
    },
};

const BUSYNESS_MIN: OptionSpec = OptionSpec {
    name: "cheaper-busyness-min",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a number of percent from 0 to 100",
    default: "25",
    example: "25",
    is_local: false,
    documentation: "With `cheaper-algo = busyness`: a worker is ended when they spent less than so \
        many percent of their time in requests, `cheaper-busyness-multiplier` times in a row. It has \
        to be below `cheaper-busyness-max`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let percent = setting.one(|s, node| {
            let percent = values::whole(s, node, 0..=100)?;
            Ok(Told::new(percent, node))
        })?;
        draft.scale.low = Some(percent);
        Ok(())
    },
};

const BUSYNESS_MULTIPLIER: OptionSpec = OptionSpec {
    name: "cheaper-busyness-multiplier",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a number from 1 to 10000",
    default: "10",
    example: "10",
    is_local: false,
    documentation: "With `cheaper-algo = busyness`: for how many times `cheaper-overload` in a row \
        workers must have been below `cheaper-busyness-min` before one is ended. With 3 s and 10, \
        that is half a minute.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let times = setting.one(|s, node| {
            let times = values::whole(s, node, 1..=10_000)?;
            Ok(Told::new(times, node))
        })?;
        draft.scale.multiplier = Some(times);
        Ok(())
    },
};

const BUSYNESS_PENALTY: OptionSpec = OptionSpec {
    name: "cheaper-busyness-penalty",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a number from 0 to 10000",
    default: "2",
    example: "2",
    is_local: false,
    documentation: "With `cheaper-algo = busyness`: so much is added to the multiplier each time that \
        a worker has to be started again within the time after which it was ended. It is taken back \
        when one is ended that stays away for that long.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let times = setting.one(|s, node| {
            let times = values::whole(s, node, 0..=10_000)?;
            Ok(Told::new(times, node))
        })?;
        draft.scale.penalty = Some(times);
        Ok(())
    },
};

const CHEAP: OptionSpec = OptionSpec {
    name: "cheap",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "No worker is started before the first connection, which waits for it. The master \
        imports the app when it starts, so that this takes a few milliseconds, and broken code is \
        found at once. With `ready-path` or `lazy-apps` one worker is started to see whether it \
        works, and leaves again. Together with `die-on-idle`, not even a master is started.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.scale.cheap = setting.one(values::boolean)?;
        Ok(())
    },
};

const IDLE: OptionSpec = OptionSpec {
    name: "idle",
    aliases: &[],
    kind: ValueKind::One,
    takes: "a duration from `100ms` to a year, or 0 for never",
    default: "never",
    example: "\"10m\"",
    is_local: false,
    documentation: "After so long without a request, the workers leave until the next connection, \
        which waits until the first of them is there again and is then served. A request in flight, \
        a download or a websocket keeps them; a connection that is only kept open does not, and is \
        closed. It may take a quarter longer. The master stays, with the app imported; \
        `lictor status NAME` shows 0 workers, and why. A bare number is seconds.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let idle = setting.one(|s, node| values::duration(s, node, LONGEST))?;
        draft.scale.idle = Some(idle.max(SHORTEST_IDLE)).filter(|_| !idle.is_zero());
        Ok(())
    },
};

const DIE_ON_IDLE: OptionSpec = OptionSpec {
    name: "die-on-idle",
    aliases: &[],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "false",
    example: "false",
    is_local: false,
    documentation: "With `idle`: the master leaves as well, so that nothing is left of the vassal but \
        its listening sockets, which the emperor holds; `lictor status` shows it as `asleep`. The next connection starts it from its file \
        as it is then, and waits until the app is imported. Without `cheap` the vassal is started \
        with its emperor, and sleeps when it has been idle.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.scale.die_on_idle = setting
            .one(|setting, node| values::boolean(setting, node).map(|is_on| Told::new(is_on, node)))
            .map(Some)?;
        Ok(())
    },
};
