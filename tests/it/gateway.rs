//! Web servers that hand requests on: by the uwsgi protocol, `FastCGI` and SCGI, over unix and TCP
//! sockets. The real nginx here, bytes that no web server would send in `raw`.

mod answers;
mod beside_uwsgi;
mod bodies;
mod environs;
mod front;
mod life;
mod other_servers;
pub(crate) mod raw;

/// One app for all of them; the path says what it does.
const APP: &str = r"
import hashlib, json, os, time

def plain(start, body, status='200 OK', *fields):
    start(status, [('Content-Type', 'text/plain'), *fields])
    return [body]

def counted(read):
    digest, count = hashlib.md5(), 0
    while piece := read(65536):
        digest.update(piece)
        count += len(piece)
    return f'{count} {digest.hexdigest()}'.encode()

def broken():
    yield b'x' * 100_000
    raise ValueError('broken')

def application(environ, start):
    path = environ['PATH_INFO']
    if path.startswith('/env'):
        shown = {key: value for key, value in environ.items() if isinstance(value, str)}
        return plain(start, json.dumps(shown).encode())
    if path == '/sum':
        try:
            return plain(start, counted(environ['wsgi.input'].read))
        except OSError as error:
            print('sum ended by', type(error).__name__, flush=True)
            raise
    if path == '/much':
        start('200 OK', [('Content-Type', 'text/plain')])
        return (b'y' * 100_000 for _ in range(int(environ['QUERY_STRING'])))
    if path == '/file':
        start('200 OK', [('Content-Type', 'text/plain')])
        return environ['wsgi.file_wrapper'](open('big', 'rb'))
    if path == '/broken':
        start('200 OK', [('Content-Type', 'text/plain')])
        return broken()
    if path == '/short':
        start('200 OK', [('Content-Length', '10')])
        return [b'short']
    if path == '/raise':
        raise ValueError('no answer')
    if path == '/304':
        return plain(start, b'', '304 Not Modified', ('ETag', '\x22x\x22'))
    if path == '/204':
        start('204 No Content', [])
        return []
    if path == '/to':
        return plain(start, b'there', '302 Found', ('Location', '/there?a=b'))
    if path == '/sleep':
        print('began', flush=True)
        time.sleep(600)
    if path == '/pid':
        return plain(start, str(os.getpid()).encode())
    return plain(start, b'hello')
";
