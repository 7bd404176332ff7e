//! ASGI apps over HTTP: what they find in the scope, what they receive, and what becomes of what they
//! send.

use std::io::{Read, Write};

use serde_json::json;

use crate::harness::{DEADLINE, connect};
use crate::site::{Site, json as told, rest_of};

/// An app whose `http` function is given scope, receive and send, and helpers for it.
pub(crate) fn app(code: &str) -> String {
    format!(
        r"
import asyncio, json, sys

async def start(send, status=200, headers=(), **more):
    await send({{'type': 'http.response.start', 'status': status, 'headers': list(headers), **more}})

async def body(send, data=b'', more=False):
    await send({{'type': 'http.response.body', 'body': data, 'more_body': more}})

async def answer(send, data, status=200):
    await start(send, status, [(b'content-length', b'%d' % len(data))])
    await body(send, data)

async def gate():
    with open('gate', 'rb', 0) as gate:
        await asyncio.get_running_loop().run_in_executor(None, gate.read, 1)

async def application(scope, receive, send):
    assert scope['type'] == 'http', 'this app has no lifespan'
    await http(scope, receive, send)

{code}
"
    )
}

const SCOPE: &str = r"
async def http(scope, receive, send):
    import contextvars
    shown = {key: repr(value) for key, value in scope.items()}
    shown['loop'] = type(asyncio.get_running_loop()).__module__
    shown['task'] = asyncio.current_task() is not None
    await answer(send, json.dumps(shown).encode())
";

#[test]
fn the_scope_says_what_was_asked() {
    let site = Site::new("", &app(SCOPE));
    let scope = told(&site.ask(
        b"PROPFIND /caf%C3%A9/a%2Fb?q=%20a&b HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nx-one: \xe9\r\nA_b: c\r\nTE: trailers\r\n\r\n",
    ));
    let (host, port) = site.address.rsplit_once(':').expect("an address");
    for (key, value) in [
        ("type", "'http'"),
        ("asgi", "{'version': '3.0', 'spec_version': '2.5'}"),
        ("http_version", "'1.1'"),
        ("method", "'PROPFIND'"),
        ("scheme", "'http'"),
        ("path", "'/caf\u{e9}/a/b'"),
        ("raw_path", "b'/caf%C3%A9/a%2Fb'"),
        ("query_string", "b'q=%20a&b'"),
        ("root_path", "''"),
        (
            "headers",
            "[(b'host', b'h'), (b'x-one', b'1'), (b'x-one', b'\\xe9'), (b'a_b', b'c'), (b'te', b'trailers')]",
        ),
        ("server", &format!("('{host}', {port})")),
        (
            "extensions",
            "{'http.response.pathsend': {}, 'http.response.trailers': {}}",
        ),
    ] {
        assert_eq!(scope[key], value, "{key}");
    }
    assert_eq!(
        (&scope["loop"], &scope["task"]),
        (&json!("asyncio.unix_events"), &json!(true))
    );
    let client = scope["client"].as_str().expect("a pair");
    assert!(client.starts_with("('127.0.0.1', "), "{client}");
    let old = told(&site.ask(b"GET http://other/x HTTP/1.1\r\nHost: h\r\n\r\n"));
    assert_eq!(
        (&old["headers"], &old["raw_path"], &old["extensions"]),
        (
            &json!("[(b'host', b'other')]"),
            &json!("b'/x'"),
            &json!("{'http.response.pathsend': {}}")
        )
    );
    let old = told(&site.ask(b"GET / HTTP/1.0\r\n\r\n"));
    assert_eq!(old["http_version"], "'1.0'");
    let status = site.emperor.status_of(&site.vassal);
    assert_eq!(status["interface"], "asgi", "{status}");
}

#[test]
fn a_new_connection_wakes_one_process() {
    const COUNT: u64 = 40;
    let options = "processes = 4\nheartbeat = 0\nloop = \"asyncio\"";
    let code = app("async def http(scope, receive, send):\n    await answer(send, b'fine')\n");
    let site = Site::new(options, &code);
    let sleeps = || {
        let of = |pid| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
            let status = status.expect("it is there");
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
            let count: u64 = line
                .expect("the kernel tells it")
                .trim()
                .parse()
                .expect("a number");
            count
        };
        site.emperor
            .workers(&site.vassal)
            .into_iter()
            .map(of)
            .sum::<u64>()
    };
    assert_eq!(site.get("/").body, "fine");
    let before = sleeps();
    for _ in 0..COUNT {
        assert_eq!(site.get("/").body, "fine");
    }
    // At most three for each connection, where the request and the end come late; four and more if all
    // were woken.
    let woken = sleeps() - before;
    assert!(woken < COUNT * 7 / 2, "{woken} for {COUNT} connections");
}

#[test]
fn a_unix_socket_has_no_client_address() {
    let site = Site::new("http = \"app.sock\"", &app(SCOPE));
    let mut connection = connect(&site.address).expect("it listens");
    let scope = told(&connection.get("/").expect("it answers"));
    assert_eq!(scope["client"], "None");
    assert_eq!(scope["server"], format!("('{}', None)", site.address));
}

