//! `FastAPI`, Starlette, Quart, Django's async views and Channels from `PyPI`, on three Pythons, with both
//! event loops, each driven by a real client.

mod channels;
mod features;
mod quart;
mod starlette;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Emperor, Python, Vassal, connect};
use crate::real_apps::virtualenvs::{Packages, run_in, three_pythons, with_packages};
use crate::websocket_clients::client_packages;

const FASTAPI: &str = r"
import asyncio
from contextlib import asynccontextmanager
from fastapi import BackgroundTasks, Depends, FastAPI, Request, UploadFile
from pydantic import BaseModel
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import FileResponse, StreamingResponse

@asynccontextmanager
async def lifespan(app):
    yield {'greeting': 'hello'}
    print('fastapi has shut down', flush=True)

app = FastAPI(lifespan=lifespan)

@app.middleware('http')
async def mark(request, call_next):
    response = await call_next(request)
    response.headers['x-marked'] = 'yes'
    return response

class Item(BaseModel):
    name: str
    price: float

async def greeting(request: Request):
    yield request.state.greeting
    print('the dependency is closed', flush=True)

def in_thread():
    import threading
    return threading.current_thread() is threading.main_thread()

@app.get('/hello/{name}')
async def hello(name: str, word: str = Depends(greeting)):
    return {'said': word + ' ' + name, 'loop': type(asyncio.get_running_loop()).__module__}

@app.get('/sync')
def sync(is_main: bool = Depends(in_thread)):
    return {'is_main': is_main}

@app.post('/items')
async def create(item: Item, tasks: BackgroundTasks):
    tasks.add_task(print, 'in the background:', item.name, flush=True)
    return item

@app.post('/upload')
async def upload(file: UploadFile):
    return {'bytes': len(await file.read())}

@app.get('/stream')
async def stream():
    async def numbers():
        try:
            for number in range(1000):
                await asyncio.sleep(0)
                yield f'{number}\n'
        finally:
            print('the generator is closed', flush=True)
    return StreamingResponse(numbers(), media_type='text/plain')

@app.get('/endless')
async def endless():
    async def words():
        while True:
            yield b'x' * 65536
    return StreamingResponse(words())

@app.get('/file')
async def file():
    return FileResponse(__file__)

@app.get('/broken')
async def broken():
    async with asyncio.timeout(1):
        return {}['no such key']
";

const DJANGO: &str = r"
import asyncio
from django.conf import settings
settings.configure(SECRET_KEY='x', ROOT_URLCONF=__name__, ALLOWED_HOSTS=['*'], DEBUG=False,
                   MIDDLEWARE=['django.middleware.common.CommonMiddleware'], LOGGING_CONFIG=None)
from django.core.asgi import get_asgi_application
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path

async def hello(request, name):
    await asyncio.sleep(0)
    return JsonResponse({'said': name, 'q': request.GET.get('q')})

def sync(request):
    return HttpResponse('sync')

async def echo(request):
    return HttpResponse(request.body)

async def stream(request):
    async def numbers():
        for number in range(1000):
            yield b'%d\n' % number
    return StreamingHttpResponse(numbers())

async def wait(request):
    try:
        print('waiting', flush=True)
        await asyncio.sleep(600)
    except asyncio.CancelledError:
        print('django was cancelled', flush=True)
        raise

urlpatterns = [path('hello/<str:name>', hello), path('sync', sync), path('echo', echo),
               path('stream', stream), path('wait', wait)]
application = get_asgi_application()
";

fn serve(
    emperor: &Emperor,
    python: &Python,
    packages: &Packages,
    options: &str,
    code: &str,
) -> Vassal {
    let place = with_packages(python, packages);
    let name = packages.name.rsplit(' ').next().expect("it has a name");
    serve_as(emperor, name, &place, options, code)
}

fn serve_as(emperor: &Emperor, name: &str, place: &Path, options: &str, code: &str) -> Vassal {
    let options = format!("virtualenv = \"{}\"\n{options}", place.display());
    emperor.serve(name, &options, code)
}

/// What every client in Python begins with.
const CLIENT: &str = r"
import asyncio, http.client, json, sys
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

address = sys.argv[1]
url = 'ws://' + address

def ask(path, method='GET', body=None, headers={}):
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    data = answer.read()
    return answer, data
";

/// Runs a client in Python, whose assertions fail the test.
#[track_caller]
fn client(emperor: &Emperor, address: &str, code: &str) {
    let code = format!("{CLIENT}{code}");
    let directory = emperor.at("");
    run_in(&client_packages(), &directory, &["-c", &code, address], &[]);
}

