//! Websockets of ASGI apps, frame by frame over a bare socket: the handshake, messages both ways,
//! what breaks the protocol, and every end that there is.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Response};
use crate::site::Site;
use crate::websocket_clients::client_packages;

const HANDSHAKE: &str = "Host: h\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

/// An app that does what the path says, and prints how each websocket ended.
pub(crate) const APP: &str = r"
import asyncio, json

async def application(scope, receive, send):
    if scope['type'] == 'lifespan':
        raise RuntimeError('without')
    if scope['type'] == 'http':
        await send({'type': 'http.response.start', 'status': 200, 'headers': []})
        return await send({'type': 'http.response.body', 'body': b'plain'})
    assert await receive() == {'type': 'websocket.connect'}
    name = scope['path'].strip('/')
    await globals()[name](scope, receive, send)

async def accept(send, **more):
    await send({'type': 'websocket.accept', **more})

async def text(send, text):
    await send({'type': 'websocket.send', 'text': text})

async def ended(receive):
    message = await receive()
    while message['type'] != 'websocket.disconnect':
        message = await receive()
    print('ended', message['code'], message['reason'], flush=True)
    return message

async def gate(count=1):
    with open('gate', 'rb', 0) as gate:
        await asyncio.get_running_loop().run_in_executor(None, gate.read, count)

async def echo(scope, receive, send):
    await accept(send)
    while True:
        message = await receive()
        if message['type'] == 'websocket.disconnect':
            return print('ended', message['code'], message['reason'], flush=True)
        await send({**message, 'type': 'websocket.send'})

async def scope(scope, receive, send):
    await accept(send, subprotocol='b', headers=[(b'x-app', b'yes')])
    await text(send, json.dumps({key: repr(value) for key, value in scope.items()}))
    await ended(receive)
";

/// The client's end of a websocket.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// The head of the 101.
    pub(crate) head: String,
}

impl Client {
    #[track_caller]
    pub(crate) fn open(site: &Site, path: &str, more: &str) -> Self {
        Self::open_with(site, path, more, b"")
    }

    /// The same, with something behind the handshake that does not wait for its answer.
    #[track_caller]
    fn open_with(site: &Site, path: &str, more: &str, early: &[u8]) -> Self {
        let mut stream = site.stream();
        let mut bytes = format!("GET {path} HTTP/1.1\r\n{HANDSHAKE}{more}\r\n").into_bytes();
        bytes.extend_from_slice(early);
        stream.write_all(&bytes).expect("it reads");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).expect("it answers");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("it is ASCII");
        assert!(
            head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"),
            "{head}"
        );
        Self { stream, head }
    }

    #[track_caller]
    pub(crate) fn send(&mut self, first: u8, payload: &[u8]) {
        self.stream
            .write_all(&frame(first, payload))
            .expect("it reads");
    }

    /// The first byte and the payload of the next frame.
    #[track_caller]
    pub(crate) fn receive(&mut self) -> (u8, Vec<u8>) {
        let [first, length] = self.read();
        let length = match length {
            126 => u64::from(u16::from_be_bytes(self.read())),
            127 => u64::from_be_bytes(self.read()),
            length => length.into(),
        };
        let mut payload = vec![0; usize::try_from(length).expect("it is small")];
        self.stream.read_exact(&mut payload).expect("it is whole");
        (first, payload)
    }

    #[track_caller]
    fn read<const COUNT: usize>(&mut self) -> [u8; COUNT] {
        let mut bytes = [0; COUNT];
        self.stream.read_exact(&mut bytes).expect("a frame comes");
        bytes
    }

    #[track_caller]
    pub(crate) fn text(&mut self) -> String {
        let (first, payload) = self.receive();
        assert_eq!(first, 0x81, "{payload:x?}");
        String::from_utf8(payload).expect("it is text")
    }

    /// The code and reason with which the server closes, if it says any.
    #[track_caller]
    pub(crate) fn closed(&mut self) -> (Option<u16>, String) {
        let (first, payload) = self.receive();
        assert_eq!(first, 0x88, "{payload:x?}");
        let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
        let reason = payload.get(2..).unwrap_or_default().to_vec();
        (code, String::from_utf8(reason).expect("it is text"))
    }

    /// The server's end of the connection comes, and nothing before it.
    #[track_caller]
    pub(crate) fn ends(&mut self) {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
        assert_eq!(rest, b"");
    }
}

