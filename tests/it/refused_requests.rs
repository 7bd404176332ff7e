//! What the log says of requests that were refused before any app could hear of them.

use std::collections::BTreeMap;
use std::io::Write;

use crate::site::{Site, rest_of};

const APP: &str = r"
def application(environ, start_response):
    if environ['PATH_INFO'] == '/end':
        print('the end', flush=True)
    start_response('200 OK', [])
    return [b'four']
";

/// The lines about requests that were not answered by the app, each without its time.
fn told(site: &Site) -> Vec<String> {
    site.get("/end");
    let said = site.said_until("the end");
    said.iter()
        .filter(|line| line.contains(" - \"") && !line.contains("/end"))
        .map(|line| line.rsplit_once(' ').expect("several words").0.to_owned())
        .collect()
}

/// Requests, and what is told of them.
fn refused() -> [(String, String); 10] {
    let long = "a".repeat(100_000);
    let shown = format!("{}…", "a".repeat(511));
    [
        ("GET /a HTTP/1.1||", r#""GET /a HTTP/1.1" 400 16"#),
        (
            "GET /a\"\u{1b}[0m HTTP/1.1|Host: a||",
            r#""GET /a\"\u{1b}[0m HTTP/1.1" 400 16"#,
        ),
        ("GET  / HTTP/1.1|Host: a||", r#""GET - / HTTP/1.1" 400 16"#),
        ("\u{16}\u{3}\u{1}", r#""\u{16}\u{3}\u{1} - -" 400 16"#),
        (
            "|GET /a HTTP/1.1|Host: a|X : b||",
            r#""GET /a HTTP/1.1" 400 16"#,
        ),
        ("GET /LONG HTTP/1.1|Host: a||", r#""GET /SHOWN -" 414 17"#),
        (
            "GET /a HTTP/1.1|Host: a|X: LONG||",
            r#""GET /a HTTP/1.1" 431 36"#,
        ),
        (
            "CONNECT a:443 HTTP/1.1|Host: a||",
            r#""CONNECT a:443 HTTP/1.1" 501 20"#,
        ),
        ("GET /a HTTP/3.0|Host: a||", r#""GET /a HTTP/3.0" 505 31"#),
        (
            "GET /good HTTP/1.1|Host: a||GET /bad HTTP/1.1||",
            r#""GET /bad HTTP/1.1" 400 16"#,
        ),
    ]
    .map(|(request, line)| {
        let request = request.replace("LONG", &long).replace('|', "\r\n");
        let line = line.replace("SHOWN", &shown);
        (request, format!("127.0.0.1 - {line}"))
    })
}

/// What is told of all of them, with these options.
fn told_with(options: &str) -> (Vec<String>, Vec<String>) {
    let site = Site::new(options, APP);
    let refused = refused();
    for (request, _) in &refused {
        let mut stream = site.stream();
        stream.write_all(request.as_bytes()).expect("it reads");
        let answer = rest_of(&mut stream);
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
    (told(&site), refused.map(|(_, line)| line).into())
}

#[test]
fn what_is_refused_is_told_as_far_as_it_came() {
    let (lines, expected) = told_with("access-log = \"off\"\nlog-4xx = true\nlog-5xx = true");
    assert_eq!(lines, expected);
}

#[test]
fn by_default_what_is_no_fault_of_the_client_is_told() {
    let (lines, expected) = told_with("");
    let server = |line: &String| line.contains("\" 50");
    let expected: Vec<_> = expected.into_iter().filter(server).collect();
    assert_eq!(lines, expected);
    assert_eq!(told_with("access-log = \"off\"").0, Vec::<String>::new());
}

#[test]
fn what_did_not_come_in_time_is_told() {
    let options = "log-4xx = true\nhttp-headers-timeout = 1\nsocket-timeout = 1";
    let site = Site::new(options, APP);
    for (part, line) in [
        ("GET /in-part HTTP/1.1\r\nHos", "GET /in-part HTTP/1.1"),
        ("GET /in", "GET /in -"),
        (
            "POST /body?a HTTP/1.0\r\nContent-Length: 5\r\n\r\nab",
            "POST /body?a HTTP/1.0",
        ),
    ] {
        let mut stream = site.stream();
        stream.write_all(part.as_bytes()).expect("it reads");
        assert!(rest_of(&mut stream).starts_with("HTTP/1.1 408 "));
        site.printed(&format!("127.0.0.1 - \"{line}\" 408 20 0ms"));
    }
}

#[test]
fn what_is_refused_has_a_name_too() {
    let site = Site::new("log-4xx = true\nrequest-id = true", APP);
    let answer = site.ask(b"GET / HTTP/1.1\r\n\r\n");
    let name = answer.header("x-request-id").expect("a name");
    assert_eq!((answer.status, name.len()), (400, 32));
    site.printed(&format!("\"GET / HTTP/1.1\" 400 16 0ms {name}"));
}

#[test]
fn a_flood_is_counted_and_not_told() {
    const FLOOD: usize = 300;
    let site = Site::new("log-4xx = true\nprocesses = 1", APP);
    for number in 0..FLOOD {
        let request = format!("GET /{number} HTTP/1.1\r\n\r\n");
        assert_eq!(site.ask(request.as_bytes()).status, 400);
    }
    // The worker says what is left when it goes.
    site.emperor.deploy(&site.vassal, APP);
    site.emperor.ready_after(&site.vassal, 1);
    let mut numbers = BTreeMap::new();
    for line in site.said_until("were left out of the log of requests") {
        if let Some((_, rest)) = line.split_once("\"GET /") {
            let told = numbers.entry("told").or_insert(0);
            *told += usize::from(rest.contains("\" 400 16"));
        } else if line.contains("were left out") {
            let count = line
                .split(' ')
                .nth(1)
                .and_then(|count| count.parse::<usize>().ok());
            *numbers.entry("left out").or_insert(0) += count.expect("a number");
        }
    }
    assert_eq!(numbers["told"] + numbers["left out"], FLOOD, "{numbers:?}");
    assert!(
        numbers["told"] >= 10 && numbers["told"] < FLOOD / 2,
        "{numbers:?}"
    );
}
