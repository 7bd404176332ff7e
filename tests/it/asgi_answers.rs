//! What becomes of what an ASGI app sends: in order, out of order, too much, too little, or nothing.

use crate::asgi::app;
use crate::site::{Site, rest_of};
use std::io::Write;

const APP: &str = r"
import os, pathlib

async def http(scope, receive, send):
    await globals()[scope['path'].strip('/')](scope, receive, send)

async def whole(scope, receive, send):
    await start(send, 201, [(b'x-a', b'1'), [b'x-a', b'caf\xe9'], (b'transfer-encoding', b'chunked'),
                            (b'connection', b'keep-alive')])
    await body(send, bytearray(b'whole'))

async def closing(scope, receive, send):
    await start(send, 200, [(b'Connection', b'close')])
    await body(send, memoryview(b'closing'))

async def empty(scope, receive, send):
    await start(send, 204)
    await body(send)

async def stream(scope, receive, send):
    await start(send, 200, iter([(b'content-length', b'6')]))
    for piece in (b'one', b'', b'two'):
        await body(send, piece, True)
    await body(send)

async def odd(scope, receive, send):
    await start(send, 299)
    await body(send, b'odd')

async def too_much(scope, receive, send):
    await start(send, 200, [(b'content-length', b'3')])
    await body(send, b'abcdef')

async def too_little(scope, receive, send):
    await start(send, 200, [(b'content-length', b'6')])
    await body(send, b'abc')

async def nothing(scope, receive, send):
    pass

async def half(scope, receive, send):
    await start(send)
    await body(send, b'half', True)

async def raises(scope, receive, send):
    raise ValueError('before the answer')

async def raises_late(scope, receive, send):
    await start(send)
    await body(send, b'begun', True)
    await asyncio.sleep(0)
    raise ValueError('in the answer')

async def exits(scope, receive, send):
    await asyncio.sleep(0)
    sys.exit('from a request')

async def disorder(scope, receive, send):
    said = []
    async def attempt(message):
        try:
            await send(message)
        except Exception as error:
            said.append(f'{type(error).__name__}: {error}')
    await attempt({'type': 'http.response.body', 'body': b'early'})
    await attempt({'type': 'http.response.start', 'status': 101})
    await attempt({'type': 'http.response.start', 'status': 200, 'headers': [('a', 'b')]})
    await attempt({'type': 'http.response.start', 'status': 200, 'headers': [(b'a', b'b\r\nc: d')]})
    await attempt({'type': 'http.response.start', 'status': 200, 'headers': [(b'content-length', b'x')]})
    await attempt({'type': 'http.response.start'})
    await attempt({'type': 'websocket.accept'})
    await attempt('text')
    await start(send)
    await attempt({'type': 'http.response.start', 'status': 200})
    await attempt({'type': 'http.response.trailers'})
    await attempt({'type': 'http.response.body', 'body': 'text'})
    await body(send, '\n'.join(said).encode())
    try:
        await body(send, b'late')
    except RuntimeError as error:
        print('too late:', error, flush=True)
    message = await receive()
    while message['type'] == 'http.request':
        message = await receive()
    print('then', message['type'], flush=True)

async def trailers(scope, receive, send):
    await start(send, 200, [(b'trailer', b'x-sum, content-length')], trailers=True)
    await body(send, b'data')
    await send({'type': 'http.response.trailers', 'headers': [(b'content-length', b'9')], 'more_trailers': True})
    await send({'type': 'http.response.trailers', 'headers': [(b'x-sum', b'abc')]})

async def path(scope, receive, send):
    file = pathlib.Path('big').absolute()
    if not file.exists():
        file.write_bytes(b'0123456789' * 300_000)
    headers = [(b'content-length', b'3000000')] if scope['query_string'] else []
    await start(send, 200, headers)
    await send({'type': 'http.response.pathsend', 'path': str(file)})

async def path_part(scope, receive, send):
    await start(send, 206, [(b'Content-Length', b'4')])
    await send({'type': 'http.response.pathsend', 'path': str(pathlib.Path('big').absolute())})

