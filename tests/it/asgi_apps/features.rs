//! More of what `FastAPI`'s documentation shows: dependencies, uploads, websockets, events, mounted apps.

use super::{client, serve_as};
use crate::harness::{Emperor, Python};
use crate::real_apps::virtualenvs::{Packages, with_packages};

const APP: &str = r"
import asyncio
from contextlib import asynccontextmanager
from typing import Annotated
from fastapi import (BackgroundTasks, Depends, FastAPI, File, Form, Header, HTTPException, Request,
                     UploadFile, WebSocket, WebSocketDisconnect, WebSocketException)
from fastapi.responses import StreamingResponse

@asynccontextmanager
async def lifespan(app):
    app.state.model = 'a model'
    yield
    print('the features have shut down', flush=True)

app = FastAPI(lifespan=lifespan)
inner = FastAPI()

@inner.get('/where')
async def where(request: Request):
    return {'root': request.scope['root_path'], 'path': request.scope['path'], 'url': str(request.url)}

app.mount('/inner', inner)

async def session(word: str = 'none'):
    try:
        yield {'word': word}
    except ValueError as error:
        print('the dependency saw', error, flush=True)
        raise
    finally:
        print('the session is closed', word, flush=True)

Session = Annotated[dict, Depends(session)]

@app.get('/model')
async def model(session: Session):
    return {'model': app.state.model, **session}

@app.get('/fails')
async def fails(session: Session):
    raise ValueError('an odd value')

@app.get('/items/{number}')
def item(number: int, token: Annotated[str, Header()]):
    if number > 9:
        raise HTTPException(404, 'no such item')
    return {'number': number, 'token': token}

@app.post('/files')
async def files(one: UploadFile, many: Annotated[list[bytes], File()], note: Annotated[str, Form()]):
    return {'name': one.filename, 'size': len(await one.read()), 'many': [len(f) for f in many], 'note': note}

@app.get('/events')
async def events():
    async def lines():
        for number in range(3):
            yield f'id: {number}\ndata: tick\n\n'
            await asyncio.sleep(0.01)
    return StreamingResponse(lines(), media_type='text/event-stream')

@app.post('/notify', status_code=202)
async def notify(tasks: BackgroundTasks):
    tasks.add_task(write_down, 'in a thread')
    return {'status': 'accepted'}

def write_down(what):
    import threading
    assert threading.current_thread() is not threading.main_thread()
    print('written down', what, flush=True)

class Room:
    def __init__(self):
        self.members = []
    async def broadcast(self, text):
        for member in self.members:
            await member.send_text(text)

room = Room()

@app.websocket('/room/{name}')
async def enter(websocket: WebSocket, name: str, session: Session):
    if name == 'stranger':
        raise WebSocketException(1008, 'who are you')
    await websocket.accept()
    room.members.append(websocket)
    await room.broadcast(f'{name} is here')
    try:
        while True:
            await room.broadcast(f'{name}: {await websocket.receive_text()}')
    except WebSocketDisconnect as left:
        room.members.remove(websocket)
        await room.broadcast(f'{name} left with {left.code}')
";

const CLIENT: &str = r"
assert json.loads(ask('/model?word=a')[1]) == {'model': 'a model', 'word': 'a'}
assert ask('/fails')[0].status == 500
answer, data = ask('/items/3', headers={'Token': 't'})
assert json.loads(data) == {'number': 3, 'token': 't'}, data
assert ask('/items/x', headers={'Token': 't'})[0].status == 422
assert json.loads(ask('/items/10', headers={'Token': 't'})[1]) == {'detail': 'no such item'}
told = json.loads(ask('/inner/where')[1])
assert told == {'root': '/inner', 'path': '/inner/where', 'url': f'http://{address}/inner/where'}, told
# Behind a proxy that shows it below a path.
behind = {'X-Forwarded-Prefix': '/behind'}
told = json.loads(ask('/inner/where', headers=behind)[1])
assert (told['root'], told['path']) == ('/behind/inner', '/behind/inner/where'), told
answer, data = ask('/openapi.json', headers=behind)
assert json.loads(data)['servers'] == [{'url': '/behind'}], data

def part(name, value, more=''):
    head = f'--e\r\nContent-Disposition: form-data; name=\x22{name}\x22{more}\r\n\r\n'
    return head.encode() + value + b'\r\n'
file = '; filename=\x22f\x22'
# Larger than what is kept in memory, and than what is gathered.
form = part('one', b'x' * 1_500_000, file) + part('many', b'ab', file) + part('many', b'abc', file)
form += part('note', b'a note') + b'--e--\r\n'
answer, data = ask('/files', 'POST', form, {'Content-Type': 'multipart/form-data; boundary=e'})
assert json.loads(data) == {'name': 'f', 'size': 1_500_000, 'many': [2, 3], 'note': 'a note'}, data
answer, data = ask('/events')
assert data == b''.join(b'id: %d\ndata: tick\n\n' % number for number in range(3)), data
assert ask('/notify', 'POST')[0].status == 202

async def main():
    async with connect(url + '/room/a') as a:
        assert await a.recv() == 'a is here'
        async with connect(url + '/room/b') as b:
            assert await a.recv() == await b.recv() == 'b is here'
            await b.send('hello')
            assert await a.recv() == await b.recv() == 'b: hello'
            await b.close(4002)
        assert await a.recv() == 'b left with 4002'
    try:
        await connect(url + '/room/stranger')
    except InvalidStatus as error:
        assert error.response.status_code == 403
    else:
        raise AssertionError('it was accepted')

asyncio.run(main())
";

const OPTIONS: &str = "lifespan = \"on\"\nforwarded-allow = [\"127.0.0.1\"]\n";

pub(super) fn check(emperor: &Emperor, python: &Python) {
    let packages = Packages {
        name: "uvloop==0.21.0 python-multipart==0.0.20 fastapi",
        version: "0.115.12",
    };
    let place = with_packages(python, &packages);
    let vassal = serve_as(emperor, "features", &place, OPTIONS, APP);
    client(emperor, &emperor.address(&vassal), CLIENT);
    let printed = |words: &str| emperor.printed(&vassal, |line| line.contains(words).then_some(()));
    for words in [
        "the session is closed a",
        "the dependency saw an odd value",
        "written down in a thread",
    ] {
        printed(words);
    }
    emperor.touch(&vassal.file);
    printed("the features have shut down");
}
