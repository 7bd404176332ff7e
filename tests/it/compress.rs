//! `compress`: which answers are, and that clients get back what the app said.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::harness::Connection;
use crate::site::Site;

const APP: &str = r"
BODY = b'0123456789 ' * 500

def wait():
    with open('gate', 'rb', 0) as gate:
        gate.read(1)

def application(environ, start_response):
    path = environ['PATH_INFO']
    headers = [('Content-Type', 'text/html; charset=utf-8'), ('ETag', '\x22a\x22')]
    body = BODY
    if path == '/small':
        body = b'small'
    if path == '/image':
        headers[0] = ('Content-Type', 'image/png')
    if path == '/json':
        headers[0] = ('Content-Type', 'application/json')
    if path == '/encoded':
        headers.append(('Content-Encoding', 'br'))
    if path == '/transform':
        headers.append(('Cache-Control', 'private, no-transform'))
    if path == '/part':
        headers.append(('Content-Range', 'bytes 0-4999/5000'))
    if path == '/write':
        start_response('200 OK', headers)(body)
        return [b'the end']
    if path == '/ticks':
        start_response('200 OK', headers)
        def ticks():
            for piece in (b'first', b'second', b'third'):
                yield piece
                wait()
        return ticks()
    if path != '/unknown':
        headers.append(('Content-Length', str(len(body))))
    start_response('200 OK', headers)
    return iter([body, b'']) if path == '/unknown' else [body]
";

fn plain() -> Vec<u8> {
    b"0123456789 ".repeat(500)
}

/// Head fields and the body as it was sent.
#[track_caller]
fn ask(site: &Site, method: &str, target: &str, fields: &str) -> (Vec<(String, String)>, Vec<u8>) {
    let mut connection = site.connect();
    let request =
        format!("{method} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{fields}\r\n");
    connection.send(request.as_bytes()).expect("it reads");
    let (status, headers) = connection.head().expect("it answers");
    assert_eq!(status, 200);
    let is_chunked = field(&headers, "transfer-encoding").is_some();
    let body = if method == "HEAD" {
        Vec::new()
    } else if is_chunked {
        let mut body = Vec::new();
        loop {
            let chunk = connection.chunk().expect("a piece");
            if chunk.is_empty() {
                break body;
            }
            body.extend(chunk);
        }
    } else {
        let length = field(&headers, "content-length").expect("it has a length");
        let length = length.parse().expect("a number");
        connection.bytes(length).expect("a body")
    };
    (headers, body)
}

fn field<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers
        .iter()
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.as_str())
}

fn unpacked(packed: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    MultiGzDecoder::new(packed)
        .read_to_end(&mut plain)
        .expect("it is gzip, and whole");
    plain
}

#[test]
fn text_is_compressed_for_those_who_take_it() {
    let site = Site::new("compress = true", APP);
    for (target, expected) in [
        ("/", plain()),
        ("/json", plain()),
        ("/unknown", plain()),
        ("/write", [&plain()[..], b"the end"].concat()),
    ] {
        let (headers, body) = ask(&site, "GET", target, "Accept-Encoding: br, gzip;q=0.8\r\n");
        assert_eq!(
            field(&headers, "content-encoding"),
            Some("gzip"),
            "{target}"
        );
        assert_eq!(field(&headers, "vary"), Some("Accept-Encoding"), "{target}");
        assert_eq!(field(&headers, "etag"), Some("W/\"a\""), "{target}");
        assert!(body.len() < expected.len() / 5, "{target}: {}", body.len());
        assert!(unpacked(&body) == expected, "{target}");
    }
    for fields in [
        "",
        "Accept-Encoding: br\r\n",
        "Accept-Encoding: gzip;q=0\r\n",
    ] {
        let (headers, body) = ask(&site, "GET", "/", fields);
        assert_eq!(field(&headers, "content-encoding"), None, "{fields}");
        assert_eq!(field(&headers, "vary"), Some("Accept-Encoding"), "{fields}");
        assert_eq!(field(&headers, "etag"), Some("\"a\""), "{fields}");
        assert!(body == plain(), "{fields}");
    }
    let (headers, _) = ask(&site, "HEAD", "/", "");
    assert_eq!(field(&headers, "content-encoding"), None);
    assert_eq!(field(&headers, "content-length"), Some("5500"));
}