/// A masked frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | u8::try_from(length).expect("it is small")),
        length @ 126..65536 => {
            frame.push(0xfe);
            frame.extend(u16::try_from(length).expect("it is small").to_be_bytes());
        }
        length => {
            frame.push(0xff);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    let mask = [0x37, 0xfa, 0x21, 0x3d];
    frame.extend(mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    frame.extend(masked.map(|(byte, mask)| byte ^ mask));
    frame
}

fn close(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

#[test]
fn the_handshake_says_what_was_agreed() {
    let site = Site::new("", APP);
    let offered = "Sec-WebSocket-Protocol: a, b\r\nOrigin: http://o\r\n";
    let mut client = Client::open(&site, "/scope?q=1", offered);
    let head = client.head.to_ascii_lowercase();
    for field in [
        "upgrade: websocket",
        "connection: upgrade",
        "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=",
        "sec-websocket-protocol: b",
        "x-app: yes",
        "server: lictor",
    ] {
        assert!(
            head.contains(&format!("\r\n{field}\r\n")),
            "{field}: {head}"
        );
    }
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
    let scope: Value = serde_json::from_str(&client.text()).expect("it is JSON");
    for (key, value) in [
        ("type", "'websocket'"),
        ("scheme", "'ws'"),
        ("path", "'/scope'"),
        ("query_string", "b'q=1'"),
        ("http_version", "'1.1'"),
        ("subprotocols", "['a', 'b']"),
        ("extensions", "{'websocket.http.response': {}}"),
    ] {
        assert_eq!(scope[key], value, "{key}");
    }
    assert_eq!(scope.get("method"), None);
    client.send(0x88, &close(1000, ""));
    assert_eq!(client.closed().0, Some(1000));
    client.ends();
    site.printed("ended 1000");
}

#[test]
fn messages_pass_whole_however_they_are_cut() {
    let site = Site::new("", APP);
    // Behind the handshake at once, which is early but no harm.
    let early = [frame(0x81, b"early"), frame(0x01, b"two ")].concat();
    let mut client = Client::open_with(&site, "/echo", "", &early);
    assert_eq!(client.text(), "early");
    client.send(0x89, b"ping");
    assert_eq!(client.receive(), (0x8a, b"ping".to_vec()));
    client.send(0x80, b"parts");
    assert_eq!(client.text(), "two parts");
    for byte in frame(0x81, "κόσμε".as_bytes()) {
        client.stream.write_all(&[byte]).expect("it reads");
    }
    assert_eq!(client.text(), "κόσμε");
    for size in [0, 125, 126, 65_535, 65_536, 3_000_000] {
        let bytes: Vec<u8> = (0..size).map(|at: u32| at.to_le_bytes()[0]).collect();
        client.send(0x82, &bytes);
        assert!(client.receive() == (0x82, bytes), "{size}");
    }
    let many: Vec<u8> = (0..500)
        .flat_map(|at| frame(0x81, format!("{at}").as_bytes()))
        .collect();
    client.stream.write_all(&many).expect("it reads");
    for at in 0..500 {
        assert_eq!(client.text(), at.to_string());
    }
}

#[test]
fn what_breaks_the_protocol_is_told_and_ends_it() {
    let site = Site::new("websocket-max-size = \"64K\"\n", APP);
    let unmasked = vec![0x81, 0x02, b'h', b'i'];
    let announced = [&[0x82, 0xff][..], &(1_u64 << 40).to_be_bytes(), &[0; 4]].concat();
    let table = [
        ("unmasked", unmasked, 1002),
        ("a reserved bit", frame(0xc1, b"x"), 1002),
        ("a reserved opcode", frame(0x83, b"x"), 1002),
        ("a long ping", frame(0x89, &[0; 126]), 1002),
        ("a lone continuation", frame(0x80, b"x"), 1002),
        ("a bad close code", frame(0x88, &close(1005, "")), 1002),
        ("bad UTF-8", frame(0x81, b"\xff"), 1007),
        ("a huge frame", announced, 1009),
        (
            "a message beyond the limit",
            frame(0x82, &vec![0; 65_537]),
            1009,
        ),
        (
            "fragments beyond the limit",
            [frame(0x02, &vec![0; 65_536]), frame(0x80, b"x")].concat(),
            1009,
        ),
        (
            "a request instead of a frame",
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            1002,
        ),
    ];
    for (what, bytes, code) in table {
        let mut client = Client::open(&site, "/echo", "");
        client.stream.write_all(&bytes).expect("it reads");
        assert_eq!(client.closed().0, Some(code), "{what}");
        client.ends();
        site.printed(&format!("ended {code}"));
    }
    let mut client = Client::open(&site, "/echo", "");
    client.send(0x82, &vec![0; 65_536]);
    assert_eq!(client.receive().1.len(), 65_536);
}

#[test]
fn handshakes_that_ask_wrongly_are_answered_without_the_app() {
    let site = Site::new("", APP);
    let ask = |from: &str, to: &str| -> Response {
        let asked = format!("GET /echo HTTP/1.1\r\n{HANDSHAKE}\r\n").replacen(from, to, 1);
        site.ask(asked.as_bytes())
    };
    let answer = ask("Version: 13", "Version: 8");
    assert_eq!(
        (answer.status, answer.header("sec-websocket-version")),
        (426, Some("13"))
    );
    for (from, to) in [
        ("GET", "POST"),
        ("dGhlIHNhbXBsZSBub25jZQ==", "short"),
        ("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\nx"),
        ("\r\n\r\n", "\r\nSec-WebSocket-Protocol: a, a\r\n\r\n"),
    ] {
        let answer = ask(from, to);
        assert_eq!(answer.status, 400, "{to}");
        assert!(
            answer.body.to_lowercase().contains("websocket"),
            "{answer:?}"
        );
    }
    for (from, to) in [
        ("Upgrade: websocket", "Upgrade: h2c"),
        ("HTTP/1.1", "HTTP/1.0"),
    ] {
        assert_eq!(ask(from, to).body, "plain", "{to}");
    }
}

const DENIALS: &str = r"
async def refuse(scope, receive, send):
    await send({'type': 'websocket.close', 'code': 1008})

async def deny(scope, receive, send):
    await send({'type': 'websocket.http.response.start', 'status': 401,
                'headers': [(b'www-authenticate', b'Basic')]})
    await send({'type': 'websocket.http.response.body', 'body': b'who ', 'more_body': True})
    await send({'type': 'websocket.http.response.body', 'body': b'are you'})

async def nothing(scope, receive, send):
    pass

async def broken(scope, receive, send):
    {}['no such key']

async def wrong(scope, receive, send):
    errors = []
    for message in [{'type': 'websocket.send', 'text': 'x'},
                    {'type': 'http.response.start', 'status': 200},
                    {'type': 'websocket.accept', 'subprotocol': 'other'},
                    {'type': 'websocket.accept', 'headers': [(b'connection', b'x')]}]:
        try:
            await send(message)
        except Exception as error:
            errors.append(type(error).__name__)
    await accept(send)
    for message in [{'type': 'websocket.accept'}, {'type': 'websocket.send'},
                    {'type': 'websocket.close', 'code': 1006}]:
        try:
            await send(message)
        except Exception as error:
            errors.append(type(error).__name__)
    await text(send, ' '.join(errors))
    await send({'type': 'websocket.close'})
    try:
        await text(send, 'late')
    except Exception as error:
        print('late:', type(error).__name__, flush=True)
";

#[test]
fn an_app_may_answer_instead_of_accepting() {
    let site = Site::new("", &format!("{APP}{DENIALS}"));
    let ask = |path: &str| site.ask(format!("GET {path} HTTP/1.1\r\n{HANDSHAKE}\r\n").as_bytes());
    let answer = ask("/refuse");
    assert_eq!((answer.status, &*answer.body), (403, ""));
    let answer = ask("/deny");
    assert_eq!((answer.status, &*answer.body), (401, "who are you"));
    assert_eq!(answer.header("www-authenticate"), Some("Basic"));
    assert_eq!(ask("/nothing").status, 500);
    site.printed("the app returned without an answer");
    assert_eq!(ask("/broken").status, 500);
    site.printed("KeyError: 'no such key'");
    let mut client = Client::open(&site, "/wrong", "");
    assert_eq!(
        client.text(),
        "RuntimeError RuntimeError ValueError ValueError RuntimeError ValueError ValueError"
    );
    assert_eq!(client.closed().0, Some(1000));
    site.printed("late: RuntimeError");
}

const ENDS: &str = r"
async def returns(scope, receive, send):
    await accept(send)

async def raises(scope, receive, send):
    await accept(send)
    {}['no such key']

async def closes(scope, receive, send):
    await accept(send)
    await send({'type': 'websocket.close', 'code': 4001, 'reason': 'enough'})
    await ended(receive)

async def waits(scope, receive, send):
    await accept(send)
    await ended(receive)
    try:
        await text(send, 'late')
    except OSError as error:
        print('then', type(error).__name__, flush=True)

async def unaware(scope, receive, send):
    await accept(send)
    while True:
        await receive()
        await text(send, 'more')
";

#[test]
fn every_end_is_told_to_the_other_side() {
    let site = Site::new("access-log = true\n", &format!("{APP}{ENDS}"));
    for (path, code, reason) in [
        ("/returns", 1000, ""),
        ("/raises", 1011, ""),
        ("/closes", 4001, "enough"),
    ] {
        let mut client = Client::open(&site, path, "");
        assert_eq!(client.closed(), (Some(code), reason.to_owned()), "{path}");
        client.send(0x88, &close(code, ""));
        client.ends();
        site.printed(&format!("\"GET {path} HTTP/1.1\" 101"));
    }
    site.printed("KeyError: 'no such key'");
    site.printed("ended 4001");
    for (payload, answered, heard) in [
        (close(3001, "bye"), Some(3001), "ended 3001 bye"),
        (Vec::new(), None, "ended 1005"),
    ] {
        let mut client = Client::open(&site, "/waits", "");
        client.send(0x88, &payload);
        assert_eq!(client.closed().0, answered);
        client.ends();
        site.printed(heard);
        site.printed("then BrokenPipeError");
    }
    drop(Client::open(&site, "/waits", ""));
    site.printed("ended 1006");
    // Both at once: neither answers the other.
    let mut client = Client::open_with(&site, "/closes", "", &frame(0x88, &close(1001, "")));
    let code = client.closed().0;
    assert!(matches!(code, Some(1001 | 4001)), "{code:?}");
    client.ends();
    let mut client = Client::open(&site, "/unaware", "");
    client.send(0x88, b"");
    client.closed();
    site.printed("BrokenPipeError");
    let workers = &site.emperor.status_of(&site.vassal)["workers"][0];
    assert_eq!(workers["errors"], json!(1), "{workers}");
}

const PRESSURE: &str = r"
async def takes(scope, receive, send):
    await accept(send)
    await gate()
    total = 0
    while True:
        message = await receive()
        if message['type'] == 'websocket.disconnect':
            return
        total += len(message['bytes'])
        if message['bytes'] == b'last':
            await text(send, str(total))

async def gives(scope, receive, send):
    await accept(send)
    for number in range(400):
        await send({'type': 'websocket.send', 'bytes': b'x' * 100_000})
        if number in (50, 399):
            print('given', number, flush=True)
    await ended(receive)
";

#[test]
fn whoever_is_slow_slows_the_other_side() {
    let (site, mut gate) = Site::gated("", &format!("{APP}{PRESSURE}"));
    let mut client = Client::open(&site, "/takes", "");
    let piece = frame(0x82, &vec![7; 100_000]);
    client
        .stream
        .set_write_timeout(Some(Duration::from_millis(300)))
        .expect("it can be set");
    let mut sent = 0;
    // Until nothing goes any more: the kernel's buffers are full, and the worker's stay small.
    let left = loop {
        let mut left = &piece[..];
        while !left.is_empty() {
            match client.stream.write(left) {
                Ok(count) => left = &left[count..],
                Err(_full) => break,
            }
        }
        if !left.is_empty() {
            break left;
        }
        sent += 1;
        assert!(sent < 1000, "the worker takes everything");
    };
    // Others are served meanwhile.
    assert_eq!(site.get("/").body, "plain");
    gate.let_go(1);
    client
        .stream
        .set_write_timeout(Some(DEADLINE))
        .expect("it can be set");
    client.stream.write_all(left).expect("it reads");
    client.send(0x82, b"last");
    assert_eq!(client.text(), ((sent + 1) * 100_000 + 4).to_string());
    drop(client);

    let mut client = Client::open(&site, "/gives", "");
    assert_eq!(site.get("/").body, "plain");
    for _ in 0..400 {
        assert_eq!(client.receive().1.len(), 100_000);
    }
    site.printed("given 399");
    drop(client);
    let stuck = Client::open(&site, "/gives", "");
    site.printed("given 50");
    assert_eq!(site.get("/").body, "plain");
    drop(stuck);
}

#[test]
fn silent_clients_are_pinged_then_lost() {
    let options = "websocket-ping-interval = \"200ms\"\nwebsocket-ping-timeout = \"1s\"\n";
    let site = Site::new(options, APP);
    let mut client = Client::open(&site, "/echo", "");
    for _ in 0..3 {
        assert_eq!(client.receive(), (0x89, Vec::new()));
        client.send(0x8a, b"");
    }
    client.send(0x81, b"here");
    assert_eq!(client.text(), "here");
    assert_eq!(client.receive(), (0x89, Vec::new()));
    assert_eq!(client.closed().0, Some(1011));
    client.ends();
    site.printed("ended 1006");
}

#[test]
fn a_reload_ends_websockets_and_waits_for_none() {
    // On the newest Python, where the app accepts before its task is known to the worker.
    let environment = client_packages();
    let options = format!(
        "reload-mercy = \"30s\"\nharakiri = \"1s\"\nvirtualenv = \"{}\"\n",
        environment.display()
    );
    let site = Site::new(&options, APP);
    let mut client = Client::open(&site, "/echo", "");
    // `harakiri` is for requests: a websocket may last longer, which only time can tell.
    std::thread::sleep(Duration::from_millis(1500));
    client.send(0x81, b"still there");
    assert_eq!(client.text(), "still there");
    let worker = site.emperor.workers(&site.vassal);
    let begun = Instant::now();
    site.emperor.touch(&site.vassal.file);
    assert_eq!(client.closed().0, Some(1012));
    client.send(0x88, &close(1012, ""));
    client.ends();
    site.printed("ended 1012");
    site.emperor.replaced(&site.vassal, 1);
    assert_ne!(site.emperor.workers(&site.vassal), worker);
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_client_that_does_not_hear_delays_a_leaving_worker_by_no_more_than_its_mercy() {
    let site = Site::new("reload-mercy = \"1s\"\n", APP);
    let mut client = Client::open(&site, "/echo", "");
    let begun = Instant::now();
    site.emperor.touch(&site.vassal.file);
    site.emperor.replaced(&site.vassal, 1);
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(client.closed().0, Some(1012));
    client.ends();
}

const SLOW: &str = r"
async def slow(scope, receive, send):
    await asyncio.sleep(600)
";

#[test]
fn harakiri_counts_until_the_app_accepts() {
    let site = Site::new("harakiri = \"1s\"\n", &format!("{APP}{SLOW}"));
    let asked = format!("GET /slow HTTP/1.1\r\n{HANDSHAKE}\r\n");
    assert_eq!(site.ask(asked.as_bytes()).status, 504);
    site.printed("harakiri: `GET /slow`");
}

#[test]
fn open_websockets_are_not_given_up_for_new_connections() {
    let site = Site::new("max-connections = 3\n", APP);
    let mut client = Client::open(&site, "/echo", "");
    let idle: Vec<_> = (0..6).map(|_| site.stream()).collect();
    assert_eq!(site.get("/").body, "plain");
    client.send(0x81, b"still there");
    assert_eq!(client.text(), "still there");
    drop(idle);
}
