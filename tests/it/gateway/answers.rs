//! Answers of every kind behind nginx: without bodies, errors, limits, compression, static files.

use serde_json::{Value, json};

use super::APP;
use super::front::{Behind, ask, get, post};
use crate::harness::{Emperor, connect};

#[test]
fn answers_without_bodies_and_errors_come_through() {
    let behind = Behind::new("", APP);
    std::fs::write(behind.vassal.app.with_file_name("big"), "big").expect("it is ours");
    for (what, address) in &behind.fronts {
        let answer = get(address, "/304");
        assert_eq!(
            (answer.status, answer.header("etag")),
            (304, Some("\"x\"")),
            "{what}"
        );
        let answer = get(address, "/to");
        let place = answer.header("location").unwrap_or_default();
        assert!(
            answer.status == 302 && place.ends_with("/there?a=b"),
            "{what} {answer:?}"
        );
        assert_eq!(get(address, "/raise").status, 500, "{what}");
        // On one connection, so that nothing behind a head goes unseen.
        let mut connection = connect(address).expect("nginx listens");
        for path in ["/", "/much?3", "/file", "/204"] {
            let request = format!("HEAD {path} HTTP/1.1\r\nHost: s\r\n\r\n");
            connection.send(request.as_bytes()).expect("it reads");
            let (status, _) = connection.head().expect("it answers");
            let expected = if path == "/204" { 204 } else { 200 };
            assert_eq!(status, expected, "{what} {path}");
        }
        connection
            .send(b"GET /204 HTTP/1.1\r\nHost: s\r\n\r\n")
            .expect("it reads");
        assert_eq!(connection.head().expect("it answers").0, 204, "{what}");
        assert_eq!(
            connection.get("/").expect("it answers").body,
            "hello",
            "{what}"
        );
        let length = get(address, "/")
            .header("content-length")
            .map(str::to_owned);
        assert_eq!(length.as_deref(), Some("5"), "{what}");
    }
}

#[test]
fn an_answer_that_breaks_off_does_not_look_whole() {
    let behind = Behind::new("", APP);
    for (what, address) in &behind.fronts {
        // Over a unix socket the end of the connection is all that these two have to say.
        if ["uwsgi unix", "scgi unix"].contains(&&**what) {
            continue;
        }
        let mut connection = connect(address).expect("nginx listens");
        let request = "GET /broken HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n";
        connection.send(request.as_bytes()).expect("it reads");
        // Read to its end, which in chunks is not there.
        let answer = connection.receive();
        assert!(
            answer.as_ref().is_err() || answer.is_ok_and(|answer| answer.status == 502),
            "{what}"
        );
        assert_eq!(get(address, "/").body, "hello", "{what}");
    }
}

#[test]
fn limits_hold() {
    let behind = Behind::new("limit-post = 1000\nbuffer-size = 4096", APP);
    for (what, address) in &behind.fronts {
        assert_eq!(post(address, "/sum", &[0; 1000]).status, 200, "{what}");
        assert_eq!(post(address, "/sum", &[0; 1001]).status, 413, "{what}");
        assert_eq!(
            post(address, "/unbuffered/sum", &vec![0; 200_000]).status,
            413,
            "{what}"
        );
        let long = "x".repeat(6000);
        let head = format!("GET /a HTTP/1.1\r\nHost: s\r\nX: {long}\r\nConnection: close\r\n\r\n");
        assert_eq!(ask(address, &head, &[]).status, 431, "{what}");
        assert_eq!(get(address, "/").body, "hello", "{what}");
    }
    let printed = behind.emperor.output();
    printed.wait("the refusal is told", |line| {
        let line = line["line"].as_str()?;
        line.contains("larger than buffer-size").then_some(())
    });
}

const MOUNTED: &str = r"
import asyncio, json
async def application(scope, receive, send):
    if scope['type'] == 'lifespan':
        return
    if scope['path'].endswith('/wait'):
        print('waits', scope['query_string'].decode(), flush=True)
        while (await receive())['type'] != 'http.disconnect':
            pass
        print('left', scope['query_string'].decode(), flush=True)
        return
    body, more = b'', True
    while more:
        message = await receive()
        body += message.get('body', b'')
        more = message.get('more_body', False)
    shown = {key: value.decode('latin-1') if isinstance(value, bytes) else value
             for key, value in scope.items() if isinstance(value, (str, bytes))}
    shown['client'], shown['body'] = scope['client'], len(body)
    await send({'type': 'http.response.start', 'status': 200,
                'headers': [(b'content-type', b'application/json')]})
    await send({'type': 'http.response.body', 'body': json.dumps(shown).encode()})
";

