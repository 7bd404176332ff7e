//! Files that the app hands over: `wsgi.file_wrapper`, `X-Sendfile` and `X-Accel-Redirect`.

use std::fs;
use std::io::{Read, Write};

use crate::harness::Response;
use crate::site::Site;
use crate::static_files::site_of;

/// More than the buffers of both ends of a connection hold.
const LARGE_BYTES: usize = 32 * 1024 * 1024;

/// Wraps what `open_it` gives, with `headers`, after `path` of the request.
const WRAPPING: &str = r"
import gzip, io, os, tempfile

def named(path):
    if path == '/file':
        return open('served/a.txt', 'rb')
    if path == '/raw':
        return open('served/a.txt', 'rb', buffering=0)
    if path == '/middle':
        file = open('served/a.txt', 'rb')
        file.read(2)
        return file
    if path == '/memory':
        return io.BytesIO(b'0123456789')
    if path == '/gzip':
        return gzip.open('served/a.txt.gz', 'rb')
    if path == '/temporary':
        file = tempfile.NamedTemporaryFile()
        file.write(b'0123456789')
        file.seek(0)
        return file
    if path == '/unflushed':
        file = tempfile.TemporaryFile()
        file.write(b'0123456789')
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        return file
    if path == '/text':
        class Upper(io.BufferedReader):
            def read(self, size=-1):
                return super().read(size).upper()
        return Upper(io.FileIO('served/letters.txt'))
    return open('served/large.bin', 'rb')

class Closing:
    def __init__(self, file):
        self.file = file
        self.read = file.read
    def close(self):
        self.file.close()
        print('closed', flush=True)

with gzip.open('served/a.txt.gz', 'wb') as packed:
    packed.write(b'0123456789')

def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/other':
        start_response('200 OK', [('Content-Type', 'text/plain')])
        return [b'other']
    headers = [('Content-Type', 'text/x-app')]
    query = environ['QUERY_STRING']
    if query.startswith('length='):
        headers.append(('Content-Length', query[7:]))
    start_response('201 Created' if query == 'created' else '200 OK', headers)
    return environ['wsgi.file_wrapper'](Closing(named(path)), 4)
";

#[track_caller]
fn wrapping() -> Site {
    let files = [("a.txt", "0123456789"), ("letters.txt", "abc")];
    let (site, base) = site_of(
        &files,
        |_| "processes = 1\nthreads = 1".to_owned(),
        WRAPPING,
    );
    fs::write(base.join("large.bin"), vec![b'x'; LARGE_BYTES]).expect("it is ours");
    site
}

#[test]
fn a_wrapped_file_is_sent_from_where_it_stands() {
    let site = wrapping();
    for (target, body) in [
        ("/file", "0123456789"),
        ("/raw", "0123456789"),
        ("/middle", "23456789"),
        ("/memory", "0123456789"),
        ("/gzip", "0123456789"),
        ("/temporary", "0123456789"),
        ("/unflushed", ""),
        ("/text", "ABC"),
        ("/file?length=4", "0123"),
        ("/middle?length=4", "2345"),
    ] {
        let answer = site.get(target);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, body),
            "{target}"
        );
        assert_eq!(answer.header("content-type"), Some("text/x-app"));
        site.printed("closed");
    }
    // What is a file has a length, which the app need not say.
    for (target, length) in [
        ("/file", Some("10")),
        ("/temporary", Some("10")),
        ("/memory", None),
    ] {
        let answer = site.get(target);
        assert_eq!(answer.header("content-length"), length, "{target}");
    }
    assert_eq!(site.get("/file?created").status, 201);
    // More was promised than there is: the client can tell.
    let cut = site.everything(b"GET /file?length=99 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        cut.contains("ontent-") && cut.ends_with("0123456789"),
        "{cut}"
    );
    let head = site.everything(b"HEAD /file HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    assert!(
        head.to_ascii_lowercase().contains("content-length: 10\r\n"),
        "{head}"
    );
}