#[test]
fn a_head_request_gets_the_head_that_get_would() {
    let site = Site::new("compress = true", APP);
    for (target, gzip) in [
        ("/", true),
        ("/unknown", true),
        ("/write", true),
        ("/small", false),
        ("/image", false),
    ] {
        let heads = ["GET", "HEAD"].map(|method| {
            let (mut headers, body) = ask(&site, method, target, "Accept-Encoding: gzip\r\n");
            assert!(method == "GET" || body.is_empty(), "{target}");
            // How long a compressed answer is shows only when it is made.
            let is_unknown = |name: &str| matches!(name, "content-length" | "transfer-encoding");
            headers.retain(|(name, _)| name != "date" && !(gzip && is_unknown(name)));
            headers
        });
        assert_eq!(heads[0], heads[1], "{target}");
        assert_eq!(
            field(&heads[1], "content-encoding"),
            gzip.then_some("gzip"),
            "{target}"
        );
    }
    let (headers, _) = ask(&site, "HEAD", "/", "Accept-Encoding: gzip\r\n");
    assert_eq!(field(&headers, "content-length"), None);
    assert_eq!(field(&headers, "etag"), Some("W/\"a\""));
}

#[test]
fn what_gains_nothing_is_left_alone() {
    let site = Site::new("compress = true", APP);
    for target in ["/small", "/image", "/encoded", "/transform", "/part"] {
        let (headers, body) = ask(&site, "GET", target, "Accept-Encoding: gzip\r\n");
        let coding = (target == "/encoded").then_some("br");
        assert_eq!(field(&headers, "content-encoding"), coding, "{target}");
        assert_eq!(field(&headers, "etag"), Some("\"a\""), "{target}");
        assert_eq!(
            body,
            if target == "/small" {
                b"small".to_vec()
            } else {
                plain()
            },
            "{target}"
        );
    }
}

#[test]
fn each_piece_can_be_read_when_it_comes() {
    let (site, mut gate) = Site::gated("compress = [\"text/*\"]", APP);
    let mut connection: Connection = site.connect();
    connection
        .send(b"GET /ticks HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n")
        .expect("it reads");
    let (_, headers) = connection.head().expect("it answers");
    assert_eq!(field(&headers, "content-encoding"), Some("gzip"));
    let mut packed = Vec::new();
    for so_far in ["first", "firstsecond", "firstsecondthird"] {
        packed.extend(connection.chunk().expect("a piece"));
        let mut plain = Vec::new();
        // There is more to come, which is not an end.
        let ended = MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut plain);
        assert!(ended.is_err());
        assert_eq!(String::from_utf8_lossy(&plain), so_far);
        gate.let_go(1);
    }
    loop {
        let chunk = connection.chunk().expect("a piece");
        if chunk.is_empty() {
            break;
        }
        packed.extend(chunk);
    }
    assert_eq!(unpacked(&packed), b"firstsecondthird");
    // The next answer on the same connection is not mixed with this one.
    let next = connection.get("/small").expect("it answers");
    assert_eq!(next.body, "small");
}

#[test]
fn only_what_is_named_is_compressed_and_nothing_by_default() {
    let site = Site::new("compress = \"application/json\"", APP);
    let (headers, _) = ask(&site, "GET", "/json", "Accept-Encoding: gzip\r\n");
    assert_eq!(field(&headers, "content-encoding"), Some("gzip"));
    let (headers, _) = ask(&site, "GET", "/", "Accept-Encoding: gzip\r\n");
    assert_eq!(
        (field(&headers, "content-encoding"), field(&headers, "vary")),
        (None, None)
    );
    let site = Site::new("", APP);
    let (headers, _) = ask(&site, "GET", "/", "Accept-Encoding: gzip\r\n");
    assert_eq!(
        (field(&headers, "content-encoding"), field(&headers, "vary")),
        (None, None)
    );
}
