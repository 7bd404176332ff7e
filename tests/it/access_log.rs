//! A line a request: for errors by default, for all or none by option.

use std::collections::HashSet;
use std::io::Write;
use std::net::Shutdown;

use serde_json::Value;

use crate::site::{Site, rest_of};

const APP: &str = r"
def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/raises':
        raise RuntimeError('raised')
    if path == '/end':
        print('the end', flush=True)
    start_response({'/busy': '503 Busy', '/missing': '404 Missing'}.get(path, '200 OK'), [])
    return [b'four']
";

/// The lines of the access log after these requests.
fn lines(options: &str) -> Vec<String> {
    let site = Site::new(options, APP);
    for path in ["/", "/missing", "/busy?a=b", "/raises", "/\u{9b}31m\"q\"\\"] {
        site.ask(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
    }
    site.ask(b"POST /busy HTTP/1.0\r\n\r\n");
    site.get("/end");
    let said = site.said_until("the end");
    // All but the time that it took.
    said.iter()
        .filter(|line| line.contains(" HTTP/1."))
        .map(|line| line.rsplit_once(' ').expect("several words").0.to_owned())
        .filter(|line| !line.contains("/end"))
        .collect()
}

#[test]
fn errors_are_told() {
    let errors = [
        r#"127.0.0.1 - "GET /busy?a=b HTTP/1.1" 503 4"#,
        r#"127.0.0.1 - "GET /raises HTTP/1.1" 500 26"#,
        r#"127.0.0.1 - "POST /busy HTTP/1.0" 503 4"#,
    ];
    assert_eq!(lines(""), errors);
    assert_eq!(lines("access-log = \"errors\""), errors);
}

#[test]
fn all_are_told_and_nothing_can_be_forged() {
    let told = lines("access-log = \"all\"");
    assert_eq!(
        told[..4],
        [
            r#"127.0.0.1 - "GET / HTTP/1.1" 200 4"#,
            r#"127.0.0.1 - "GET /missing HTTP/1.1" 404 4"#,
            r#"127.0.0.1 - "GET /busy?a=b HTTP/1.1" 503 4"#,
            r#"127.0.0.1 - "GET /raises HTTP/1.1" 500 26"#,
        ]
    );
    assert_eq!(told.len(), 6, "{told:#?}");
    assert!(
        told.iter().all(|line| !line.contains(char::is_control)),
        "{told:?}"
    );
    assert!(told[4].contains(r#"31m\"q\"\\"#), "{told:?}");
}

#[test]
fn none_are_told() {
    assert_eq!(lines("access-log = \"off\""), Vec::<String>::new());
}

/// What is told of these requests.
fn told(options: &str, requests: &[&str]) -> Vec<String> {
    let site = Site::new(options, APP);
    for request in requests {
        site.ask(request.replace('|', "\r\n").as_bytes());
    }
    site.get("/end");
    let said = site.said_until("the end");
    said.into_iter()
        .filter(|line| line.contains("/1."))
        .collect()
}

#[test]
fn a_format_of_ones_own_says_what_it_is_asked_for() {
    let options = r#"access-log = "all"
        log-format = "%(addr) %(method) %(path) [%(query)] %(proto) %(status) %(rsize) %(host) '%(uagent)' %{Referer}i %(var.HTTP_X_A) %(cl) %(wid) %(core) %(user) 100%%""#;
    let lines = told(
        options,
        &[
            "POST /missing?a=b HTTP/1.1|Host: h|User-Agent: \"u\"|X-A: \u{9b}1m|Content-Length: 2||xy",
        ],
    );
    assert_eq!(
        lines[0],
        r#"127.0.0.1 POST /missing [a=b] HTTP/1.1 404 4 h '\"u\"' - \u{9b}1m 2 1 0 - 100%"#
    );
}

#[test]
fn apaches_own_form_is_told() {
    let options = "access-log = \"all\"\nlog-format = \"combined\"";
    let lines = told(
        options,
        &["GET /?a HTTP/1.0|Referer: http://r/|User-Agent: curl||"],
    );
    let (before, after) = lines[0].split_once('[').expect("a time");
    assert_eq!(before, "127.0.0.1 - - ");
    let (time, after) = after.split_once(']').expect("its end");
    assert!(time.ends_with(" +0000") && time.len() == 26, "{time}");
    assert_eq!(after, r#" "GET /?a HTTP/1.0" 200 4 "http://r/" "curl""#);
}

#[test]
fn json_is_told() {
    let options = "access-log = \"all\"\nlog-format = \"json\"\nrequest-id = true";
    let lines = told(
        options,
        &["GET /\"x?y HTTP/1.1|Host: h|User-Agent: \\\u{fc}||"],
    );
    let line: Value = serde_json::from_str(&lines[0]).expect("JSON");
    assert_eq!(line["uri"], "/\"x?y");
    assert_eq!(line["status"], 200);
    assert_eq!(line["user_agent"], "\\\u{fc}");
    assert_eq!(line["referer"], Value::Null);
    assert_eq!(line["request_id"].as_str().map(str::len), Some(32));
    assert!(line["micros"].is_u64() && line["pid"].is_u64());
}

#[test]
fn further_requests_are_told_beside_what_access_log_says() {
    let paths = |options: &str| -> Vec<String> {
        let app = APP.replace(
            "    if path == '/end'",
            "    if path == '/slow':\n        import time; time.sleep(0.3)\n    if path == '/end'",
        );
        let site = Site::new(&format!("{options}\nlog-format = \"told %U\""), &app);
        for path in ["/", "/missing", "/busy", "/raises", "/slow"] {
            site.get(path);
        }
        site.get("/end");
        let said = site.said_until("the end");
        said.iter()
            .filter_map(|line| line.strip_prefix("told "))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(paths("access-log = \"off\"\nlog-4xx = true"), ["/missing"]);
    assert_eq!(
        paths("access-log = \"off\"\nlog-5xx = true"),
        ["/busy", "/raises"]
    );
    assert_eq!(
        paths("log-slow = 300\nlog-4xx = true"),
        ["/missing", "/busy", "/raises", "/slow"]
    );
    assert_eq!(
        paths("access-log = \"off\"\nlog-slow = \"300ms\""),
        ["/slow"]
    );
}

const NAMED: &str = r"
def application(environ, start_response):
    name = environ.get('HTTP_X_REQUEST_ID', 'none') + environ.get('HTTP_X_TRACE', '')
    if environ['PATH_INFO'] == '/raises':
        raise RuntimeError('raised')
    if environ['PATH_INFO'] == '/end':
        print('the end', flush=True)
    fields = [('X-Request-ID', 'of the app')] if environ['PATH_INFO'] == '/own' else []
    write = start_response('200 OK', fields)
    if environ['PATH_INFO'] == '/streamed':
        write(name.encode())
        return []
    return [name.encode()]
";

#[test]
fn each_request_has_a_name_that_app_client_and_log_share() {
    let site = Site::new("request-id = true\naccess-log = \"all\"", NAMED);
    let mut names = HashSet::new();
    for path in ["/", "/own", "/streamed", "/"] {
        let response = site.get(path);
        let fields = response.headers.iter();
        let given: Vec<_> = fields
            .filter(|(field, _)| field == "x-request-id")
            .collect();
        let expected = ("x-request-id".to_owned(), response.body.clone());
        assert_eq!(given, [&expected], "{path}");
        assert!(
            response.body.len() == 32 && response.body.bytes().all(|byte| byte.is_ascii_hexdigit())
        );
        assert!(names.insert(response.body), "a name is given once");
    }
    let failed = site.get("/raises");
    assert_eq!(failed.status, 500);
    names.insert(failed.header("x-request-id").expect("a name").to_owned());
    // Nobody is believed.
    let given = site.ask(b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\n\r\n");
    assert!(given.body.len() == 32, "{}", given.body);
    site.get("/end");
    let said = site.said_until("the end");
    for name in names {
        let lines = said
            .iter()
            .filter(|line| line.ends_with(&format!("ms {name}")));
        assert_eq!(lines.count(), 1, "{name} in {said:#?}");
    }
}

#[test]
fn a_believed_peer_names_requests_itself() {
    let options = "request-id = \"X-Trace\"\nforwarded-allow = \"127.0.0.1\"";
    let site = Site::new(options, NAMED);
    let given = |value: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{value}\r\n");
        let response = site.ask(request.as_bytes());
        let name = response.header("x-trace").expect("a name").to_owned();
        assert_eq!(response.body, format!("none{name}"));
        name
    };
    assert_eq!(given("X-Trace: Root=1-5759e988\r\n"), "Root=1-5759e988");
    for odd in [
        "",
        "X-Trace: a b\r\n",
        "X-Trace: \r\n",
        "X-Trace: a\r\nX-Trace: b\r\n",
        &format!("X-Trace: {}\r\n", "a".repeat(129)),
    ] {
        assert_eq!(given(odd).len(), 32, "{odd}");
    }
}

#[test]
fn without_the_option_names_are_the_apps_own_affair() {
    let site = Site::new("", NAMED);
    let response = site.ask(b"GET / HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\n\r\n");
    assert_eq!(
        (response.header("x-request-id"), &*response.body),
        (None, "mine")
    );
}

const SIZED: &str = r"
def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/end':
        print('the end', flush=True)
    status = {'/empty': '204 No Content', '/own': '200 Fine', '/raises': '500 X'}.get(path, '200 OK')
    fields = [('Date', 'x'), ('X-A', 'b'), ('X-A', 'c')] if path == '/own' else []
    if path == '/length':
        fields = [('Content-Length', '4')]
    write = start_response(status, fields)
    if path == '/raises':
        raise RuntimeError('raised')
    if path == '/written':
        write(b'four')
        return []
    return [] if path in ('/empty', '/nothing') else [b'four']
";

#[test]
fn sizes_are_those_of_what_is_sent() {
    let options = "access-log = \"all\"\nlog-format = \"sized %(hsize) %(rsize) %(size)\"";
    let site = Site::new(options, SIZED);
    let mut expected = Vec::new();
    let targets = [
        "/", "/own", "/length", "/empty", "/nothing", "/written", "/raises",
    ];
    let ways = [
        ("GET", "HTTP/1.1", ""),
        ("GET", "HTTP/1.1", "Connection: close\r\n"),
        ("GET", "HTTP/1.0", ""),
        ("GET", "HTTP/1.0", "Connection: keep-alive\r\n"),
        ("HEAD", "HTTP/1.1", ""),
    ];
    for (method, version, field) in ways {
        for target in targets {
            let mut stream = site.stream();
            let request = format!("{method} {target} {version}\r\nHost: a\r\n{field}\r\n");
            stream.write_all(request.as_bytes()).expect("it reads");
            stream.shutdown(Shutdown::Write).expect("it is open");
            let answer = rest_of(&mut stream);
            let head = answer.find("\r\n\r\n").expect("a head") + 4;
            expected.push((request, head));
        }
    }
    let mut refused = site.stream();
    refused
        .write_all(b"GET / HTTP/1.1\r\n\r\n")
        .expect("it reads");
    let head = rest_of(&mut refused).find("\r\n\r\n").expect("a head") + 4;
    expected.push(("refused".to_owned(), head));
    site.get("/end");
    let said = site.said_until("the end");
    let told: Vec<Vec<usize>> = said
        .iter()
        .filter_map(|line| line.strip_prefix("sized "))
        .map(|line| {
            line.split(' ')
                .map(|word| word.parse().expect("a number"))
                .collect()
        })
        .collect();
    for ((request, head), told) in expected.iter().zip(&told) {
        assert_eq!((told[0], told[2]), (*head, head + told[1]), "{request}");
    }
    assert!(told.len() >= expected.len(), "{told:?}");
}