#[test]
fn a_wrapped_file_is_sent_while_the_thread_does_something_else() {
    let site = wrapping();
    let mut stream = site.stream();
    stream
        .write_all(b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .expect("it reads");
    stream.read_exact(&mut [0; 4096]).expect("it answers");
    assert_eq!(site.get("/other").body, "other");
    site.printed("closed");
    let mut rest = Vec::new();
    stream
        .read_to_end(&mut rest)
        .expect("it answers and closes");
    assert!(rest.len() > LARGE_BYTES - 4096, "{} bytes came", rest.len());
    assert!(rest.iter().all(|byte| *byte == b'x'));
}

/// Names the file that the query says, in the field of `Field`, with further headers by the path.
const NAMING: &str = r"
from urllib.parse import unquote
import os

def application(environ, start_response):
    path, name = environ['PATH_INFO'], unquote(environ['QUERY_STRING'])
    name = name.replace('BASE', os.path.abspath('served'))
    headers = [(FIELD, name), ('Content-Length', '3'), ('Set-Cookie', 'a=b')]
    status = '200 OK'
    if path == '/typed':
        headers += [('Content-Type', 'text/x-app'), ('ETag', '\x22mine\x22')]
    if path == '/missing':
        status = '404 Not Found'
    if path == '/partial':
        status = '206 Partial Content'
        headers += [('Content-Range', 'bytes 0-2/3')]
    start_response(status, headers)
    if path == '/pieces':
        return iter([b'a', b'bc'])
    return [b'abc']
";

/// The same as an ASGI app.
const NAMING_ASYNC: &str = r"
from urllib.parse import unquote
import os

async def application(scope, receive, send):
    assert scope['type'] == 'http'
    path, name = scope['path'], unquote(scope['query_string'].decode())
    name = name.replace('BASE', os.path.abspath('served'))
    headers = [(FIELD.encode(), name.encode()), (b'Content-Length', b'3'), (b'Set-Cookie', b'a=b')]
    status = 200
    if path == '/missing':
        status = 404
    if path == '/partial':
        status = 206
        headers += [(b'Content-Range', b'bytes 0-2/3')]
    trailers = path == '/trailers'
    start = {'type': 'http.response.start', 'status': status, 'headers': headers, 'trailers': trailers}
    await send(start)
    if path in ('/pieces', '/fails'):
        await send({'type': 'http.response.body', 'body': b'a', 'more_body': True})
        if path == '/fails':
            raise ValueError('in the middle')
        await send({'type': 'http.response.body', 'body': b'bc', 'more_body': True})
        await send({'type': 'http.response.body'})
    elif path == '/file':
        await send({'type': 'http.response.pathsend', 'path': __file__})
    elif path == '/short':
        await send({'type': 'http.response.body'})
    else:
        await send({'type': 'http.response.body', 'body': b'abc'})
    if trailers:
        await send({'type': 'http.response.trailers', 'headers': [(b'x-sum', b'1')]})
";

fn naming(field: &str, options: &str) -> Site {
    naming_in(NAMING, field, options)
}

fn naming_in(code: &str, field: &str, options: &str) -> Site {
    let files = [
        ("private/a.txt", "0123456789"),
        ("private/b c.pdf", "pdf"),
        ("secret.txt", "secret"),
    ];
    let code = code.replace("FIELD", &format!("{field:?}"));
    let options = options.to_owned();
    let (site, base) = site_of(
        &files,
        |base| options.replace("BASE", &base.display().to_string()),
        &code,
    );
    std::os::unix::fs::symlink("../secret.txt", base.join("private/link.txt")).expect("it is ours");
    site
}

#[track_caller]
fn ask(site: &Site, target: &str, fields: &str) -> Response {
    site.ask(format!("GET {target} HTTP/1.1\r\nHost: test\r\n{fields}\r\n").as_bytes())
}

#[test]
fn x_sendfile_sends_files_below_its_roots() {
    let site = naming(
        "X-Sendfile",
        "file-serve-mode = \"x-sendfile\"\nsendfile-root = \"BASE/private\"",
    );
    for path in ["/", "/pieces", "/partial"] {
        let answer = ask(&site, &format!("{path}?BASE/private/a.txt"), "");
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "0123456789"),
            "{path}"
        );
        assert_eq!(answer.header("set-cookie"), Some("a=b"));
        assert_eq!(answer.header("content-length"), Some("10"));
        assert_eq!(
            answer.header("content-type"),
            Some("text/plain; charset=utf-8")
        );
        for gone in ["x-sendfile", "content-range"] {
            assert_eq!(answer.header(gone), None, "{path}");
        }
    }
}

