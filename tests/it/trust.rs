//! Whose word about the client is believed: header fields and the PROXY protocol, over real sockets.

mod nginx;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Connection, Response, connect};
use crate::site::{Site, json as json_of, rest_of};

/// Tells what of its environ proxies have to do with.
const APP: &str = r"
import json
def application(environ, start_response):
    start_response('200 OK', [('Content-Type', 'application/json')])
    shown = {key: value for key, value in environ.items() if isinstance(value, str)}
    return [json.dumps(shown).encode()]
";

const FIELDS: &str = "X-Forwarded-For: 203.0.113.9, 192.0.2.1, 10.0.0.2\r\n\
    X-Forwarded-Proto: https\r\nX-Forwarded-Host: example.org\r\nX-Forwarded-Port: 8443\r\n\
    X-Forwarded-Prefix: /shop/\r\nX-Real-IP: 192.0.2.1\r\nX-Forwarded-Ssl: on\r\n";

fn request(fields: &str) -> Vec<u8> {
    format!("GET /a HTTP/1.1\r\nHost: inner\r\n{fields}\r\n").into_bytes()
}

#[track_caller]
fn has(environ: &Value, expected: &[(&str, Value)]) {
    for (key, value) in expected {
        let found = environ.get(*key).cloned().unwrap_or_default();
        assert_eq!(found, *value, "{key} of {environ:#}");
    }
}

