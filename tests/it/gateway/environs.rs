//! What apps are told: beside what uWSGI tells the same app behind the same nginx.

use serde_json::{Value, json};

use super::APP;
use super::front::{Behind, ask, get};
use crate::harness::Response;

const REQUEST: &str = "POST /env/a%20b%2Fc%C3%A4?x=1&y=%20 HTTP/1.1\r\nHost: site:81\r\n\
    Connection: close\r\nX-One: 1\r\nCookie: a=b\r\nContent-Type: text/x\r\nUser-Agent: t\r\n\
    Content-Length: 2\r\n\r\n";

fn shown(response: &Response) -> Value {
    serde_json::from_str(&response.body).unwrap_or_else(|error| panic!("{error}: {response:?}"))
}

#[test]
fn the_environ_is_what_the_web_server_says() {
    let behind = Behind::new("", APP);
    for (what, address) in &behind.fronts {
        let environ = shown(&ask(address, REQUEST, b"ab"));
        let (_, port) = address.rsplit_once(':').expect("a port");
        let expected = [
            ("REQUEST_METHOD", "POST"),
            ("PATH_INFO", "/env/a b/c\u{c3}\u{a4}"),
            ("SCRIPT_NAME", ""),
            ("QUERY_STRING", "x=1&y=%20"),
            ("REQUEST_URI", "/env/a%20b%2Fc%C3%A4?x=1&y=%20"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("SERVER_NAME", "localhost"),
            ("SERVER_PORT", port),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("REQUEST_SCHEME", "http"),
            ("wsgi.url_scheme", "http"),
            ("CONTENT_LENGTH", "2"),
            ("CONTENT_TYPE", "text/x"),
            ("HTTP_HOST", "site:81"),
            ("HTTP_X_ONE", "1"),
            ("HTTP_COOKIE", "a=b"),
            ("HTTP_USER_AGENT", "t"),
        ];
        for (key, value) in expected {
            assert_eq!(environ[key], json!(value), "{key} over {what}: {environ:#}");
        }
        let port = environ["REMOTE_PORT"].as_str().expect("a port");
        assert!(port.parse::<u16>().is_ok(), "{environ:#}");
    }
    // Told once a worker, however often it comes.
    let printed = behind.emperor.output();
    get(&behind.fronts[0].1, "/last");
    let is_about = |name: &str, line: &Value| {
        let line = line.to_string();
        line.contains(name) && line.contains("is ignored")
    };
    printed.wait("the last request is told", |line| {
        line.to_string().contains("/last").then_some(())
    });
    for name in ["UWSGI_SCRIPT", "UWSGI_SETENV"] {
        let told = printed.so_far();
        let told = told.iter().filter(|line| is_about(name, line)).count();
        assert_eq!(told, 1, "{name}");
    }
}
