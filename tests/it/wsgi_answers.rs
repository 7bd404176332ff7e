//! What becomes of an app's answer, and of its mistakes.

use crate::harness::Response;
use crate::site::Site;

/// Nothing of the app's inside may reach a client.
#[track_caller]
fn is_plain_500(response: &Response) {
    assert_eq!(response.status, 500, "{response:?}");
    assert_eq!(response.body, "500 Internal Server Error\n");
    assert_eq!(
        response.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let names: Vec<&str> = response
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(
        names
            .iter()
            .all(|name| ["content-type", "content-length", "server", "date"].contains(name)),
        "{names:?}"
    );
}

/// Runs the function named by the path.
const DISPATCH: &str = r"
import sys

def application(environ, start_response):
    return globals()[environ['PATH_INFO'][1:]](environ, start_response)

";

const MISTAKES: &str = r"
def raises(environ, start_response):
    raise RuntimeError('secret of raises')

def raises_after_start(environ, start_response):
    start_response('200 OK', [('X-Secret', 'secret')])
    raise RuntimeError('secret of raises_after_start')

def raises_first(environ, start_response):
    start_response('200 OK', [('X-Secret', 'secret')])
    raise RuntimeError('secret of raises_first')
    yield b''

def raises_after_empty(environ, start_response):
    start_response('200 OK', [('X-Secret', 'secret')])
    yield b''
    raise RuntimeError('secret of raises_after_empty')

def returns_none(environ, start_response):
    start_response('200 OK', [])

def returns_str(environ, start_response):
    start_response('200 OK', [])
    return 'text'

def returns_bytes(environ, start_response):
    start_response('200 OK', [])
    return b'bytes'

def returns_number(environ, start_response):
    start_response('200 OK', [])
    return 42

def yields_str(environ, start_response):
    start_response('200 OK', [])
    yield 'text'

def lists_str(environ, start_response):
    start_response('200 OK', [])
    return ['text']

def never_starts(environ, start_response):
    return [b'body']

def never_starts_empty(environ, start_response):
    return []

def never_starts_pieces(environ, start_response):
    yield b'body'

def starts_twice(environ, start_response):
    start_response('200 OK', [])
    start_response('200 OK', [])
    return []

def writes_str(environ, start_response):
    start_response('200 OK', [])('text')
    return []

def exits(environ, start_response):
    sys.exit('secret of exits')

def interrupts(environ, start_response):
    raise KeyboardInterrupt('secret of interrupts')

def fine(environ, start_response):
    start_response('200 OK', [])
    return [b'fine']
";

/// What the log says of each.
const SAID: [(&str, &str); 17] = [
    ("raises", "RuntimeError: secret of raises"),
    (
        "raises_after_start",
        "RuntimeError: secret of raises_after_start",
    ),
    ("raises_first", "RuntimeError: secret of raises_first"),
    (
        "raises_after_empty",
        "RuntimeError: secret of raises_after_empty",
    ),
    ("returns_none", "TypeError: the app returned None"),
    ("returns_str", "TypeError: the app returned a str"),
    ("returns_bytes", "TypeError: the app returned bytes"),
    ("returns_number", "TypeError: 'int' object is not iterable"),
    (
        "yields_str",
        "TypeError: the app's body must consist of bytes, but has a str",
    ),
    (
        "lists_str",
        "TypeError: the app's body must consist of bytes, but has a str",
    ),
    (
        "never_starts",
        "AssertionError: the app did not call start_response",
    ),
    (
        "never_starts_empty",
        "AssertionError: the app did not call start_response",
    ),
    (
        "never_starts_pieces",
        "AssertionError: the app did not call start_response",
    ),
    (
        "starts_twice",
        "AssertionError: start_response was called a second time",
    ),
    ("writes_str", "TypeError: write() takes bytes, not str"),
    ("interrupts", "KeyboardInterrupt: secret of interrupts"),
    ("exits", "secret of exits"),
];

#[test]
fn mistakes_before_the_first_byte_are_a_500_and_a_traceback() {
    let site = Site::new("", &format!("{DISPATCH}{MISTAKES}"));
    let mut connection = site.connect();
    for (name, said) in SAID {
        let answer = connection
            .get(&format!("/{name}"))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        is_plain_500(&answer);
        site.printed(said);
        assert_eq!(
            connection
                .get("/fine")
                .expect("the connection is kept")
                .body,
            "fine",
            "{name}"
        );
    }
    site.printed("Traceback (most recent call last):");
    let shown = site
        .emperor
        .lictor(&["logs", &site.vassal.name])
        .with_code(0)
        .stdout;
    assert!(
        shown.contains("RuntimeError: secret of raises") && shown.contains("in raises"),
        "{shown}"
    );
    assert_eq!(site.emperor.workers(&site.vassal).len(), 1);
}

const REFUSED: &str = r"
import json

CASES = [
    (200, []), (b'200 OK', []), (None, []), ('', []), ('200', []), ('20 OK', []), ('2000 OK', []), ('abc OK', []),
    ('200OK', []), ('100 Continue', []), ('200 O\nK', []), ('200 O\rK', []), ('200 \0', []), ('200 \u20ac', []),
    ('200 OK', None), ('200 OK', ()), ('200 OK', {}), ('200 OK', iter([])), ('200 OK', [None]), ('200 OK', ['ab']),
    ('200 OK', [['a', 'b']]), ('200 OK', [('a',)]), ('200 OK', [('a', 'b', 'c')]), ('200 OK', [(b'a', 'b')]),
    ('200 OK', [('a', b'b')]), ('200 OK', [('a', 1)]), ('200 OK', [('a', None)]), ('200 OK', [('', 'b')]),
    ('200 OK', [('a b', 'c')]), ('200 OK', [('a:', 'c')]), ('200 OK', [('a\r\nX: y', 'c')]), ('200 OK', [('\xe9', 'c')]),
    ('200 OK', [('a', 'b\r\nX: y')]), ('200 OK', [('a', 'b\nc')]), ('200 OK', [('a', 'b\rc')]), ('200 OK', [('a', '\0')]),
    ('200 OK', [('a', '\x7f')]), ('200 OK', [('a', '\u20ac')]), ('200 OK', [('a', '\ud800')]),
    ('200 OK', [('Connection', 'close')]), ('200 OK', [('Transfer-Encoding', 'chunked')]),
    ('200 OK', [('Keep-Alive', '1')]), ('200 OK', [('UPGRADE', 'x')]), ('200 OK', [('TE', 'x')]),
    ('200 OK', [('Trailers', 'x')]), ('200 OK', [('Proxy-Authenticate', 'x')]),
    ('200 OK', [('Content-Length', '-1')]), ('200 OK', [('Content-Length', '+1')]), ('200 OK', [('Content-Length', 'x')]),
    ('200 OK', [('Content-Length', '')]), ('200 OK', [('Content-Length', '1,1')]),
    ('200 OK', [('Content-Length', '9' * 30)]), ('200 OK', [('Content-Length', '1'), ('content-length', '1')]),
]

def application(environ, start_response):
    accepted = []
    for case in CASES:
        try:
            start_response(*case)
            accepted.append(repr(case))
        except (TypeError, ValueError) as error:
            assert str(error), case
    for wrong in ((), ('200 OK',), ('200 OK', [], None, None)):
        try:
            start_response(*wrong)
            accepted.append(repr(wrong))
        except TypeError:
            pass
    # A refusal is not a start.
    start_response('200 OK', [('X-Latin', 'caf\xe9'), ('X-Tab', 'a\tb'), ('x-Twice', '1'), ('X-twice', '2'), ('X-Empty', '')])
    return [json.dumps(accepted).encode()]
";

#[test]
fn wrong_statuses_and_headers_are_refused_where_they_are_given() {
    let site = Site::new("", REFUSED);
    let answer = site.get("/");
    assert_eq!(answer.body, "[]");
    let twice: Vec<&str> = answer
        .headers
        .iter()
        .filter(|(name, _)| name == "x-twice")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(twice, ["1", "2"]);
    assert_eq!(
        (answer.header("x-tab"), answer.header("x-empty")),
        (Some("a\tb"), Some(""))
    );
}

const LATE: &str = r"
def replaced(environ, start_response):
    start_response('200 OK', [('X-First', 'yes')])
    try:
        raise ValueError('before')
    except ValueError:
        start_response('503 Replaced', [('X-Second', 'yes')], sys.exc_info())
    return [b'replaced']

def too_late(environ, start_response):
    start_response('200 OK', [])
    yield b'part'
    try:
        raise ValueError('after the first byte')
    except ValueError:
        start_response('500 Sorry', [], sys.exc_info())
    yield b'never'

def middle(environ, start_response):
    start_response('200 OK', [])
    yield b'part'
    raise RuntimeError('in the middle')

def middle_of_length(environ, start_response):
    start_response('200 OK', [('Content-Length', '100')])
    yield b'part'
    raise RuntimeError('in the middle')

def written(environ, start_response):
    start_response('200 OK', [])(b'part')
    raise RuntimeError('after write')

def short(environ, start_response):
    start_response('200 OK', [('Content-Length', '100')])
    return [b'part']

def long(environ, start_response):
    start_response('200 OK', [('Content-Length', '4')])
    return [b'part', b' and more']

def missing(environ, start_response):
    start_response('200 OK', [('Content-Length', '100')])
    return []

def fine(environ, start_response):
    start_response('200 OK', [])
    return [b'fine']
";

#[test]
fn mistakes_after_the_first_byte_cut_the_connection() {
    let site = Site::new("", &format!("{DISPATCH}{LATE}"));
    let replaced = site.get("/replaced");
    assert_eq!((replaced.status, replaced.body.as_str()), (503, "replaced"));
    assert_eq!(
        (replaced.header("x-first"), replaced.header("x-second")),
        (None, Some("yes"))
    );
    for (path, said) in [
        ("too_late", "ValueError: after the first byte"),
        ("middle", "RuntimeError: in the middle"),
        ("middle_of_length", "RuntimeError: in the middle"),
        ("written", "RuntimeError: after write"),
        ("short", "fewer bytes than its Content-Length"),
        ("missing", "fewer bytes than its Content-Length"),
    ] {
        let answer = site.everything(format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n"),
            "{path}: {answer}"
        );
        // Neither the last chunk nor as many bytes as were promised.
        assert!(
            !answer.contains("\r\n0\r\n") && !answer.contains("never"),
            "{path}: {answer}"
        );
        site.printed(said);
    }
    let mut connection = site.connect();
    assert_eq!(connection.get("/long").expect("it answers").body, "part");
    site.printed("more bytes than its Content-Length");
    assert_eq!(
        connection
            .get("/fine")
            .expect("nothing of it is in the way")
            .body,
        "fine"
    );
}

const CLOSED: &str = r"
class Body:
    def __init__(self, name, pieces):
        self.name, self.pieces = name, iter(pieces)
    def __iter__(self):
        return self
    def __next__(self):
        piece = next(self.pieces)
        if isinstance(piece, Exception):
            raise piece
        return piece
    def close(self):
        print('closed', self.name, flush=True)
        if self.name == 'raising':
            raise RuntimeError('in close')

class NotIterable:
    def close(self):
        print('closed number', flush=True)

PIECES = {
    'whole': [b'a', b'b'], 'nothing': [], 'only': [b'x'], 'empty': [b'', b''], 'failing': [ValueError('f')],
    'middle': [b'a', ValueError('m')], 'str': ['text'], 'raising': [b'a'], 'length': [b'abc', b'def'],
    'stop': [b'a', StopIteration()], 'unstarted': [b'a'],
}

def application(environ, start_response):
    name = environ['PATH_INFO'][1:]
    if name != 'unstarted':
        start_response('200 OK', [('Content-Length', '3')] if name == 'length' else [])
    if name == 'number':
        return NotIterable()
    return Body(name, PIECES.get(name, [b'end']))
";

#[test]
fn close_is_called_once_on_every_path() {
    let site = Site::new("", CLOSED);
    let names = [
        "whole",
        "nothing",
        "only",
        "empty",
        "failing",
        "middle",
        "str",
        "raising",
        "length",
        "stop",
        "unstarted",
        "number",
    ];
    for name in names {
        for method in ["GET", "HEAD"] {
            let answer = site.everything(
                format!("{method} /{name} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            );
            let is_mistake = ["failing", "str", "unstarted", "number"].contains(&name);
            assert_eq!(
                answer.get(9..12),
                Some(if is_mistake { "500" } else { "200" }),
                "{method} {name}: {answer}"
            );
        }
    }
    site.get("/end");
    let said = site.said_until("closed end");
    for name in names {
        let line = format!("closed {name}");
        let count = said.iter().filter(|said| **said == line).count();
        assert_eq!(count, 2, "{line}: {said:#?}");
    }
    site.printed("RuntimeError: in close");
}

#[test]
fn files_are_sent_whole_and_closed() {
    let site = Site::new(
        "",
        r#"
import io, os, tempfile

CONTENT = bytes(range(256)) * 4000

class Plain:
    "Neither a file nor closable, and gives less than was asked for."
    def __init__(self):
        self.left = [b'three ', b'small ', b'reads']
    def read(self, size=-1):
        return self.left.pop(0) if self.left else b''

class Told(io.BytesIO):
    def close(self):
        print('file closed', flush=True)
        super().close()

def application(environ, start_response):
    wrap, path = environ['wsgi.file_wrapper'], environ['PATH_INFO']
    if path == '/plain':
        start_response('200 OK', [])
        return wrap(Plain())
    if path == '/disk':
        file = tempfile.TemporaryFile()
        file.write(CONTENT)
        file.seek(256 * 1000)
        start_response('200 OK', [('Content-Length', str(len(CONTENT) - 256 * 1000))])
        return wrap(file, 65536)
    if path == '/used':
        start_response('200 OK', [])
        return (block.upper() for block in wrap(io.BytesIO(b'used as an iterable'), 4))
    start_response('200 OK', [])
    return wrap(Told(b'memory'), 2)
"#,
    );
    assert_eq!(site.get("/plain").body, "three small reads");
    assert_eq!(site.get("/used").body, "USED AS AN ITERABLE");
    assert_eq!(site.get("/memory").body, "memory");
    site.printed("file closed");
    let disk = site.get("/disk");
    assert_eq!(disk.header("content-length"), Some("768000"));
}
