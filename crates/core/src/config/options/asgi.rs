//! Options of ASGI apps: whether the app is one, which event loop, whether it is told of its life.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;

pub(super) static OPTIONS: &[OptionSpec] = &[INTERFACE, LOOP, LIFESPAN];

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