#[test]
fn an_asgi_app_names_a_file_however_it_answers() {
    for (field, options, name) in [
        (
            "X-Sendfile",
            "file-serve-mode = \"x-sendfile\"\nsendfile-root = \"BASE/private\"",
            "BASE/private/a.txt",
        ),
        (
            "x-accel-redirect",
            "file-serve-mode = \"x-accel-redirect\"\nsendfile-root = \"/files=BASE/private\"",
            "/files/a.txt",
        ),
    ] {
        let site = naming_in(NAMING_ASYNC, field, options);
        for path in ["/", "/pieces", "/partial", "/file", "/short", "/trailers"] {
            let answer = ask(&site, &format!("{path}?{name}"), "");
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (200, "0123456789"),
                "{path}"
            );
            assert_eq!(answer.header("set-cookie"), Some("a=b"));
            assert_eq!(answer.header("content-length"), Some("10"));
            for gone in ["x-sendfile", "x-accel-redirect", "content-range"] {
                assert_eq!(answer.header(gone), None, "{path}");
            }
        }
        let part = ask(&site, &format!("/pieces?{name}"), "Range: bytes=2-4\r\n");
        assert_eq!((part.status, part.body.as_str()), (206, "234"));
        // Nothing has been sent yet when it fails.
        assert_eq!(ask(&site, &format!("/fails?{name}"), "").status, 500);
        site.printed("ValueError: in the middle");
        let missing = ask(&site, &format!("/missing?{name}"), "");
        assert_eq!((missing.status, missing.body.as_str()), (404, "abc"));
        let absent = ask(&site, &format!("/pieces?{name}.not"), "");
        assert_eq!(absent.status, 404);
    }
}

#[test]
fn x_sendfile_leaves_the_app_the_first_word() {
    let site = naming(
        "X-Sendfile",
        "file-serve-mode = \"x-sendfile\"\nsendfile-root = \"BASE/private\"",
    );
    let part = ask(
        &site,
        "/typed?BASE/private/a.txt",
        "Range: bytes=2-4\r\nIf-Range: \"mine\"\r\n",
    );
    assert_eq!((part.status, part.body.as_str()), (206, "234"));
    assert_eq!(part.header("content-type"), Some("text/x-app"));
    assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    let request = b"GET /typed?BASE/private/a.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: \"mine\"\r\nConnection: close\r\n\r\n";
    let same = site.everything(request);
    assert!(
        same.starts_with("HTTP/1.1 304 ") && same.ends_with("\r\n\r\n"),
        "{same}"
    );
    let spaced = ask(&site, "/?BASE/private/b%20c.pdf", "");
    assert_eq!(
        (spaced.body.as_str(), spaced.header("content-type")),
        ("pdf", Some("application/pdf"))
    );
    // Not a file that is sent: the app's own answer, without the field.
    let missing = ask(&site, "/missing?BASE/private/a.txt", "");
    assert_eq!((missing.status, missing.body.as_str()), (404, "abc"));
    assert_eq!(missing.header("x-sendfile"), None);
}

#[test]
fn x_sendfile_sends_no_other_files() {
    let site = naming(
        "X-Sendfile",
        "file-serve-mode = \"x-sendfile\"\nsendfile-root = \"BASE/private\"",
    );
    assert_eq!(ask(&site, "/?BASE/private/none.txt", "").status, 404);
    for name in [
        "BASE/secret.txt",
        "BASE/private/../secret.txt",
        "BASE/private/link.txt",
        "BASE/private",
        "private/a.txt",
        "/etc/passwd",
        "BASE/private//a.txt",
        "BASE/privateer",
    ] {
        let refused = ask(&site, &format!("/?{name}"), "");
        assert!(matches!(refused.status, 404 | 500), "{name}: {refused:?}");
        assert!(
            !refused.body.contains("secret") && !refused.body.contains("root:"),
            "{name}"
        );
        assert_eq!(refused.header("x-sendfile"), None, "{name}");
    }
    let said = site.printed("/etc/passwd");
    assert!(said.contains("`sendfile-root`"), "{said}");
}

#[test]
fn x_accel_redirect_names_files_by_a_prefix() {
    let site = naming(
        "X-Accel-Redirect",
        "file-serve-mode = \"x-accel-redirect\"\nsendfile-root = [\"/protected=BASE/private\", \"BASE\"]",
    );
    for (name, body) in [
        ("/protected/a.txt", "0123456789"),
        ("/protected/b%2520c.pdf", "pdf"),
        ("/protected/a.txt%3fx=y", "0123456789"),
    ] {
        let answer = ask(&site, &format!("/?{name}"), "");
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{name}");
        assert_eq!(answer.header("x-accel-redirect"), None);
    }
    for name in [
        "/protected/../secret.txt",
        "/protected/%252e%252e/secret.txt",
        "/protected/..%252fsecret.txt",
        "/secret.txt",
        "BASE/secret.txt",
        "/protected",
    ] {
        let refused = ask(&site, &format!("/?{name}"), "");
        assert!(matches!(refused.status, 404 | 500), "{name}: {refused:?}");
        assert!(!refused.body.contains("secret"), "{name}");
    }
}

#[test]
fn without_the_option_the_field_is_the_app_s() {
    let site = naming("X-Sendfile", "processes = 1");
    let answer = ask(&site, "/?BASE/private/a.txt", "");
    assert_eq!(answer.body, "abc");
    assert!(answer.header("x-sendfile").is_some());
}