#[test]
fn real_asgi_apps_run_unchanged() {
    let [fixed, oldest, newest] = three_pythons();
    let emperor = Emperor::start();
    thread::scope(|scope| {
        scope.spawn(|| fastapi(&emperor, newest));
        scope.spawn(|| features::check(&emperor, newest));
        scope.spawn(|| starlette::check(&emperor, newest));
        scope.spawn(|| channels::check(&emperor, newest));
        scope.spawn(|| quart::check(&emperor, oldest));
        scope.spawn(|| django(&emperor, fixed));
    });
}

#[track_caller]
fn told(address: &str, path: &str) -> Value {
    let answer = connect(address)
        .and_then(|mut connection| connection.get(path))
        .unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{path}: {error}: {answer:?}"))
}

fn numbers() -> String {
    let lines: Vec<String> = (0..1000).map(|number| format!("{number}\n")).collect();
    lines.concat()
}

#[track_caller]
fn post(address: &str, path: &str, kind: &str, body: &str) -> String {
    let mut connection = connect(address).expect("it listens");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.send((head + body).as_bytes()).expect("it reads");
    let answer = connection.receive().expect("it answers");
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

fn fastapi(emperor: &Emperor, python: &Python) {
    let packages = Packages {
        name: "uvloop==0.21.0 python-multipart==0.0.20 fastapi",
        version: "0.115.12",
    };
    let vassal = serve(
        emperor,
        python,
        &packages,
        "lifespan = \"on\"\nharakiri = \"30s\"\n",
        FASTAPI,
    );
    let address = emperor.address(&vassal);
    let printed = |words: &str| emperor.printed(&vassal, |line| line.contains(words).then_some(()));
    assert_eq!(
        told(&address, "/hello/you"),
        json!({"said": "hello you", "loop": "uvloop"})
    );
    printed("the dependency is closed");
    assert_eq!(told(&address, "/sync"), json!({"is_main": false}));
    let item = "{\"name\": \"cheese\", \"price\": 2.5}";
    assert!(post(&address, "/items", "application/json", item).contains("cheese"));
    printed("in the background: cheese");
    let file = "x".repeat(500_000);
    let form = format!(
        "--e\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n{file}\r\n--e--\r\n"
    );
    let said = post(
        &address,
        "/upload",
        "multipart/form-data; boundary=e",
        &form,
    );
    assert_eq!(said, "{\"bytes\":500000}");
    let mut connection = connect(&address).expect("it listens");
    let mut get = |path: &str| connection.get(path).expect("it answers");
    let stream = get("/stream");
    assert_eq!(
        (
            stream.body,
            stream.headers.iter().any(|(name, _)| name == "x-marked")
        ),
        (numbers(), true)
    );
    printed("the generator is closed");
    assert!(get("/file").body.contains("FileResponse(__file__)"));
    assert_eq!(get("/broken").status, 500);
    printed("KeyError: 'no such key'");
    leave_in_the_middle(&address);
    printed("GET /endless: the client left before its answer was complete");
    emperor.touch(&vassal.file);
    printed("fastapi has shut down");
}

fn leave_in_the_middle(address: &str) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream
        .set_read_timeout(Some(DEADLINE))
        .expect("it can be set");
    stream
        .write_all(b"GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    stream
        .read_exact(&mut vec![0; 1_000_000])
        .expect("it goes on");
}

fn django(emperor: &Emperor, python: &Python) {
    let packages = Packages {
        name: "django",
        version: "5.2.3",
    };
    let vassal = serve(emperor, python, &packages, "loop = \"asyncio\"\n", DJANGO);
    let address = emperor.address(&vassal);
    let printed = |words: &str| emperor.printed(&vassal, |line| line.contains(words).then_some(()));
    assert_eq!(
        told(&address, "/hello/you?q=a"),
        json!({"said": "you", "q": "a"})
    );
    let text = "0123456789".repeat(50_000);
    assert_eq!(post(&address, "/echo", "text/plain", &text), text);
    let mut connection = connect(&address).expect("it listens");
    assert_eq!(connection.get("/sync").expect("it answers").body, "sync");
    assert_eq!(
        connection.get("/stream").expect("it answers").body,
        numbers()
    );
    assert_eq!(connection.get("/none").expect("it answers").status, 404);
    let mut stream = TcpStream::connect(&address).expect("it listens");
    stream
        .write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    printed("waiting");
    drop(stream);
    printed("django was cancelled");
}