async def device(scope, receive, send):
    read, write = os.pipe()
    os.write(write, b'0')
    os.close(write)
    await start(send, 200)
    await send({'type': 'http.response.pathsend', 'path': f'/proc/self/fd/{read}'})
    os.close(read)

async def download(scope, receive, send):
    await start(send)
    await send({'type': 'http.response.pathsend', 'path': str(pathlib.Path('huge').absolute())})
    print('handed over', flush=True)

async def no_path(scope, receive, send):
    try:
        await start(send)
        await send({'type': 'http.response.pathsend', 'path': '/no/such'})
    except FileNotFoundError as error:
        await body(send, error.strerror.encode())

async def later(scope, receive, send):
    await answer(send, b'at once')
    await asyncio.sleep(0.05)
    print('background', current.get(), flush=True)

import contextvars
current = contextvars.ContextVar('current', default='unset')

async def context(scope, receive, send):
    seen = current.get()
    current.set('set by a request')
    await asyncio.sleep(0)
    await answer(send, seen.encode())

async def waits(scope, receive, send):
    first = await asyncio.create_task(receive())
    try:
        await asyncio.wait_for(receive(), 0.01)
    except asyncio.TimeoutError:
        pass
    await answer(send, json.dumps([first['type'], first['more_body']]).encode())
";

fn site() -> Site {
    Site::new("access-log = \"all\"", &app(APP))
}

