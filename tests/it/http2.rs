//! HTTP/2: over TLS and in the clear, for WSGI and ASGI apps, by curl, h2load and raw frames.

mod floods;
mod raw;
mod streams;

use std::io::{Read, Write};
use std::process::Command;

use self::raw::{Client, PREFACE, RST_STREAM, frame, request};
use crate::site::Site;

const CLEAR: &str = "http2 = \"all\"\naccess-log = true";

const WSGI: &str = r"
def application(environ, start_response):
    path, size = environ['PATH_INFO'], 0
    while piece := environ['wsgi.input'].read(65536):
        size += len(piece)
    if path == '/large':
        start_response('200 OK', [])
        return (b'x' * 65536 for _ in range(320))
    if path == '/whole':
        start_response('200 OK', [])
        return [b'x' * 65536 * 320]
    told = [environ['SERVER_PROTOCOL'], environ['HTTP_HOST'] != '', environ.get('HTTP_COOKIE'), size]
    start_response('200 OK', [])
    return [repr(told).encode()]
";

const ASGI: &str = r"
import asyncio
waiting, enough = 0, asyncio.Event()
async def application(scope, receive, send):
    global waiting
    if scope['type'] != 'http':
        raise NotImplementedError
    size, more = 0, scope['path'] != '/gone'
    while more:
        message = await receive()
        size, more = size + len(message['body']), message['more_body']
    if scope['path'] == '/gone':
        print('the client is there', flush=True)
        while (await receive())['type'] != 'http.disconnect':
            pass
        print('the client has left', flush=True)
        return
    if scope['path'] == '/together':
        waiting += 1
        if waiting == 100:
            enough.set()
        await enough.wait()
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    if scope['path'] == '/large':
        for _ in range(320):
            await send({'type': 'http.response.body', 'body': b'x' * 65536, 'more_body': True})
    headers = dict(scope['headers'])
    told = [scope['http_version'], b'host' in headers, size] if scope['path'] == '/' else ''
    await send({'type': 'http.response.body', 'body': repr(told).encode() if told else b''})
";

const LARGE_BYTES: usize = 65536 * 320;

#[track_caller]
fn curl(site: &Site, path: &str, flags: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["-sS", "--max-time", "60", "--http2-prior-knowledge"])
        .args(flags)
        .arg(format!("http://{}{path}", site.address))
        .output()
        .expect("curl is there");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("it is text")
}

/// What h2load says of its requests.
#[track_caller]
fn load(site: &Site, path: &str, flags: &[&str]) -> String {
    let output = Command::new("h2load")
        .args(flags)
        .arg(format!("http://{}{path}", site.address))
        .output()
        .expect("h2load is there");
    String::from_utf8(output.stdout).expect("it is text")
}

#[test]
fn a_wsgi_app_hears_that_it_is_http_2() {
    let site = Site::new(CLEAR, WSGI);
    let told = curl(
        &site,
        "/",
        &["-H", "Cookie: a=1", "-H", "Cookie: b=2", "-d", "body"],
    );
    assert_eq!(told, "['HTTP/2.0', True, 'a=1; b=2', 4]");
    let line = site.emperor.printed(&site.vassal, |line| {
        line.contains("HTTP/2.0").then(|| line.to_owned())
    });
    assert!(line.contains("\"POST / HTTP/2.0\" 200"), "{line}");
    // Beside it HTTP/1.1 is spoken as ever.
    assert!(site.get("/").body.contains("['HTTP/1.1', True, None, 0]"));
}

#[test]
fn an_asgi_app_hears_that_it_is_http_2() {
    let site = Site::new(CLEAR, ASGI);
    assert_eq!(curl(&site, "/", &["-d", "body"]), "['2', True, 4]");
}

#[test]
fn without_the_option_nothing_in_the_clear_is_http_2() {
    let site = Site::new("", WSGI);
    let mut stream = site.stream();
    stream.write_all(PREFACE).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it closes");
    assert!(answer.starts_with("HTTP/1.1 505 "), "{answer}");
}

#[test]
fn large_bodies_go_both_ways() {
    for (app, paths) in [(WSGI, &["/large", "/whole"][..]), (ASGI, &["/large"][..])] {
        let site = Site::new(CLEAR, app);
        for path in paths {
            assert_eq!(curl(&site, path, &[]).len(), LARGE_BYTES, "{path}");
        }
        let upload = site.emperor.at("upload");
        std::fs::write(&upload, vec![b'u'; LARGE_BYTES]).expect("it can be written");
        let data = format!("@{}", upload.display());
        let told = curl(&site, "/", &["--data-binary", &data]);
        assert!(told.ends_with(&format!(", {LARGE_BYTES}]")), "{told}");
    }
}

#[test]
fn a_thousand_requests_share_a_few_connections() {
    for app in [WSGI, ASGI] {
        let site = Site::new(CLEAR, app);
        let said = load(&site, "/", &["-n", "1000", "-c", "2", "-m", "100"]);
        assert!(said.contains("1000 succeeded, 0 failed"), "{said}");
        let said = load(&site, "/large", &["-n", "8", "-c", "1", "-m", "8"]);
        assert!(said.contains("8 succeeded, 0 failed"), "{said}");
    }
}

#[test]
fn the_streams_of_a_connection_are_served_at_the_same_time() {
    // None of them is answered before all have come.
    let site = Site::new(CLEAR, ASGI);
    let said = load(&site, "/together", &["-n", "100", "-c", "1", "-m", "100"]);
    assert!(said.contains("100 succeeded, 0 failed"), "{said}");
}

#[test]
fn an_app_hears_that_its_stream_was_reset() {
    let site = Site::new(CLEAR, ASGI);
    let mut client = Client::new(&site);
    client.send(&request(1, "/gone"));
    site.emperor.printed(&site.vassal, |line| {
        line.contains("the client is there").then_some(())
    });
    let reset = frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes());
    client.send(&reset);
    site.emperor.printed(&site.vassal, |line| {
        line.contains("the client has left").then_some(())
    });
}
