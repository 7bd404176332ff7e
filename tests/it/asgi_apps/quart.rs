//! Quart: its views, streams and websockets.

use serde_json::json;

use super::{client, numbers, post, serve, told};
use crate::harness::{Emperor, Python, connect};
use crate::real_apps::virtualenvs::Packages;

const QUART: &str = r"
import asyncio
from quart import Quart, make_response, request, websocket

app = Quart(__name__)

@app.before_serving
async def begin():
    app.config['BEGUN'] = True

@app.after_serving
async def end():
    print('quart has shut down', flush=True)

@app.get('/hello/<name>')
async def hello(name):
    await asyncio.sleep(0)
    return {'said': name, 'begun': app.config['BEGUN'], 'q': request.args.get('q')}

@app.post('/echo')
async def echo():
    return await request.get_data()

@app.get('/stream')
async def stream():
    async def numbers():
        for number in range(1000):
            yield b'%d\n' % number
    return numbers()

@app.websocket('/echo/<word>')
async def echo_socket(word):
    await websocket.accept(subprotocol=websocket.requested_subprotocols[0])
    try:
        while True:
            data = await websocket.receive()
            await websocket.send(data if isinstance(data, bytes) else f'{word} {data}')
    except asyncio.CancelledError:
        print('the socket was cancelled', flush=True)
        raise

@app.websocket('/closed')
async def closed():
    await websocket.accept()
    await websocket.close(4001, 'enough')

@app.websocket('/refused')
async def refused():
    return 'not today', 418

@app.get('/events')
async def events():
    async def lines():
        for number in range(3):
            await asyncio.sleep(0)
            yield f'event: tick\ndata: {number}\n\n'
    response = await make_response(lines(), {'Content-Type': 'text/event-stream'})
    response.timeout = None
    return response

@app.post('/upload')
async def upload():
    size = 0
    async for piece in request.body:
        size += len(piece)
    return {'size': size}

@app.get('/later')
async def later():
    app.add_background_task(done)
    return 'at once'

async def done():
    await asyncio.sleep(0.05)
    print('done later', flush=True)

@app.get('/broken')
async def broken():
    return {}['no such key']
";

const CLIENT: &str = r"
async def main():
    async with connect(url + '/echo/hello', subprotocols=['chat'], max_size=None) as socket:
        assert socket.subprotocol == 'chat'
        await socket.send('you')
        assert await socket.recv() == 'hello you'
        await socket.send(b'x' * 300_000)
        assert await socket.recv() == b'x' * 300_000
    async with connect(url + '/closed') as socket:
        try:
            await socket.recv()
        except ConnectionClosed as error:
            assert (error.rcvd.code, error.rcvd.reason) == (4001, 'enough'), error
    try:
        await connect(url + '/refused')
    except InvalidStatus as error:
        assert error.response.status_code == 418, error
        assert error.response.body == b'not today', error.response.body
    else:
        raise AssertionError('it was accepted')

asyncio.run(main())
answer, data = ask('/events')
assert answer.getheader('content-type').startswith('text/event-stream'), answer.headers
assert data == b''.join(b'event: tick\ndata: %d\n\n' % number for number in range(3)), data
answer, data = ask('/upload', 'POST', iter([b'x' * 70_000] * 10))
assert json.loads(data) == {'size': 700_000}, data
assert ask('/later')[1] == b'at once'
";

pub(super) fn check(emperor: &Emperor, python: &Python) {
    let packages = Packages {
        name: "quart",
        version: "0.19.9",
    };
    let vassal = serve(emperor, python, &packages, "processes = 2\n", QUART);
    let address = emperor.address(&vassal);
    let printed = |words: &str| emperor.printed(&vassal, |line| line.contains(words).then_some(()));
    let hello = told(&address, "/hello/Zo%C3%AB?q=1%202");
    assert_eq!(
        hello,
        json!({"said": "Zo\u{eb}", "begun": true, "q": "1 2"})
    );
    let text = "0123456789".repeat(50_000);
    assert_eq!(post(&address, "/echo", "text/plain", &text), text);
    let mut connection = connect(&address).expect("it listens");
    assert_eq!(
        connection.get("/stream").expect("it answers").body,
        numbers()
    );
    assert_eq!(connection.get("/broken").expect("it answers").status, 500);
    printed("KeyError: 'no such key'");
    client(emperor, &address, CLIENT);
    printed("the socket was cancelled");
    printed("done later");
    emperor.touch(&vassal.file);
    printed("quart has shut down");
}
