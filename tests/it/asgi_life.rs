//! How ASGI apps begin and end: what is taken for one, lifespan, drain, `harakiri`, loops that hang.

mod stuck;

use serde_json::json;

use self::stuck::STUCK;
use crate::asgi::app;
use crate::harness::{Emperor, hello};
use crate::site::Site;

const LIFE: &str = r"
import asyncio, json, os

async def application(scope, receive, send):
    if scope['type'] == 'lifespan':
        return await lifespan(scope, receive, send)
    if scope['path'] == '/slow':
        print('began', flush=True)
        with open('gate', 'rb', 0) as gate:
            await asyncio.get_running_loop().run_in_executor(None, gate.read, 1)
    data = json.dumps(scope.get('state')).encode()
    scope.setdefault('state', {})['mine'] = True
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': data})

async def lifespan(scope, receive, send):
    assert (await receive())['type'] == 'lifespan.startup'
    scope['state']['started'] = os.getpid()
    await send({'type': 'lifespan.startup.complete'})
    assert (await receive())['type'] == 'lifespan.shutdown'
    await asyncio.sleep(0.05)
    print('shut down', flush=True)
    await send({'type': 'lifespan.shutdown.complete'})
";

#[test]
fn an_app_starts_up_before_and_shuts_down_after_its_requests() {
    let (site, mut gate) = Site::gated("lifespan = \"on\"\n", LIFE);
    let pid = site.emperor.status_of(&site.vassal)["workers"][0]["pid"].clone();
    for _ in 0..2 {
        let state: serde_json::Value =
            serde_json::from_str(&site.get("/").body).expect("it is JSON");
        assert_eq!(state, json!({"started": pid}));
    }
    let mut connection = site.connect();
    connection
        .send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    site.printed("began");
    site.emperor.touch(&site.vassal.file);
    // The new generation is announced when the old one accepts no more.
    site.emperor.ready_after(&site.vassal, 1);
    gate.let_go(1);
    let answer = connection.receive().expect("it is answered");
    assert_eq!(
        (answer.status, answer.header("connection")),
        (200, Some("close"))
    );
    site.printed("shut down");
}

#[test]
fn a_startup_that_fails_leaves_the_old_code_serving() {
    let site = Site::new("", LIFE);
    for (number, code, words) in [
        (
            2,
            "await send({'type': 'lifespan.startup.failed', 'message': 'no database'})\n",
            "no database",
        ),
        (
            3,
            "await send({'type': 'lifespan.startup.failed'})\n    raise OSError('no disk')\n",
            "OSError: no disk",
        ),
    ] {
        let broken = LIFE.replace("await send({'type': 'lifespan.startup.complete'})\n", code);
        site.emperor.deploy(&site.vassal, &broken);
        let failure = site.emperor.failed_after(&site.vassal, number - 1);
        failure.says("import", &["the app's startup failed", words]);
        assert_eq!(site.get("/").status, 200);
    }
}

#[test]
fn an_app_without_lifespan_is_served_unless_it_must_have_one() {
    let code = app(
        "async def http(scope, receive, send):\n    await answer(send, repr('state' in scope).encode())\n",
    );
    let site = Site::new("", &code);
    assert_eq!(site.get("/").body, "False");
    site.printed("without lifespan, which it does not seem to support: AssertionError");
    let off = Site::new("lifespan = \"off\"\n", &code);
    assert_eq!(off.get("/").body, "False");
    let emperor = Emperor::start();
    let vassal = emperor.add("must", "lifespan = \"on\"\n", &code);
    let failure = emperor.failed_after(&vassal, 0);
    failure.says(
        "import",
        &["did not answer `lifespan.startup`", "AssertionError"],
    );
    failure.hints("set `lifespan` to `auto`");
}

#[test]
fn what_speaks_which_interface_is_found_out() {
    let emperor = Emperor::start();
    for (name, code, interface) in [
        (
            "function",
            "async def app(scope, receive, send): pass",
            "asgi",
        ),
        (
            "object",
            "class A:\n    async def __call__(self, scope, receive, send): pass\napp = A()",
            "asgi",
        ),
        (
            "plain",
            "def app(scope, receive, send):\n    return other(scope, receive, send)\nasync def other(*a): pass",
            "asgi",
        ),
        (
            "partial",
            "import functools\nasync def f(x, scope, receive, send): pass\napp = functools.partial(f, 1)",
            "asgi",
        ),
        ("wsgi", &hello("wsgi"), "wsgi"),
    ] {
        let vassal = emperor.serve(name, "", code);
        assert_eq!(emperor.status_of(&vassal)["interface"], interface, "{name}");
    }
    let hidden = "def wrap(*arguments): return f(*arguments)\nasync def f(scope, receive, send): pass\napp = wrap";
    let vassal = emperor.serve("hidden", "interface = \"asgi\"\n", hidden);
    assert_eq!(emperor.status_of(&vassal)["interface"], "asgi");
}

