//! Every rule of the wire, over raw sockets: what is refused with which status, and that no app ever
//! hears of it. `docs/http.md` has the same rules as a table.

use std::io::Write;

use crate::site::{Site, json, rest_of};

/// Remembers every request that reaches it; `/seen` tells and forgets them.
pub(crate) const RECORDER: &str = r"
import json
seen = []

def application(environ, start_response):
    if environ['PATH_INFO'] == '/seen':
        told = json.dumps(seen)
        seen.clear()
        start_response('200 OK', [('Content-Type', 'application/json')])
        return [told.encode()]
    path = environ['REQUEST_URI']
    seen.append([environ['REQUEST_METHOD'], path, None])
    body = environ['wsgi.input'].read()
    seen[-1][2] = body.decode('latin-1')
    start_response('200 OK', [])
    return [b'reached']
";

const HOST: &str = "Host: a\r\n";

/// What is refused: the status, and the request.
fn refused() -> Vec<(u16, String)> {
    let get = |fields: &str| format!("GET /bad HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
    let post =
        |fields: &str, body: &str| format!("POST /bad HTTP/1.1\r\nHost: a\r\n{fields}\r\n{body}");
    let chunked = |body: &str| post("Transfer-Encoding: chunked\r\n", body);
    let line = |line: &str| format!("{line}\r\n{HOST}\r\n");
    let host = |value: &str| format!("GET /bad HTTP/1.1\r\nHost: {value}\r\n\r\n");
    let coded = |value: &str| post(&format!("Transfer-Encoding: {value}\r\n"), "0\r\n\r\n");
    let sized = |value: &str| post(&format!("Content-Length: {value}\r\n"), "hello");
    let mut table = Vec::new();
    let mut all = |status: u16, requests: Vec<String>| {
        table.extend(requests.into_iter().map(|request| (status, request)));
    };
    // The request line.
    all(
        400,
        [
            " ",
            "GET",
            "GET /bad",
            "GET  /bad HTTP/1.1",
            "GET /bad  HTTP/1.1",
            "GET /bad HTTP/1.1 ",
            " GET /bad HTTP/1.1",
            "GET\t/bad\tHTTP/1.1",
            "GET /bad x HTTP/1.1",
            "GET /bad http/1.1",
            "GET /bad HTTP/1",
            "GET /bad HTTP/1.1.1",
            "GET /bad HTTP/1.10",
            "GET /bad HTTP/x.1",
            "GET /bad HTTP 1.1",
            "GET /bad HTCPCP/1.0",
            "G@T /bad HTTP/1.1",
            "G\0T /bad HTTP/1.1",
            "GET: /bad HTTP/1.1",
            "G\u{c9}T /bad HTTP/1.1",
            "GET /bad\u{b} HTTP/1.1",
        ]
        .map(line)
        .into(),
    );
    all(
        505,
        [
            "GET /bad HTTP/3.0",
            "GET /bad HTTP/2.0",
            "GET /bad HTTP/0.9",
            "GET /bad HTTP/9.9",
        ]
        .map(line)
        .into(),
    );
    all(505, vec!["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned()]);
    // The target.
    all(
        400,
        [
            "bad",
            "?bad",
            "a:80",
            "*",
            "*/bad",
            "/bad#f",
            "/bad?a#f",
            "/bad\u{e9}",
            "/bad\x7f",
            "/bad\0",
            "/bad\x01",
            "/<bad>",
            "/bad\"",
            "/bad`",
            "http://",
            "http:///bad",
            "http://u@a/bad",
            "http://u:p@a/bad",
            "http://a b/bad",
            "http://a:x/bad",
            "http://a:99999/bad",
            "ftp://a/bad",
            "http//a/bad",
        ]
        .map(|target| line(&format!("GET {target} HTTP/1.1")))
        .into(),
    );
    all(
        400,
        [
            "CONNECT /bad",
            "CONNECT *",
            "CONNECT a",
            "CONNECT http://a/bad",
            "OPTIONS **",
            "OPTIONS bad",
        ]
        .map(|start| line(&format!("{start} HTTP/1.1")))
        .into(),
    );
    all(501, vec![line("CONNECT a:443 HTTP/1.1")]);
    // Line ends, blanks and bytes that nothing may contain.
    all(
        400,
        vec![
            "GET /bad HTTP/1.1\nHost: a\n\n".to_owned(),
            "GET /bad HTTP/1.1\nHost: a\r\n\r\n".to_owned(),
            "GET /bad HTTP/1.1\r\nHost: a\n\r\n".to_owned(),
            "GET /bad HTTP/1.1\r\nHost: a\r\n\n".to_owned(),
            "GET /bad HTTP/1.1\rHost: a\r\r".to_owned(),
            "\nGET /bad HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "\r\n\r\nGET /bad HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            "GET /bad HTTP/1.1\r\n Host: a\r\n\r\n".to_owned(),
            "GET /bad HTTP/1.1\r\nHost : a\r\n\r\n".to_owned(),
            get("X : y\r\n"),
            get("X\t: y\r\n"),
            get(" folded: y\r\n"),
            get("X: y\r\n folded\r\n"),
            get("X: y\r\n\tfolded\r\n"),
            get("X: a\rb\r\n"),
            get("X: a\r\r\n"),
            get("X: a\0b\r\n"),
            get("X: \x07\r\n"),
            get("X: \x7f\r\n"),
            get("X\0: y\r\n"),
            get("X\u{e9}: y\r\n"),
            get(": y\r\n"),
            get("X\r\n"),
            get("(X): y\r\n"),
            get("X Y: y\r\n"),
        ],
    );
    // Names that shadow another in the environ.
    all(
        400,
        vec![
            get("X-Real-Ip: 1\r\nX_Real_Ip: 2\r\n"),
            get("x_real-ip: 2\r\nX-Real-IP: 1\r\n"),
            post("Content_Length: 9\r\nContent-Length: 5\r\n", "hello"),
        ],
    );
    // The host.
    all(
        400,
        vec![
            "GET /bad HTTP/1.1\r\n\r\n".to_owned(),
            get("Host: a\r\n"),
            get("host: b\r\n"),
            "GET http://a/bad HTTP/1.1\r\n\r\n".to_owned(),
            "GET /bad HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(),
        ],
    );
    all(
        400,
        [
            "a b", "a/b", "a\\b", "u@a", "a:b", "a:65536", "a:-1", "a:1:2", "a,b", ":80", "[::1",
            "::1", "[a]", "a%41", "a\u{e9}", "a?", "a#", "<a>", "\"a\"",
        ]
        .map(host)
        .into(),
    );
    // Where the body ends.
    all(
        400,
        [
            "+5",
            "-5",
            "5, 5",
            "5,5",
            "5 5",
            "5 0",
            "0x5",
            "5.0",
            "",
            ",",
            "five",
            "5;",
            "\u{b2}",
            "9223372036854775808",
            "18446744073709551616",
            "99999999999999999999999",
        ]
        .map(sized)
        .into(),
    );
    all(
        400,
        vec![
            post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
            post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"),
            post(
                "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
            ),
            post(
                "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
                "0\r\n\r\n",
            ),
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
            ),
            post(
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
                "0\r\n\r\n",
            ),
            "POST /bad HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        ],
    );
    all(
        400,
        [
            "",
            "identity",
            "gzip",
            "xchunked",
            "chunkedx",
            "chunked, chunked",
            "chunked, identity",
            "chunked,",
            ", chunked",
            "\"chunked\"",
            "chunked;q=1",
            "\x0bchunked",
        ]
        .map(coded)
        .into(),
    );
    all(
        501,
        vec![
            coded("gzip, chunked"),
            coded("identity, chunked"),
            post(
                "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
            ),
        ],
    );
    // Chunks. What has come with the head is looked at before the app is called.
    all(
        400,
        [
            "\r\n",
            "zz\r\n",
            "-1\r\n",
            "+5\r\nhello\r\n",
            " 5\r\nhello\r\n",
            "5 \r\nhello\r\n",
            "0x5\r\nhello\r\n",
            "5\nhello\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhelloX\r\n0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5_0\r\n",
            "ffffffffffffffffff\r\n",
            "10000000000000005\r\nhello\r\n",
            "5;\nhello\r\n",
            "5;a\0b\r\nhello\r\n",
            "5;a\rb\r\nhello\r\n",
            "0\r\n\n",
            "0\r\nX: y\n\r\n",
            "0\r\n folded\r\n\r\n",
            "0\r\nX : y\r\n\r\n",
            "0\r\nX: \0\r\n\r\n",
            "0\r\nX\r\n\r\n",
            "0\n\n",
        ]
        .map(chunked)
        .into(),
    );
    all(
        400,
        vec![
            chunked(&format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(5000))),
            chunked(&format!("{}0\r\n\r\n", "1;aaaaaaaaa\r\nx\r\n".repeat(600))),
            chunked(&format!("0\r\n{}\r\n", "X: y\r\n".repeat(101))),
        ],
    );
    // Limits.
    all(
        414,
        vec![line(&format!("GET /{} HTTP/1.1", "bad".repeat(3000)))],
    );
    all(
        431,
        vec![
            get(&format!("X: {}\r\n", "y".repeat(8200))),
            get(&"X: y\r\n".repeat(100)),
        ],
    );
    all(
        413,
        vec![
            sized("100001"),
            post("Expect: 100-continue\r\nContent-Length: 100001\r\n", ""),
        ],
    );
    all(
        417,
        vec![
            get("Expect: 200-ok\r\n"),
            post("Expect: 100-continue, x\r\nContent-Length: 5\r\n", "hello"),
        ],
    );
    table
}

#[test]
fn what_breaks_a_rule_is_refused_and_reaches_no_app() {
    let site = Site::new("buffer-size = \"8K\"\nlimit-post = 100000", RECORDER);
    let table = refused();
    assert!(table.len() > 150, "only {} cases", table.len());
    let mut wrong = Vec::new();
    for (status, request) in table {
        // Characters stand for bytes, and what follows must never be taken for a request of its own.
        let mut bytes: Vec<u8> = request
            .chars()
            .map(|c| u8::try_from(c).expect("a byte"))
            .collect();
        bytes.extend_from_slice(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        let answer = site.everything(&bytes);
        let seen = json(&site.get("/seen")).to_string();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let has = |field: &str| head.to_ascii_lowercase().contains(&format!("\r\n{field}"));
        let is_right = head.starts_with(&format!("HTTP/1.1 {status} "))
            && body.starts_with(&format!("{status} "))
            && body.ends_with('\n')
            && answer.matches("HTTP/1.").count() == 1
            && [
                "connection: close\r\n",
                "server: lictor",
                "date: ",
                "content-type: text/plain",
                "content-length: ",
            ]
            .iter()
            .all(|field| has(field.trim_end()))
            && seen == "[]";
        if !is_right {
            wrong.push(format!(
                "{:?}\nshould be {status}; seen {seen}:\n{answer}",
                request.get(..200).unwrap_or(&request)
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn what_is_unusual_and_right_is_served() {
    let site = Site::new("", RECORDER);
    for (request, seen) in [
        (
            "\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n",
            r#"["GET","/a",""]"#,
        ),
        ("GET /a HTTP/1.7\r\nHost: a\r\n\r\n", r#"["GET","/a",""]"#),
        ("GET /a HTTP/1.0\r\n\r\n", r#"["GET","/a",""]"#),
        ("get /a HTTP/1.1\r\nHost: a\r\n\r\n", r#"["get","/a",""]"#),
        (
            "M-SEARCH /a HTTP/1.1\r\nHost:\r\n\r\n",
            r#"["M-SEARCH","/a",""]"#,
        ),
        (
            "TRACE /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
            r#"["TRACE","/a",""]"#,
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            r#"["OPTIONS","*",""]"#,
        ),
        (
            "GET HTTP://b:81/a?b HTTP/1.1\r\nHost: a\r\n\r\n",
            r#"["GET","/a?b",""]"#,
        ),
        (
            "GET //a/../b?c=[d]{|}` HTTP/1.1\r\nHost: a\r\n\r\n",
            r#"["GET","//a/../b?c=[d]{|}`",""]"#,
        ),
        (
            "GET /a HTTP/1.1\r\nHost: a\r\nX_Only: b\r\n\r\n",
            r#"["GET","/a",""]"#,
        ),
        (
            "GET /a HTTP/1.1\r\nHost:\ta \t\r\nX:\r\nY: \u{e9}\tz\r\n\r\n",
            r#"["GET","/a",""]"#,
        ),
        (
            "GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
            r#"["GET","/a",""]"#,
        ),
        ("GET /a HTTP/1.0\r\nExpect: x\r\n\r\n", r#"["GET","/a",""]"#),
        (
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length:  005 \r\n\r\n\n\r\0\nx",
            r#"["POST","/a","\n\r\u0000\nx"]"#,
        ),
        (
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n05 ;a=\"b\"\r\n\r\n\r\n.\r\n0\r\nX: y\r\n\r\n",
            r#"["POST","/a","\r\n\r\n."]"#,
        ),
    ] {
        let bytes: Vec<u8> = request
            .chars()
            .map(|c| u8::try_from(c).expect("a byte"))
            .collect();
        let answer = site.ask(&bytes);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, "reached"),
            "{request:?}"
        );
        assert_eq!(
            json(&site.get("/seen")).to_string(),
            format!("[{seen}]"),
            "{request:?}"
        );
    }
}

#[test]
fn requests_before_a_refused_one_are_answered_first() {
    let site = Site::new("", RECORDER);
    let good = "POST /good HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    for bad in [
        "GET /bad HTTP/1.1\nHost: a\n\n",
        "GET /bad HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    ] {
        let answer = site.everything(format!("{good}{good}{bad}{good}").as_bytes());
        let statuses: Vec<&str> = answer
            .match_indices("HTTP/1.1 ")
            .map(|(at, _)| &answer[at + 9..at + 12])
            .collect();
        assert_eq!(statuses, ["200", "200", "400"], "{answer}");
        let seen = json(&site.get("/seen"));
        assert_eq!(seen.as_array().map(Vec::len), Some(2), "{seen}");
    }
}

#[test]
fn a_refused_head_may_come_byte_by_byte() {
    let site = Site::new("", RECORDER);
    let mut stream = site.stream();
    stream.set_nodelay(true).expect("it is TCP");
    for byte in b"GET /bad HTTP/1.1\r\nHost: a\r\nX : b" {
        // It may be refused before the end.
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
    }
    let _closed = stream.write_all(b"\r\n\r\n");
    let answer = rest_of(&mut stream);
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    assert_eq!(json(&site.get("/seen")).to_string(), "[]");
}

#[test]
fn a_chunk_that_breaks_while_the_app_reads_is_a_400_too() {
    let (site, mut gate) = Site::gated(
        "",
        r"
def application(environ, start_response):
    print('reading', flush=True)
    with open('gate', 'rb', 0) as gate:
        gate.read(1)
    try:
        environ['wsgi.input'].read()
    except OSError as error:
        print('broken off', flush=True)
        raise
    start_response('200 OK', [])
    return [b'never']
",
    );
    let mut stream = site.stream();
    stream
        .write_all(
            b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        )
        .expect("it reads");
    site.printed("reading");
    stream
        .write_all(b"5\nhello\r\n0\r\n\r\n")
        .expect("it reads");
    gate.let_go(1);
    let answer = rest_of(&mut stream);
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    site.printed("broken off");
}
