//! Starlette by itself: what its documentation shows.

use super::{client, serve};
use crate::harness::{Emperor, Python};
use crate::real_apps::virtualenvs::Packages;

const APP: &str = r"
import asyncio, contextlib, pathlib
from starlette.applications import Starlette
from starlette.background import BackgroundTask, BackgroundTasks
from starlette.endpoints import HTTPEndpoint, WebSocketEndpoint
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.responses import (FileResponse, JSONResponse, PlainTextResponse, RedirectResponse,
                                 StreamingResponse)
from starlette.routing import Host, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.websockets import WebSocketDisconnect

pathlib.Path('public').mkdir(exist_ok=True)
pathlib.Path('public/site.css').write_text('p { color: red }' * 10_000)

@contextlib.asynccontextmanager
async def lifespan(app):
    yield {'pool': ['a connection']}
    print('starlette has shut down', flush=True)

async def state(request):
    return JSONResponse({'pool': request.state.pool})

async def visits(request):
    request.session['visits'] = request.session.get('visits', 0) + 1
    return JSONResponse(request.session)

async def teapot(request):
    raise HTTPException(418, 'a teapot', {'x-kind': 'tea'})

async def tasks(request):
    tasks = BackgroundTasks()
    tasks.add_task(later, 'first')
    tasks.add_task(print, 'second task', flush=True)
    return PlainTextResponse('at once', background=tasks)

async def later(name):
    await asyncio.sleep(0.05)
    print(name, 'task', flush=True)

async def stream(request):
    async def numbers():
        for number in range(1000):
            yield f'{number}\n'
            await asyncio.sleep(0)
    return StreamingResponse(numbers(), background=BackgroundTask(print, 'streamed', flush=True))

async def bodies(request):
    sizes = [len(piece) async for piece in request.stream()]
    return JSONResponse({'size': sum(sizes), 'pieces': len(sizes) > 2})

async def old(request):
    return RedirectResponse(request.url_for('state'))

class Endpoint(HTTPEndpoint):
    async def get(self, request):
        return PlainTextResponse('got')

class Echo(WebSocketEndpoint):
    encoding = 'json'
    async def on_connect(self, websocket):
        await websocket.accept(subprotocol='v1', headers=[(b'x-hello', b'you')])
    async def on_receive(self, websocket, data):
        await websocket.send_json({'echo': data, 'pool': websocket.state.pool})
    async def on_disconnect(self, websocket, close_code):
        print('left with', close_code, flush=True)

async def chat(websocket):
    await websocket.accept()
    try:
        async for text in websocket.iter_text():
            await websocket.send_text(text.upper())
    finally:
        print('the chat is over', flush=True)

async def denied(websocket):
    await websocket.send_denial_response(PlainTextResponse('no', 403, {'x-why': 'because'}))

async def missing(request, error):
    return PlainTextResponse('nothing here', 404)

app = Starlette(
    routes=[
        Route('/state', state, name='state'), Route('/visits', visits), Route('/teapot', teapot),
        Route('/tasks', tasks), Route('/stream', stream), Route('/old', old), Route('/endpoint', Endpoint),
        Route('/bodies', bodies, methods=['POST']),
        Route('/file', lambda request: FileResponse('public/site.css', filename='a b.css')),
        WebSocketRoute('/echo', Echo), WebSocketRoute('/chat', chat), WebSocketRoute('/denied', denied),
        Mount('/public', StaticFiles(directory='public')),
    ],
    middleware=[Middleware(SessionMiddleware, secret_key='x'), Middleware(GZipMiddleware)],
    exception_handlers={404: missing},
    lifespan=lifespan,
)
";

const CLIENT: &str = r"
import gzip
assert json.loads(ask('/state')[1]) == {'pool': ['a connection']}
answer, data = ask('/visits')
cookie = answer.getheader('set-cookie').split(';')[0]
assert json.loads(ask('/visits', headers={'Cookie': cookie})[1]) == {'visits': 2}
answer, data = ask('/teapot')
assert (answer.status, data, answer.getheader('x-kind')) == (418, b'a teapot', 'tea'), data
assert ask('/tasks')[1] == b'at once'
numbers = ''.join(f'{number}\n' for number in range(1000)).encode()
assert ask('/stream')[1] == numbers
answer, data = ask('/stream', headers={'Accept-Encoding': 'gzip'})
assert answer.getheader('content-encoding') == 'gzip' and gzip.decompress(data) == numbers
answer, data = ask('/bodies', 'POST', iter([b'x' * 70_000] * 10))
assert json.loads(data) == {'size': 700_000, 'pieces': True}, data
answer, data = ask('/old')
assert (answer.status, answer.getheader('location')) == (307, f'http://{address}/state')
assert ask('/endpoint')[1] == b'got' and ask('/endpoint', 'POST')[0].status == 405
assert ask('/nowhere')[0].status == 404 and ask('/nowhere')[1] == b'nothing here'
text = b'p { color: red }' * 10_000
answer, data = ask('/public/site.css')
assert data == text and answer.getheader('content-type').startswith('text/css')
again = ask('/public/site.css', headers={'If-None-Match': answer.getheader('etag')})
assert (again[0].status, again[1]) == (304, b'')
part, data = ask('/public/site.css', headers={'Range': 'bytes=2-6'})
assert (part.status, data) == (206, text[2:7]), (part.status, data)
head, data = ask('/public/site.css', 'HEAD')
assert (head.getheader('content-length'), data) == ('160000', b'')
answer, data = ask('/file')
assert data == text and 'a%20b.css' in answer.getheader('content-disposition')

async def main():
    async with connect(url + '/echo', subprotocols=['v1']) as socket:
        assert socket.subprotocol == 'v1' and socket.response.headers['x-hello'] == 'you'
        await socket.send('[1, 2]')
        assert json.loads(await socket.recv()) == {'echo': [1, 2], 'pool': ['a connection']}
        await socket.close(4005)
    async with connect(url + '/echo', subprotocols=['v1']) as socket:
        await socket.send('no json')
        try:
            await socket.recv()
        except ConnectionClosed as error:
            assert error.rcvd.code == 1003, error
    async with connect(url + '/chat') as socket:
        for word in ('one', 'two'):
            await socket.send(word)
            assert await socket.recv() == word.upper()
    try:
        await connect(url + '/denied')
    except InvalidStatus as error:
        answer = error.response
        assert (answer.status_code, answer.body, answer.headers['x-why']) == (403, b'no', 'because')
    else:
        raise AssertionError('it was accepted')

asyncio.run(main())
";

pub(super) fn check(emperor: &Emperor, python: &Python) {
    let packages = Packages {
        name: "itsdangerous==2.2.0 starlette",
        version: "0.46.2",
    };
    let options = "lifespan = \"on\"\nharakiri = \"30s\"\nprocesses = 2\n";
    let vassal = serve(emperor, python, &packages, options, APP);
    client(emperor, &emperor.address(&vassal), CLIENT);
    let printed = |words: &str| emperor.printed(&vassal, |line| line.contains(words).then_some(()));
    for words in [
        "first task",
        "second task",
        "streamed",
        "left with 4005",
        "the chat is over",
    ] {
        printed(words);
    }
    emperor.touch(&vassal.file);
    printed("starlette has shut down");
}
