//! Websockets with the clients and the framework that people use: `websockets` and `wsproto`, in the
//! clear and over TLS, and `FastAPI`'s own route, on both event loops.

use std::path::{Path, PathBuf};

use crate::harness::{Emperor, Vassal, write_python, write_whole};
use crate::real_apps::virtualenvs::{Packages, run_in, three_pythons, with_packages};
use crate::site::Site;
use crate::tls::Tls;
use crate::websocket::{APP, Client};

/// On one thread: OpenSSL does not allow that one thread reads while another writes, which the client
/// without asyncio does.
const CLIENT: &str = r"
import asyncio, ssl, sys
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

url, options = sys.argv[1], {}
if len(sys.argv) > 2:
    context = ssl.create_default_context(cafile=sys.argv[2])
    options = {'ssl': context, 'server_hostname': 'a.test'}

async def echo(compression):
    async with connect(url + '/echo', compression=compression, max_size=None, **options) as client:
        agreed = client.response.headers.get('Sec-WebSocket-Extensions', '')
        assert ('permessage-deflate' in agreed) == bool(compression), agreed
        for size in (0, 1, 100, 10_000, 300_000):
            text = ('word \u03ba %d ' % size) * (size // 8)
            await client.send(text)
            assert await client.recv() == text
            await client.send(text.encode()[::-1])
            assert await client.recv() == text.encode()[::-1]
        await client.send(['in ', 'three ', 'parts'])
        assert await client.recv() == 'in three parts'
        await asyncio.wait_for(await client.ping(), 30)
        await client.close(4000, 'enough')
    assert client.close_code == 4000

async def scope():
    async with connect(url + '/scope', subprotocols=['a', 'b'], **options) as client:
        assert client.subprotocol == 'b'
        print(await client.recv())

async def too_large():
    async with connect(url + '/echo', max_size=None, **options) as client:
        try:
            await client.send(b'x' * (17 << 20))
            await client.recv()
        except ConnectionClosed as error:
            assert error.rcvd.code == 1009, error
        else:
            raise AssertionError('it was taken')

async def main():
    await echo('deflate')
    await echo(None)
    await scope()
    await too_large()

asyncio.run(main())
";

const WSPROTO: &str = r"
import socket, sys
from wsproto import ConnectionType, WSConnection
from wsproto.events import *
from wsproto.extensions import PerMessageDeflate

host, port = sys.argv[1].removeprefix('ws://').split(':')
stream = socket.create_connection((host, int(port)), 30)
machine = WSConnection(ConnectionType.CLIENT)

def next_events():
    while True:
        machine.receive_data(stream.recv(65536) or None)
        events = list(machine.events())
        if events:
            return events

stream.sendall(machine.send(Request(host=host, target='/echo', extensions=[PerMessageDeflate()])))
[accepted] = next_events()
assert isinstance(accepted, AcceptConnection) and accepted.extensions, accepted
for number in range(50):
    whole = 'message %d ' % number * number
    parts = [whole[at:at + 7] for at in range(0, len(whole), 7)] or ['']
    for at, part in enumerate(parts):
        is_last = at == len(parts) - 1
        stream.sendall(machine.send(TextMessage(part, message_finished=is_last)))
        stream.sendall(machine.send(Ping(b'%d' % at)))
    echoed, pongs, is_whole = '', 0, False
    while not is_whole or pongs < len(parts):
        for event in next_events():
            if isinstance(event, TextMessage):
                echoed += event.data
                is_whole = event.message_finished
            else:
                assert isinstance(event, Pong), event
                pongs += 1
    assert echoed == whole
stream.sendall(machine.send(CloseConnection(1001, 'bye')))
[closed] = next_events()
assert isinstance(closed, CloseConnection) and closed.code == 1001, closed
assert stream.recv(1) == b''
";

pub(crate) fn client_packages() -> PathBuf {
    let [_, _, newest] = three_pythons();
    let packages = Packages {
        name: "websockets==15.0.1 wsproto",
        version: "1.2.0",
    };
    with_packages(newest, &packages)
}

fn run(directory: &Path, code: &str, arguments: &[&str]) -> String {
    let script = directory.join("client.py");
    write_whole(&script, code);
    let script = script.display().to_string();
    let arguments: Vec<&str> = [&[&*script], arguments].concat();
    run_in(&client_packages(), directory, &arguments, &[])
}

#[test]
fn the_usual_clients_get_along() {
    // On the newest Python, whose tasks take their first step inside the call.
    let environment = client_packages();
    let site = Site::new(
        &format!("virtualenv = \"{}\"\n", environment.display()),
        APP,
    );
    let url = format!("ws://{}", site.address);
    let said = run(&site.emperor.at("."), CLIENT, &[&url]);
    assert!(said.contains("\"'ws'\""), "{said}");
    site.printed("ended 4000 enough");
    site.printed("ended 1009");
    run(&site.emperor.at("."), WSPROTO, &[&url]);
    site.printed("ended 1001 bye");
}

#[test]
fn the_same_over_tls() {
    let site = Tls::new("", APP);
    let url = format!("wss://{}", site.address);
    let authority = site.cert("a.pem").display().to_string();
    let said = run(&site.emperor.at("."), CLIENT, &[&url, &authority]);
    assert!(said.contains("\"'wss'\""), "{said}");
}

const FASTAPI: &str = r"
import asyncio
from fastapi import FastAPI, WebSocket, WebSocketDisconnect, WebSocketException

app = FastAPI()

@app.websocket('/rooms/{room}')
async def chat(websocket: WebSocket, room: str, token: str = ''):
    if token != 'let me in':
        raise WebSocketException(1008)
    await websocket.accept()
    await websocket.send_json({'room': room, 'loop': type(asyncio.get_running_loop()).__module__})
    try:
        async for text in websocket.iter_text():
            await websocket.send_text('said: ' + text)
    finally:
        print('left', room, flush=True)

@app.websocket('/careless')
async def careless(websocket: WebSocket):
    await websocket.accept()
    while True:
        await websocket.receive_text()
";

#[test]
fn fastapi_has_its_websockets_on_both_loops() {
    let [_, python, _] = three_pythons();
    let packages = Packages {
        name: "uvloop==0.21.0 python-multipart==0.0.20 fastapi",
        version: "0.115.12",
    };
    let environment = with_packages(python, &packages);
    for name in ["asyncio", "uvloop"] {
        let emperor = Emperor::start();
        let options = format!(
            "virtualenv = \"{}\"\nloop = \"{name}\"\n",
            environment.display()
        );
        let vassal: Vassal = emperor.vassal("site");
        write_python(&vassal.app, FASTAPI);
        write_whole(&vassal.file, &Emperor::text_for(&vassal, &options));
        emperor.ready_after(&vassal, 0);
        let address = emperor.address(&vassal);
        let site = Site {
            emperor,
            vassal,
            address,
        };
        let mut client = Client::open(&site, "/rooms/a?token=let%20me%20in", "");
        let greeting = client.text();
        assert!(greeting.contains("\"room\":\"a\""), "{greeting}");
        assert!(greeting.contains(name), "{greeting}");
        client.send(0x81, b"hello");
        assert_eq!(client.text(), "said: hello");
        client.send(0x88, b"\x03\xe8");
        assert_eq!(client.closed().0, Some(1000));
        client.ends();
        site.printed("left a");
        let refused = "GET /rooms/a HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        assert_eq!(site.ask(refused.as_bytes()).status, 403);
        let mut careless = Client::open(&site, "/careless", "");
        careless.send(0x88, b"\x03\xe9");
        assert_eq!(careless.closed().0, Some(1001));
        site.printed("GET /careless: the app ended behind its client: WebSocketDisconnect");
        let worker = &site.emperor.status_of(&site.vassal)["workers"][0];
        assert_eq!(worker["errors"], 0, "{worker}");
    }
}
