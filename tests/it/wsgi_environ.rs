//! What an app finds in its environ, and that `wsgiref.validate` finds nothing.

use serde_json::Value;

use crate::harness::Emperor;
use crate::site::{Site, json};

/// Answers with the repr of its environ, and with the types in it.
const ENVIRON: &str = r"
import json

def application(environ, start_response):
    told = {key: value for key, value in environ.items() if isinstance(value, (str, bool))}
    told['not native'] = [key for key, value in environ.items() if isinstance(value, str)
                          and (type(value) is not str or any(ord(c) > 255 for c in value))]
    told['odd keys'] = [repr(key) for key in environ if type(key) is not str]
    told['type'] = type(environ).__name__
    told['version'] = environ['wsgi.version'] == (1, 0)
    told['input'] = [name for name in ('read', 'readline', 'readlines', '__iter__')
                     if not hasattr(environ['wsgi.input'], name)]
    told['errors'] = [name for name in ('write', 'writelines', 'flush') if not hasattr(environ['wsgi.errors'], name)]
    environ.clear()
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(told).encode()]
";

/// Each of these keys has this value.
#[track_caller]
fn has(told: &Value, pairs: &[(&str, &str)]) {
    for (key, value) in pairs {
        assert_eq!(
            told.get(*key).and_then(Value::as_str),
            Some(*value),
            "{key} in {told:#}"
        );
    }
}

#[test]
fn an_environ_is_what_pep_3333_says() {
    let site = Site::new("", ENVIRON);
    let (host, port) = site.address.rsplit_once(':').expect("an address");
    let mut connection = site.connect();
    let told = json(&connection.get("/").expect("it answers"));
    has(
        &told,
        &[
            ("REQUEST_METHOD", "GET"),
            ("SCRIPT_NAME", ""),
            ("PATH_INFO", "/"),
            ("QUERY_STRING", ""),
            ("SERVER_NAME", host),
            ("SERVER_PORT", port),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            (
                "SERVER_SOFTWARE",
                concat!("lictor/", env!("CARGO_PKG_VERSION")),
            ),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("HTTP_HOST", "test"),
            ("wsgi.url_scheme", "http"),
            ("type", "dict"),
        ],
    );
    let peer = told
        .get("REMOTE_PORT")
        .and_then(Value::as_str)
        .expect("a port");
    assert!(peer.parse::<u16>().is_ok_and(|port| port > 0), "{peer}");
    for empty in ["not native", "odd keys", "input", "errors"] {
        assert_eq!(told.get(empty), Some(&Value::Array(Vec::new())), "{empty}");
    }
    assert_eq!(told.get("version"), Some(&Value::Bool(true)));
    assert_eq!(told.get("wsgi.run_once"), Some(&Value::Bool(false)));
    for absent in [
        "CONTENT_TYPE",
        "CONTENT_LENGTH",
        "HTTP_CONTENT_TYPE",
        "HTTP_CONTENT_LENGTH",
    ] {
        assert_eq!(told.get(absent), None, "{absent}");
    }
    // What one request does to its environ is nothing to the next.
    assert_eq!(json(&connection.get("/").expect("it answers")), told);
}

#[test]
fn methods_and_fields_are_passed_on() {
    let site = Site::new("", ENVIRON);
    let told = json(&site.ask(
        b"PROPFIND /x?a=b&c=%20d?e HTTP/1.1\r\nhost: h:1\r\nContent-Type: text/x\r\nContent-Length: 0\r\n\
          X-Two: a\r\nCookie: a=1\r\nX-Empty:\r\nx-two:  b\t\r\nCookie: b=2\r\nX-Caf\x65: caf\xe9 \xc3\xa9\r\n\
          Authorization: Basic x\r\n\r\n",
    ));
    has(
        &told,
        &[
            ("REQUEST_METHOD", "PROPFIND"),
            ("QUERY_STRING", "a=b&c=%20d?e"),
            ("REQUEST_URI", "/x?a=b&c=%20d?e"),
            ("HTTP_HOST", "h:1"),
            ("CONTENT_TYPE", "text/x"),
            ("CONTENT_LENGTH", "0"),
            ("HTTP_X_TWO", "a, b"),
            ("HTTP_COOKIE", "a=1; b=2"),
            ("HTTP_X_EMPTY", ""),
            ("HTTP_X_CAFE", "caf\u{e9} \u{c3}\u{a9}"),
            ("HTTP_AUTHORIZATION", "Basic x"),
        ],
    );
}