#[test]
fn answers_are_framed_as_the_app_says() {
    let site = site();
    let mut connection = site.connect();
    let mut get = |path: &str| {
        connection
            .get(path)
            .unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let whole = get("/whole");
    assert_eq!((whole.status, whole.body.as_str()), (201, "whole"));
    let shown: Vec<_> = whole
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(shown, ["x-a", "x-a", "server", "content-length", "date"]);
    let stream = get("/stream");
    assert_eq!(
        (stream.body.as_str(), stream.header("content-length")),
        ("onetwo", Some("6"))
    );
    assert_eq!(get("/odd").status, 299);
    let sent = get("/path?length");
    assert!(sent.body.len() == 3_000_000 && sent.body.ends_with("6789"));
    // Its length is known.
    let sent = get("/path");
    assert_eq!(
        (sent.body.len(), sent.header("content-length")),
        (3_000_000, Some("3000000"))
    );
    let part = get("/path_part");
    assert_eq!((part.status, part.body.as_str()), (206, "0123"));
    assert_eq!(get("/device").body, "0");
    assert_eq!(get("/no_path").body, "No such file or directory");
    assert_eq!(get("/waits").body, "[\"http.request\", false]");
    for _ in 0..2 {
        assert_eq!(get("/context").body, "unset");
    }
}

#[test]
fn answers_without_a_body_and_the_last_of_a_connection() {
    let site = site();
    let text = site.everything(b"GET /empty HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(
        text.starts_with("HTTP/1.1 204 No Content\r\n") && text.ends_with("\r\n\r\n"),
        "{text}"
    );
    assert!(!text.contains("content-length"), "{text}");
    let text = site.everything(b"GET /closing HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        text.contains("connection: close\r\n") && text.ends_with("closing"),
        "{text}"
    );
    for (path, length) in [
        ("/whole", "5"),
        ("/stream", "6"),
        ("/path?length", "3000000"),
    ] {
        let head = format!("HEAD {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        let text = site.everything(head.as_bytes());
        let expected = format!("content-length: {length}\r\n");
        assert!(
            text.contains(&expected) && text.ends_with("\r\n\r\n"),
            "{path}: {text}"
        );
    }
}

#[test]
fn a_file_is_sent_while_its_app_does_something_else() {
    const BYTES: usize = 32 * 1024 * 1024;
    let site = site();
    let huge = site.vassal.app.with_file_name("huge");
    std::fs::write(huge, vec![b'x'; BYTES]).expect("it is ours");
    let mut stream = site.stream();
    stream
        .write_all(b"GET /download HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    // Nobody has read a byte of it.
    site.printed("handed over");
    assert_eq!(site.get("/odd").body, "odd");
    let text = rest_of(&mut stream);
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    assert!(head.contains(&format!("content-length: {BYTES}")), "{head}");
    assert!(body.len() == BYTES && body.bytes().all(|byte| byte == b'x'));
    site.printed(&format!("\"GET /download HTTP/1.1\" 200 {BYTES} "));
    let text = site.everything(b"HEAD /path HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(
        text.contains("content-length: 3000000") && text.ends_with("\r\n\r\n"),
        "{text}"
    );
}

#[test]
fn trailers_go_to_clients_that_take_them() {
    let site = site();
    let text = site.everything(
        b"GET /trailers HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: close\r\n\r\n",
    );
    assert!(
        text.ends_with("4\r\ndata\r\n0\r\nx-sum: abc\r\n\r\n"),
        "{text}"
    );
    let text = site.everything(b"GET /trailers HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(text.ends_with("4\r\ndata\r\n0\r\n\r\n"), "{text}");
}

#[test]
fn messages_out_of_order_are_refused() {
    let site = site();
    let answer = site.get("/disorder");
    let said: Vec<_> = answer.body.lines().collect();
    assert_eq!(
        said,
        [
            "RuntimeError: `http.response.start` must come first",
            "ValueError: the status 101 is not a final one",
            "TypeError: a header must be a pair of bytes: encode names and values first",
            "ValueError: the header \"a\" has a control character in its value",
            "ValueError: the header \"content-length\" is not a number of bytes",
            "ValueError: the message has no `status`",
            "RuntimeError: `websocket.accept` is no message of an HTTP response",
            "TypeError: send() takes a dict, not str",
            "RuntimeError: `http.response.start` was sent; `http.response.body` is to follow",
            "RuntimeError: `http.response.start` was sent; `http.response.body` is to follow",
            "TypeError: the body must be bytes, not str",
        ]
    );
    site.printed("too late: the response is complete; nothing may follow");
    site.printed("then http.disconnect");
}

#[test]
fn what_goes_wrong_never_looks_complete() {
    let site = site();
    let everything = |path: &str| {
        let mut stream = site.stream();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        rest_of(&mut stream)
    };
    let text = everything("/too_little");
    assert!(
        text.contains("content-length: 6\r\n") && text.ends_with("abc"),
        "{text}"
    );
    site.printed("GET /too_little: the app sent fewer bytes than its Content-Length");
    for path in ["/half", "/raises_late"] {
        let text = everything(path);
        assert!(
            text.contains("chunked") && !text.ends_with("0\r\n\r\n"),
            "{text}"
        );
    }
    site.printed("GET /half: the app returned before its answer was complete");
    site.printed("ValueError: in the answer");
    let mut connection = site.connect();
    for path in ["/nothing", "/raises", "/exits"] {
        assert_eq!(
            connection.get(path).expect("it answers").status,
            500,
            "{path}"
        );
    }
    site.printed("GET /nothing: the app returned without an answer");
    site.printed("ValueError: before the answer");
    site.printed("SystemExit: from a request");
    assert_eq!(connection.get("/too_much").expect("it answers").body, "abc");
    site.printed("GET /too_much: the app sent more bytes than its Content-Length");
    assert_eq!(
        connection.get("/later").expect("it answers").body,
        "at once"
    );
    assert_eq!(connection.get("/whole").expect("it goes on").body, "whole");
    site.printed("background unset");
    let status = site.emperor.status_of(&site.vassal);
    let worker = &status["workers"][0];
    assert_eq!(
        (&worker["requests"], &worker["errors"]),
        (&9.into(), &7.into()),
        "{status}"
    );
}

#[test]
fn a_body_beyond_the_limit_is_refused() {
    let site = Site::new(
        "limit-post = \"100K\"",
        &app(r"
async def http(scope, receive, send):
    while True:
        message = await receive()
        if message['type'] == 'http.disconnect':
            raise ConnectionError('as frameworks do')
        if not message['more_body']:
            return await answer(send, b'all of it')
"),
    );
    let piece = format!("10000\r\n{}\r\n", "x".repeat(65_536));
    let text = site.everything(
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{piece}{piece}")
            .as_bytes(),
    );
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    let said = site.said_until("limit-post");
    assert!(
        !said.iter().any(|line| line.contains("Traceback")),
        "{said:?}"
    );
}
