//! How the app and its Python are found and loaded.

use super::{Asks, Foreign, either, fixed, off, on, refused, refused_for};

const MODULE: &[&str] = &["module"];
const PYTHON: &str = "Python is built in, and nothing else is";

pub(super) static NAMES: &[Foreign] = &[
    refused_for(
        &["pecan"],
        MODULE,
        "write a module with `application = pecan.deploy.deploy(\"/path/to/config.py\")`, and name it in `module`",
    ),
    refused_for(
        &["web3", "pump", "wsgi-lite"],
        MODULE,
        "wrap the app as a WSGI or ASGI app; nothing speaks this proposed interface any more",
    ),
    refused_for(
        &["pyrun", "python-raw", "python-worker-override"],
        MODULE,
        "run the script as a service of its own; a vassal is a WSGI or ASGI app",
    ),
    refused_for(
        &["symcall", "symcall-use-next", "symcall-post-fork"],
        MODULE,
        "load the library with `ctypes` in the app; Lictor calls Python only",
    ),
    refused_for(
        &["worker-mount"],
        MODULE,
        "use `mount`, which has every worker answer for the app, or give it a vassal of its own",
    ),
    refused(
        &["vhost", "vhost-host"],
        "give each host name a vassal of its own, and let the web server choose by host name",
    ),
    either(
        &["max-apps"],
        "a vassal has exactly the apps that its file names",
    ),
    on(
        &["ignore-script-name"],
        "nothing that a client sends changes SCRIPT_NAME",
    ),
    on(&["need-app"], "a generation without an app never serves"),
    on(
        &["no-default-app"],
        "what no app is mounted for is answered with 404, unless `module` or `wsgi-file` names one",
    ),
    on(
        &["single-interpreter"],
        "all apps of a vassal live in its one interpreter",
    ),
    on(&["enable-threads"], "threads of the app always run"),
    on(
        &["py-call-osafterfork", "py-call-uwsgi-fork-hooks"],
        "workers are forked by `os.fork`",
    ),
    fixed(
        &["plugin", "plugins", "need-plugin", "need-plugins"],
        Asks::PythonPlugin,
        PYTHON,
    ),
    either(
        &["plugin-dir", "plugins-dir", "autoload"],
        "Python is built in, and no plugin is ever loaded",
    ),
    refused(
        &["dlopen"],
        "import the extension module in the app; Lictor loads no library",
    ),
    refused(
        &["pymodule-alias", "post-pymodule-alias"],
        "set `sys.modules[\"alias\"]` in the app's own module",
    ),
    refused(
        &["py-programname", "py-program-name"],
        "use `virtualenv` or `python`, whose interpreter is the program, or `py-executable` for `sys.executable`",
    ),
    refused(
        &["optimize"],
        "use `env` with `PYTHONOPTIMIZE=1`, which removes `assert`, or 2",
    ),
    refused(
        &["no-site"],
        "remove it; a virtual environment is found by the `site` module",
    ),
    refused(
        &["py-tracebacker"],
        "use `harakiri`, which logs where each thread of a stuck request stands, or py-spy",
    ),
    refused(
        &["py-sharedarea"],
        "use `multiprocessing.shared_memory` in the app",
    ),
    off(
        &["reload-os-env"],
        "`os.environ` is the app's own while a worker lives",
    ),
    either(
        &["wsgi-env-behaviour", "wsgi-env-behavior"],
        "each request has an environ of its own",
    ),
    on(&["wsgi-strict"], "apps are served as PEP 3333 says"),
    off(
        &["start-response-nodelay"],
        "the head of an answer leaves with the first piece of its body, as PEP 3333 says",
    ),
    refused(
        &["wsgi-accept-buffer", "wsgi-accept-buffers"],
        "let the app give `bytes(…)` of its buffers, as PEP 3333 says",
    ),
    refused(
        &[
            "gevent",
            "gevent-monkey-patch",
            "gevent-early-monkey-patch",
            "gevent-wait-for-hub",
        ],
        "use `threads` and `processes`, or an ASGI app for very many connections at a time",
    ),
    refused(
        &["async", "ugreen", "ugreen-stacksize"],
        "use `threads` and `processes`, or an ASGI app for very many connections at a time",
    ),
    refused(
        &["skip-atexit", "skip-atexit-teardown"],
        "remove it; it works around crashes at the end of uWSGI's own workers",
    ),
    refused(&["mode"], "use `env`, and read the variable in the app"),
];