/// What an app sees of a client that speaks for itself.
fn direct() -> [(&'static str, Value); 5] {
    [
        ("REMOTE_ADDR", json!("127.0.0.1")),
        ("wsgi.url_scheme", json!("http")),
        ("HTTP_HOST", json!("inner")),
        ("SCRIPT_NAME", json!("")),
        ("PATH_INFO", json!("/a")),
    ]
}

#[test]
fn a_believed_peer_speaks_for_its_client() {
    let site = Site::new("forwarded-allow = [\"127.0.0.1\", \"10.0.0.0/8\"]", APP);
    let environ = json_of(&site.ask(&request(FIELDS)));
    let expected = [
        ("REMOTE_ADDR", json!("192.0.2.1")),
        ("REMOTE_PORT", json!("0")),
        ("wsgi.url_scheme", json!("https")),
        ("HTTP_HOST", json!("example.org")),
        ("SERVER_PORT", json!("8443")),
        ("SCRIPT_NAME", json!("/shop")),
        ("PATH_INFO", json!("/a")),
        ("HTTP_X_FORWARDED_PROTO", json!("https")),
        ("HTTP_X_REAL_IP", json!("192.0.2.1")),
    ];
    has(&environ, &expected);

    let forwarded = "Forwarded: for=\"[2001:db8::7]:4711\";proto=https;host=\"b.example:444\"\r\n";
    let environ = json_of(&site.ask(&request(forwarded)));
    let expected = [
        ("REMOTE_ADDR", json!("2001:db8::7")),
        ("REMOTE_PORT", json!("4711")),
        ("wsgi.url_scheme", json!("https")),
        ("HTTP_HOST", json!("b.example:444")),
        ("SERVER_PORT", json!("444")),
    ];
    has(&environ, &expected);

    // The next request on a connection owes nothing to the one before.
    let mut connection = site.connect();
    for _ in 0..2 {
        connection.send(&request(FIELDS)).expect("it reads");
        let told = json_of(&connection.receive().expect("it answers"));
        has(&told, &[("REMOTE_ADDR", json!("192.0.2.1"))]);
        connection.send(&request("")).expect("it reads");
        has(
            &json_of(&connection.receive().expect("it answers")),
            &direct(),
        );
    }
}

#[test]
fn nonsense_of_a_believed_peer_is_not_believed() {
    let site = Site::new("forwarded-allow = \"*\"", APP);
    let nonsense = "X-Forwarded-For: not an address\r\nX-Forwarded-Proto: gopher\r\n\
        X-Forwarded-Host: a/b@c\r\nX-Forwarded-Port: -1\r\nX-Forwarded-Prefix: //evil.example\r\n";
    has(&json_of(&site.ask(&request(nonsense))), &direct());
    // A quotation that the client has left open.
    let open = "Forwarded: for=\"1.1.1.1, for=192.0.2.1\r\n";
    has(&json_of(&site.ask(&request(open))), &direct());
    // The proxy writes the one, the client has written the other.
    let both = "Forwarded: for=1.1.1.1;host=evil.example\r\nX-Forwarded-For: 192.0.2.1\r\n";
    let environ = json_of(&site.ask(&request(both)));
    let expected = [
        ("REMOTE_ADDR", json!("192.0.2.1")),
        ("HTTP_HOST", json!("inner")),
        ("HTTP_FORWARDED", Value::Null),
    ];
    has(&environ, &expected);
}

#[test]
fn what_others_say_is_taken_away() {
    let site = Site::new("forwarded-allow = [\"10.0.0.1\", \"unix\"]", APP);
    let fields = format!("{FIELDS}Forwarded: for=1.1.1.1\r\nX-Other: stays\r\n");
    let environ = json_of(&site.ask(&request(&fields)));
    has(&environ, &direct());
    let left = environ.as_object().expect("an object").keys();
    let left: Vec<_> = left
        .filter(|key| key.contains("FORWARDED") || key.contains("REAL_IP"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    has(&environ, &[("HTTP_X_OTHER", json!("stays"))]);
}

#[test]
fn without_the_option_nothing_is_believed_and_nothing_taken_away() {
    let site = Site::new("", APP);
    let environ = json_of(&site.ask(&request(FIELDS)));
    has(&environ, &direct());
    has(&environ, &[("HTTP_X_FORWARDED_PROTO", json!("https"))]);
}

#[test]
fn only_the_named_fields_are_believed() {
    let options = "forwarded-allow = \"127.0.0.1\"\nforwarded-fields = [\"x-forwarded-for\"]";
    let site = Site::new(options, APP);
    let environ = json_of(&site.ask(&request(FIELDS)));
    let expected = [
        ("REMOTE_ADDR", json!("10.0.0.2")),
        ("wsgi.url_scheme", json!("http")),
        ("HTTP_HOST", json!("inner")),
        ("HTTP_X_FORWARDED_HOST", Value::Null),
    ];
    has(&environ, &expected);
}

#[test]
fn a_unix_socket_is_believed_by_its_name() {
    let options = "http = \"site.sock\"\nready-path = \"/ready\"\n";
    for (allowed, expected) in [("unix", "192.0.2.1"), ("127.0.0.1", "")] {
        let site = Site::new(&format!("{options}forwarded-allow = \"{allowed}\""), APP);
        let environ = json_of(&site.ask(&request("X-Forwarded-For: 192.0.2.1\r\n")));
        has(&environ, &[("REMOTE_ADDR", json!(expected))]);
    }
}

fn version_2(command: u8, client: [u8; 4]) -> Vec<u8> {
    let mut bytes = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    // Addresses, ports 4711 and 443, and a word of the proxy's own (PP2_TYPE_NOOP).
    bytes.extend([command, 0x11, 0, 17]);
    bytes.extend(client);
    bytes.extend([10, 0, 0, 9, 0x12, 0x67, 0x01, 0xbb, 4, 0, 2, 9, 9]);
    bytes
}

const VERSION_1: &[u8] = b"PROXY TCP4 192.0.2.1 10.0.0.9 4711 443\r\n";

#[track_caller]
fn told(connection: &mut Connection, bytes: &[u8]) -> Value {
    connection.send(bytes).expect("it reads");
    let response: Response = connection.receive().expect("it answers");
    json_of(&response)
}

#[test]
fn the_proxy_protocol_names_the_client() {
    for threads in [1, 2] {
        let options = format!(
            "forwarded-allow = [\"127.0.0.1\", \"192.0.2.1\"]\nproxy-protocol = true\n\
             ready-path = \"/ready\"\nthreads = {threads}"
        );
        let site = Site::new(&options, APP);
        let client = [
            ("REMOTE_ADDR", json!("192.0.2.1")),
            ("REMOTE_PORT", json!("4711")),
            ("SERVER_PORT", json!("443")),
            ("wsgi.url_scheme", json!("http")),
        ];
        for preface in [VERSION_1.to_vec(), version_2(0x21, [192, 0, 2, 1])] {
            let mut connection = site.connect();
            let whole = [&*preface, &*request("")].concat();
            has(&told(&mut connection, &whole), &client);
            // It counts for the whole connection, and is not repeated.
            has(&told(&mut connection, &request("")), &client);
            // This client is believed itself.
            let environ = told(
                &mut connection,
                &request("X-Forwarded-For: 198.51.100.1\r\n"),
            );
            has(&environ, &[("REMOTE_ADDR", json!("198.51.100.1"))]);

            // Byte by byte, each in a segment of its own.
            let mut stream = site.stream();
            stream.set_nodelay(true).expect("an option");
            for byte in &preface {
                stream.write_all(&[*byte]).expect("it reads");
                std::thread::sleep(Duration::from_millis(1));
            }
            stream
                .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                .expect("it reads");
            assert!(rest_of(&mut stream).contains("\"REMOTE_ADDR\": \"192.0.2.1\""));
        }
        // A client that is not believed, whatever its proxy is.
        let mut connection = site.connect();
        let preface = version_2(0x21, [192, 0, 2, 2]);
        let whole = [&*preface, &*request("X-Forwarded-For: 198.51.100.1\r\n")].concat();
        has(
            &told(&mut connection, &whole),
            &[("REMOTE_ADDR", json!("192.0.2.2"))],
        );
        // The proxy's own question, by which it learns whether we live.
        for own in [version_2(0x20, [1, 1, 1, 1]), b"PROXY UNKNOWN\r\n".to_vec()] {
            let whole = [&*own, &*request("")].concat();
            let environ = told(&mut site.connect(), &whole);
            has(&environ, &[("REMOTE_ADDR", json!("127.0.0.1"))]);
        }
    }
}

#[test]
fn who_breaks_the_rule_of_the_proxy_protocol_is_shut_out_and_the_log_says_why() {
    let site = Site::new(
        "forwarded-allow = \"127.0.0.1\"\nproxy-protocol = true",
        APP,
    );
    for wrong in [
        request(""),
        b"PROXY TCP4 nonsense\r\n".to_vec(),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff".to_vec(),
    ] {
        assert_eq!(closed_by(&site, &wrong), "", "{}", wrong.escape_ascii());
    }
    let line = site.printed("closed a connection from 127.0.0.1: it does not begin with the PROXY");
    assert!(line.contains("leave `proxy-protocol` out"), "{line}");

    let site = Site::new("forwarded-allow = \"10.0.0.1\"\nproxy-protocol = true", APP);
    assert_eq!(closed_by(&site, &[VERSION_1, &request("")].concat()), "");
    assert_eq!(
        closed_by(
            &site,
            &[&*version_2(0x21, [1, 1, 1, 1]), &*request("")].concat()
        ),
        ""
    );
    site.printed("it speaks the PROXY protocol and is not in `forwarded-allow`");
    // Everybody else is served as ever.
    has(&json_of(&site.ask(&request(""))), &direct());
}

/// What comes back before the server closes. It may reset, having left bytes unread.
fn closed_by(site: &Site, bytes: &[u8]) -> String {
    let mut stream = site.stream();
    stream.write_all(bytes).expect("it reads");
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let is_reset = ended.is_err_and(|error| error.kind() != std::io::ErrorKind::ConnectionReset);
    assert!(!is_reset, "it did not close");
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_peer_that_leaves_in_the_middle_of_a_preface_is_forgotten() {
    let site = Site::new(
        "forwarded-allow = \"127.0.0.1\"\nproxy-protocol = true",
        APP,
    );
    for end in [0, 1, 6, 20] {
        let mut stream = site.stream();
        let (part, _) = VERSION_1.split_at(end);
        stream.write_all(part).expect("it reads");
        stream
            .shutdown(Shutdown::Write)
            .expect("a socket has two ends");
        assert_eq!(rest_of(&mut stream), "");
    }
    let whole = [VERSION_1, &*request("")].concat();
    has(
        &told(&mut connect(&site.address).expect("it listens"), &whole),
        &[],
    );
}