#[test]
fn asgi_apps_are_told_the_same() {
    let behind = Behind::new("", MOUNTED);
    for (what, address) in &behind.fronts {
        for size in [0, 10, 300_000] {
            let answer = post(address, "/unbuffered/a%20b?c=d", &vec![0; size]);
            let scope: Value = serde_json::from_str(&answer.body).expect("JSON");
            let expected = json!({"path": "/a b", "query_string": "c=d", "root_path": "",
                "http_version": "1.1", "method": "POST", "scheme": "http", "body": size});
            for (key, value) in expected.as_object().expect("a table") {
                assert_eq!(&scope[key], value, "{key} {what}: {scope:#}");
            }
            assert_eq!(scope["client"][0], json!("127.0.0.1"), "{what}");
        }
        let says = |words: &str| {
            let words = format!("{words} {}", what.replace(' ', "-"));
            (behind.emperor).printed(&behind.vassal, |line| (line == words).then_some(()));
        };
        let mut connection = connect(address).expect("nginx listens");
        let name = what.replace(' ', "-");
        let request = format!("GET /wait?{name} HTTP/1.1\r\nHost: s\r\n\r\n");
        connection.send(request.as_bytes()).expect("it reads");
        says("waits");
        drop(connection);
        says("left");
    }
}

/// A web server may say where the app is mounted.
#[test]
fn script_name_says_where_the_app_is() {
    let emperor = Emperor::start();
    for (name, code, keys) in [
        ("wsgi", APP, ["SCRIPT_NAME", "PATH_INFO", "wsgi.url_scheme"]),
        ("asgi", MOUNTED, ["root_path", "path", "scheme"]),
    ] {
        let socket = emperor.at(name).display().to_string();
        let options = format!("# without http =\nuwsgi = \"unix:{socket}\"");
        emperor.serve(name, &options, code);
        let variables = [
            ("REQUEST_METHOD", "GET"),
            ("REQUEST_URI", "/shop/env%20"),
            ("SCRIPT_NAME", "/shop"),
            ("PATH_INFO", "/env "),
            ("UWSGI_SCHEME", "https"),
            ("REMOTE_ADDR", "192.0.2.1"),
        ];
        let mut connection = connect(&socket).expect("it listens");
        let packet = super::raw::uwsgi(&variables, b"");
        connection.send(&packet).expect("it reads");
        let answer = connection.receive().expect("it answers");
        let said: Value = serde_json::from_str(&answer.body).expect("JSON");
        let path = if name == "wsgi" {
            "/env "
        } else {
            "/shop/env "
        };
        for (key, value) in keys.iter().zip(["/shop", path, "https"]) {
            assert_eq!(said[*key], json!(value), "{key} {said:#}");
        }
    }
}

/// What lies between the web server and the app does its part here too.
#[test]
fn files_compression_and_trust_are_those_of_http() {
    let options =
        "static-map = \"/files=../apps\"\ncompress = true\nforwarded-allow = \"127.0.0.1\"";
    let behind = Behind::new(options, APP);
    let text = "a line\n".repeat(1000);
    std::fs::write(behind.vassal.app.with_file_name("text.txt"), &text).expect("it is ours");
    let folder = behind.vassal.app.parent().expect("a folder");
    let folder = folder.file_name().expect("a name").display();
    let file = format!("/files/{folder}/text.txt");
    for (what, address) in &behind.fronts {
        let answer = get(address, &file);
        assert_eq!(answer.status, 200, "{what}");
        assert!(answer.body == text, "{what} {}", answer.body.len());
        let tag = answer.header("etag").expect("a tag").to_owned();
        let further = format!("If-None-Match: {tag}\r\n");
        for (path, further, status) in [
            (&*file, &*further, 304),
            (&*file, "Range: bytes=2-5\r\n", 206),
            ("/files/none", "", 200),
        ] {
            let head =
                format!("GET {path} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n{further}\r\n");
            assert_eq!(ask(address, &head, &[]).status, status, "{what} {path}");
        }
        let mut connection = connect(address).expect("nginx listens");
        let head = "GET /much?1 HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n";
        connection.send(head.as_bytes()).expect("it reads");
        let (_, fields) = connection.head().expect("a head");
        let encoded = fields.iter().find(|(name, _)| name == "content-encoding");
        assert!(
            encoded.is_some_and(|(_, coding)| coding == "gzip"),
            "{what} {fields:?}"
        );
        let head = "GET /env HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\
            X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n\r\n";
        let told: Value = serde_json::from_str(&ask(address, head, &[]).body).expect("JSON");
        assert_eq!(told["REMOTE_ADDR"], "192.0.2.7", "{what}");
        assert_eq!(told["wsgi.url_scheme"], "https", "{what}");
    }
}