#[test]
fn what_cannot_be_served_is_refused_with_a_way_out() {
    let emperor = Emperor::start();
    for (name, options, code, words, hint) in [
        (
            "class",
            "",
            "class app:\n    def __init__(self, scope): pass\n    async def __call__(self, receive, send): pass",
            "is a class",
            "guarantee_single_callable",
        ),
        (
            "two",
            "",
            "def app(scope):\n    return print",
            "ASGI 2",
            "guarantee_single_callable",
        ),
        (
            "threads",
            "threads = 2\n",
            "async def app(scope, receive, send): pass",
            "`threads` is 2",
            "use `processes`",
        ),
        (
            "uvloop",
            "loop = \"uvloop\"\n",
            "import sys\nsys.modules['uvloop'] = None\nasync def app(scope, receive, send): pass",
            "`loop` is `uvloop`, which cannot be imported",
            "install it",
        ),
    ] {
        let vassal = emperor.add(name, options, code);
        let failure = emperor.failed_after(&vassal, 0);
        failure.says("import", &[words]);
        failure.hints(hint);
    }
}

const SLOW_END: &str = r"
async def application(scope, receive, send):
    if scope['type'] != 'lifespan':
        if scope['path'] == '/stuck':
            print('began', flush=True)
            await asyncio.sleep(600)
        return await answer(send)
    await receive()
    await send({'type': 'lifespan.startup.complete'})
    await receive()
    print('shutting down', flush=True)
    await asyncio.sleep(SECONDS)
    print('shut down', flush=True)
    await send({'type': 'lifespan.shutdown.complete'})

async def answer(send):
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': b'fine'})
";

fn slow_end(seconds: &str) -> String {
    format!("import asyncio\n{}", SLOW_END.replace("SECONDS", seconds))
}

#[test]
fn a_shutdown_has_all_of_the_mercy() {
    let site = Site::new("reload-mercy = \"60s\"\n", &slow_end("3"));
    assert_eq!(site.get("/").body, "fine");
    site.emperor.touch(&site.vassal.file);
    site.printed("shut down");
    let left = [("generation", json!(1))];
    site.emperor.heard(&site.vassal, "master-exited", &left);
    let said = site.emperor.output().so_far();
    let is_complaint = |line: &&serde_json::Value| line.to_string().contains("did not shut down");
    assert_eq!(said.iter().find(is_complaint), None);
}

#[test]
fn a_shutdown_beyond_the_mercy_is_told() {
    let site = Site::new("reload-mercy = \"1s\"\n", &slow_end("600"));
    assert_eq!(site.get("/").body, "fine");
    site.emperor.touch(&site.vassal.file);
    site.printed("shutting down");
    site.printed("the app's lifespan did not shut down within `reload-mercy`");
    let left = [("generation", json!(1))];
    site.emperor.heard(&site.vassal, "master-exited", &left);
}

#[test]
fn what_is_left_at_the_deadline_is_cancelled() {
    let site = Site::new("reload-mercy = \"1s\"\n", &app(STUCK));
    let mut connection = site.connect();
    connection
        .send(b"GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    assert_eq!(site.get("/").body, "fine");
    site.emperor.touch(&site.vassal.file);
    site.printed("cancelled /stuck");
    assert_eq!(connection.receive().expect("it is told").status, 503);
    site.printed("GET /stuck: it was cancelled");
    site.emperor
        .heard(&site.vassal, "master-exited", &[("generation", 1.into())]);
}

#[test]
fn the_ready_path_is_asked_and_requests_are_counted() {
    let site = Site::new(
        "ready-path = \"/\"\nmax-requests = 20\nprocesses = 2\n",
        &app(STUCK),
    );
    for _ in 0..60 {
        assert_eq!(site.get("/").body, "fine");
    }
    site.emperor.heard(&site.vassal, "worker-retiring", &[]);
}
