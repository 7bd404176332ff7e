//! Options of ASGI apps: whether the app is one, which event loop, whether it is told of its life,
//! and what its websockets may cost.

use std::time::Duration;

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;

const LARGEST_MESSAGE: u64 = 1 << 30;
const SHORTEST_PING: Duration = Duration::from_millis(100);
const LONGEST_PING: Duration = Duration::from_hours(1);

pub(super) static OPTIONS: &[OptionSpec] = &[
    INTERFACE,
    LOOP,
    LIFESPAN,
    WEBSOCKET_MAX_SIZE,
    WEBSOCKET_PING_INTERVAL,
    WEBSOCKET_PING_TIMEOUT,
    WEBSOCKET_DEFLATE,
];

const INTERFACE: OptionSpec = OptionSpec {
    name: "interface",
    aliases: &[],
    kind: ValueKind::One,
    takes: "`auto`, `wsgi` or `asgi`",
    default: "auto",
    example: "\"auto\"",
    is_local: false,
    documentation: "Which interface the app speaks. With `auto` it is ASGI 3 if the app is a \
        coroutine function, an object whose `__call__` is one, or a function of exactly three \
        arguments, and WSGI otherwise. Say `asgi` or `wsgi` for an app whose wrapper hides what it \
        is. `lictor status` shows what was found.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.asgi.interface = setting.one(values::interface)?;
        Ok(())
    },
};

const LOOP: OptionSpec = OptionSpec {
    name: "loop",
    aliases: &[],
    kind: ValueKind::One,
    takes: "`auto`, `asyncio` or `uvloop`",
    default: "auto",
    example: "\"auto\"",
    is_local: false,
    documentation: "Which event loop runs an ASGI app. With `auto` it is uvloop if the app's \
        environment has it, else asyncio's own. It runs on the worker's only thread, together with \
        the sockets. WSGI apps have none.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.asgi.event_loop = setting.one(values::event_loop)?;
        Ok(())
    },
};

const LIFESPAN: OptionSpec = OptionSpec {
    name: "lifespan",
    aliases: &[],
    kind: ValueKind::One,
    takes: "`auto`, `on` or `off`",
    default: "auto",
    example: "\"auto\"",
    is_local: false,
    documentation: "Whether an ASGI app is told of its start and its end (ASGI's lifespan \
        protocol). A worker is ready once the app has started up; if the app says that it could \
        not, the generation fails and the one before it serves on. With `auto` an app that knows \
        nothing of it is served without, with `on` that is a failure, with `off` it is not asked. \
        Shutting down happens after the worker's last request, within `reload-mercy`.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.asgi.lifespan = setting.one(values::lifespan)?;
        Ok(())
    },
};

const WEBSOCKET_MAX_SIZE: OptionSpec = OptionSpec {
    name: "websocket-max-size",
    aliases: &["ws-max-size"],
    kind: ValueKind::One,
    takes: "a size from `1K` to `1G`",
    default: "16M",
    example: "\"16M\"",
    is_local: false,
    documentation: "The largest message that an ASGI app receives over a websocket, before \
        compression and after. A client that sends a larger one is told 1009, and the connection \
        ends. A bare number is bytes.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let size = setting.one(|s, node| values::size(s, node, 1024..=LARGEST_MESSAGE))?;
        draft.asgi.websocket.max_size = usize::try_from(size).unwrap_or(usize::MAX);
        Ok(())
    },
};

const WEBSOCKET_PING_INTERVAL: OptionSpec = OptionSpec {
    name: "websocket-ping-interval",
    aliases: &["ws-ping-interval"],
    kind: ValueKind::One,
    takes: "a duration from `100ms` to `1h`, or 0 for no pings",
    default: "20s",
    example: "\"20s\"",
    is_local: false,
    documentation: "How long the client of a websocket may be silent before it is pinged, which \
        also keeps proxies from closing the connection. A bare number is seconds.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let interval = setting.one(|s, node| values::duration(s, node, LONGEST_PING))?;
        draft.asgi.websocket.ping_interval =
            Some(interval.max(SHORTEST_PING)).filter(|_| !interval.is_zero());
        Ok(())
    },
};

const WEBSOCKET_PING_TIMEOUT: OptionSpec = OptionSpec {
    name: "websocket-ping-timeout",
    aliases: &["ws-ping-timeout"],
    kind: ValueKind::One,
    takes: "a duration from `100ms` to `1h`",
    default: "20s",
    example: "\"20s\"",
    is_local: false,
    documentation: "How long the client of a websocket may stay silent after it was pinged. Then \
        it is told 1011, the connection ends, and the app hears 1006. A bare number is seconds.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.asgi.websocket.ping_timeout = setting.one(|s, node| {
            let timeout = values::duration(s, node, LONGEST_PING)?;
            if timeout < SHORTEST_PING {
                return Err(s.mismatch(node));
            }
            Ok(timeout)
        })?;
        Ok(())
    },
};

const WEBSOCKET_DEFLATE: OptionSpec = OptionSpec {
    name: "websocket-deflate",
    aliases: &["ws-per-message-deflate"],
    kind: ValueKind::Switch,
    takes: "`true` or `false`",
    default: "true",
    example: "true",
    is_local: false,
    documentation: "Whether messages of websockets are compressed (permessage-deflate, RFC 7692) \
        where the client offers that. It costs time for each message, which `false` saves for \
        messages that are short or compressed already.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.asgi.websocket.deflate = setting.one(values::boolean)?;
        Ok(())
    },
};