#[test]
fn paths_are_decoded_to_latin_1() {
    let site = Site::new("", ENVIRON);
    for (path, decoded, query) in [
        ("/a%2Fb%2fc", "/a/b/c", ""),
        ("/caf%C3%A9", "/caf\u{c3}\u{a9}", ""),
        ("/caf%E9", "/caf\u{e9}", ""),
        ("/%00", "/\0", ""),
        ("/100%", "/100%", ""),
        ("/%zz%4", "/%zz%4", ""),
        ("/a+b%20c%3Fd?e%3Ff+g", "/a+b c?d", "e%3Ff+g"),
        ("//double//", "//double//", ""),
        ("/../up/./here", "/../up/./here", ""),
        ("/?", "/", ""),
        ("/;p=1", "/;p=1", ""),
        ("/\u{fc}?\u{fc}", "/\u{c3}\u{bc}", "\u{c3}\u{bc}"),
    ] {
        let told = json(&site.get(path));
        has(
            &told,
            &[
                ("PATH_INFO", decoded),
                ("QUERY_STRING", query),
                ("SCRIPT_NAME", ""),
            ],
        );
    }
}

#[test]
fn threads_and_processes_are_told() {
    let emperor = Emperor::start();
    for (name, processes, threads) in [
        ("one", 1, 1),
        ("threads", 1, 4),
        ("processes", 2, 1),
        ("both", 2, 2),
    ] {
        let vassal = emperor.serve(
            name,
            &format!("processes = {processes}\nthreads = {threads}"),
            ENVIRON,
        );
        let told: Value = serde_json::from_str(&emperor.get(&vassal)).expect("it is JSON");
        assert_eq!(
            told.get("wsgi.multithread"),
            Some(&Value::Bool(threads > 1)),
            "{name}"
        );
        assert_eq!(
            told.get("wsgi.multiprocess"),
            Some(&Value::Bool(processes > 1)),
            "{name}"
        );
    }
}

/// The validator around apps that use everything; what it finds is an exception, and so a 500.
const VALIDATED: &str = r"
import warnings
from wsgiref.validate import validator
warnings.simplefilter('error')

TYPE = [('Content-Type', 'text/plain')]

def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/nothing':
        start_response('204 No Content', [])
        return []
    if path == '/unchanged':
        start_response('304 Not Modified', [])
        return []
    if path == '/write':
        write = start_response('200 OK', TYPE)
        write(b'written ')
        return [b'returned']
    if path == '/pieces':
        start_response('200 OK', TYPE)
        return (piece for piece in [b'a', b'b'])
    if path == '/file':
        import io
        start_response('200 OK', TYPE)
        return environ['wsgi.file_wrapper'](io.BytesIO(b'file ' * 5000), 4096)
    if path == '/late':
        try:
            start_response('200 OK', TYPE)
            raise ValueError('late')
        except ValueError:
            import sys
            start_response('503 Later', TYPE, sys.exc_info())
        return [b'late']
    if path == '/the-end':
        print('the end', flush=True)
    body = environ['wsgi.input']
    lines = [body.readline(), *body.readlines(1), *list(body), body.read(10)]
    environ['wsgi.errors'].write('said\n')
    environ['wsgi.errors'].flush()
    start_response('200 OK', TYPE)
    return [b''.join(lines)]

application = validator(application)
";

#[test]
fn the_validator_finds_nothing() {
    let site = Site::new("threads = 2\naccess-log = \"off\"", VALIDATED);
    let body = "one\ntwo\nthree\n".repeat(20_000);
    let bodies = [
        String::new(),
        "Content-Type: text/plain\r\nContent-Length: 0\r\n".to_owned(),
        format!(
            "Content-Type: text/plain\r\nContent-Length: {}\r\n",
            body.len()
        ),
        "Transfer-Encoding: chunked\r\n".to_owned(),
    ];
    let paths = [
        "/",
        "/nothing",
        "/unchanged",
        "/write",
        "/pieces",
        "/file",
        "/late",
        "/a%20b?c=d",
    ];
    for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        for path in paths {
            for (number, fields) in bodies.iter().enumerate() {
                let framed = match number {
                    2 => body.clone(),
                    3 => format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
                    _ => String::new(),
                };
                let request = format!(
                    "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n{framed}"
                );
                let answer = site.everything(request.as_bytes());
                let status = match path {
                    "/nothing" => "204",
                    "/unchanged" => "304",
                    "/late" => "503",
                    _ => "200",
                };
                assert_eq!(
                    answer.get(9..12),
                    Some(status),
                    "{method} {path} {number}: {answer:.300}"
                );
                if path == "/" && number > 1 && method != "HEAD" {
                    assert!(
                        answer.contains(&body),
                        "{method} {number}: {} bytes",
                        answer.len()
                    );
                }
            }
        }
    }
    site.get("/the-end");
    let said = site.said_until("the end");
    assert!(
        said.iter().all(|line| line == "said" || line == "the end"),
        "{said:?}"
    );
}