const ECHO: &str = r"
async def http(scope, receive, send):
    seen = []
    data = b''
    while True:
        message = await receive()
        if message['type'] == 'http.disconnect':
            print('the client left', flush=True)
            return
        data += message['body']
        seen.append(len(message['body']))
        if not message.get('more_body'):
            break
    await start(send, 200, [(b'x-pieces', b'%d' % len(seen))])
    for at in range(0, len(data), 100_000):
        await body(send, data[at:at + 100_000], True)
    await body(send)
";

#[test]
fn bodies_go_both_ways_in_pieces() {
    let site = Site::new("", &app(ECHO));
    let mut connection = site.connect();
    for size in [0, 1, 70_000, 3_000_000] {
        let text = "0123456789".repeat(size / 10 + 1);
        let text = text.get(..size).expect("it is long enough");
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {size}\r\n\r\n");
        connection.send(head.as_bytes()).expect("it reads");
        let mut stream = connection;
        stream.send(text.as_bytes()).expect("it reads");
        let answer = stream.receive().expect("it answers");
        assert!(answer.body == text, "{size}: {} bytes", answer.body.len());
        let framing = answer.header("transfer-encoding");
        assert_eq!(framing, (size > 0).then_some("chunked"));
        connection = stream;
    }
    connection
        .send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
        .expect("it reads");
    assert_eq!(connection.head().expect("leave").0, 100);
    connection
        .send(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        .expect("it reads");
    assert_eq!(connection.receive().expect("it answers").body, "abcde");
}

#[test]
fn requests_of_one_connection_are_answered_in_order() {
    let site = Site::new(
        "",
        &app(r"
async def http(scope, receive, send):
    if scope['path'] != '/fast':
        await asyncio.sleep(0.05)
    await answer(send, scope['path'].encode())
"),
    );
    let mut connection = site.connect();
    let paths = ["/slow", "/fast", "/fast", "/other", "/fast"];
    let all = paths
        .map(|path| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
        .concat();
    connection.send(all.as_bytes()).expect("it reads");
    for path in paths {
        assert_eq!(connection.receive().expect("it answers").body, path);
    }
    // Far more than a stack could hold if they were answered inside one another.
    let many = "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5_000);
    let mut stream = site.stream();
    let mut reader = stream.try_clone().expect("a descriptor");
    let sent = std::thread::spawn(move || {
        stream
            .write_all(format!("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n{many}GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").as_bytes())
            .expect("it reads");
        stream
    });
    let text = rest_of(&mut reader);
    drop(sent.join());
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 5_002);
}

#[test]
fn many_requests_wait_at_the_same_time() {
    let (site, mut gate) = Site::gated(
        "",
        &app(r"
waiting = 0
event = None
async def http(scope, receive, send):
    global waiting, event
    event = event or asyncio.Event()
    waiting += 1
    if waiting == 50:
        event.set()
    await event.wait()
    await answer(send, b'together')
"),
    );
    gate.let_go(0);
    let mut connections: Vec<_> = (0..50).map(|_| site.connect()).collect();
    for connection in &mut connections {
        connection
            .send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("it reads");
    }
    for connection in &mut connections {
        assert_eq!(connection.receive().expect("it answers").body, "together");
    }
}

const ENDLESS: &str = r"
sent = 0
async def http(scope, receive, send):
    global sent
    if scope['path'] == '/sent':
        return await answer(send, b'%d' % sent)
    if scope['path'] == '/wait':
        while True:
            message = await receive()
            if message['type'] == 'http.disconnect':
                print('heard of the end', flush=True)
                return
    await start(send)
    try:
        while True:
            await body(send, b'x' * 65536, True)
            sent += 65536
    except OSError as error:
        print('could not send:', error, flush=True)
        raise
";

#[test]
fn a_client_that_does_not_read_stops_the_app() {
    let site = Site::new("", &app(ENDLESS));
    let mut stream = site.stream();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    let sent = || site.get("/sent").body.parse::<u64>().expect("a number");
    let mut before = sent();
    // Others are served meanwhile, and the number comes to a stop.
    let until = std::time::Instant::now() + DEADLINE;
    loop {
        std::thread::sleep(std::time::Duration::from_millis(100));
        let now = sent();
        if now == before && now > 0 {
            break;
        }
        assert!(std::time::Instant::now() < until, "it goes on: {now}");
        before = now;
    }
    assert!(before < 50_000_000, "{before} bytes lie somewhere");
    // It goes on as the client reads.
    let mut taken = vec![0; 4_000_000];
    stream.read_exact(&mut taken).expect("there is more");
    while sent() == before {
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert!(std::time::Instant::now() < until, "it does not go on");
    }
    drop(stream);
    site.printed("could not send:");
    let said = site.said_until("could not send:");
    assert!(
        !said.iter().any(|line| line.contains("Traceback")),
        "{said:?}"
    );
}

#[test]
fn an_app_hears_that_its_client_has_left() {
    let site = Site::new("access-log = \"all\"", &app(ENDLESS));
    let mut stream = site.stream();
    stream
        .write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    // The request has begun once a later one is answered.
    site.get("/sent");
    drop(stream);
    site.printed("heard of the end");
    site.printed("499");
    // Also one that leaves in the middle of its body.
    let mut stream = site.stream();
    stream
        .write_all(b"POST /wait HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc")
        .expect("it reads");
    site.get("/sent");
    drop(stream);
    site.printed("POST /wait");
    let status = site.emperor.status_of(&site.vassal);
    assert_eq!(status["workers"][0]["errors"], 0, "{status}");
}
