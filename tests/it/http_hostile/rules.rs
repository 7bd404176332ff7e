//! Requests that break a rule, with the status that they get. A character stands for a byte.

/// What of a request is said, in one that is right but for that.
#[derive(Clone, Copy, Debug)]
enum Part {
    All,
    RequestLine,
    Target,
    Host,
    Fields,
    Length,
    Coding,
    Chunks,
}

use Part::{All, Chunks, Coding, Fields, Host, Length, RequestLine, Target};

#[rustfmt::skip]
const RULES: &[(Part, u16, &[&str])] = &[
    (RequestLine, 400, &[
        " ", "GET", "GET /bad", "GET  /bad HTTP/1.1", "GET /bad  HTTP/1.1", "GET /bad HTTP/1.1 ",
        " GET /bad HTTP/1.1", "GET\t/bad\tHTTP/1.1", "GET /bad x HTTP/1.1", "GET /bad http/1.1", "GET /bad HTTP/1",
        "GET /bad HTTP/1.1.1", "GET /bad HTTP/1.10", "GET /bad HTTP/x.1", "GET /bad HTTP 1.1", "GET /bad HTCPCP/1.0",
        "G@T /bad HTTP/1.1", "G\0T /bad HTTP/1.1", "GET: /bad HTTP/1.1", "G\u{c9}T /bad HTTP/1.1",
        "GET /bad\u{b} HTTP/1.1", "CONNECT /bad HTTP/1.1", "CONNECT * HTTP/1.1", "CONNECT a HTTP/1.1",
        "CONNECT http://a/bad HTTP/1.1", "OPTIONS ** HTTP/1.1", "OPTIONS bad HTTP/1.1",
    ]),
    (RequestLine, 501, &["CONNECT a:443 HTTP/1.1"]),
    (RequestLine, 505, &["GET /bad HTTP/3.0", "GET /bad HTTP/2.0", "GET /bad HTTP/0.9", "GET /bad HTTP/9.9"]),
    (All, 505, &["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]),
    (Target, 400, &[
        "bad", "?bad", "a:80", "*", "*/bad", "/bad#f", "/bad?a#f", "/bad\u{e9}", "/bad\x7f", "/bad\0", "/bad\x01",
        "/<bad>", "/bad?\"", "/bad`", "http://", "http:///bad", "http://u@a/bad", "http://u:p@a/bad", "http://a b/bad",
        "http://a:x/bad", "http://a:99999/bad", "ftp://a/bad", "http//a/bad",
    ]),
    // Line ends and blanks.
    (All, 400, &[
        "GET /bad HTTP/1.1\nHost: a\n\n", "GET /bad HTTP/1.1\nHost: a\r\n\r\n", "GET /bad HTTP/1.1\r\nHost: a\n\r\n",
        "GET /bad HTTP/1.1\r\nHost: a\r\n\n", "GET /bad HTTP/1.1\rHost: a\r\r", "GET /bad HTTP/1.1\r\n Host: a\r\n\r\n",
        "\nGET /bad HTTP/1.1\r\nHost: a\r\n\r\n", "\r\n\r\nGET /bad HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /bad HTTP/1.1\r\nHost : a\r\n\r\n",
    ]),
    (Fields, 400, &[
        "X : y\r\n", "X\t: y\r\n", " folded: y\r\n", "X: y\r\n folded\r\n", "X: y\r\n\tfolded\r\n", "X: a\rb\r\n",
        "X: a\r\r\n", "X: a\0b\r\n", "X: \x07\r\n", "X: \x7f\r\n", "X\0: y\r\n", "X\u{e9}: y\r\n", ": y\r\n", "X\r\n",
        "(X): y\r\n", "X Y: y\r\n",
    ]),
    // Names that shadow another in the environ.
    (Fields, 400, &[
        "X-Real-Ip: 1\r\nX_Real_Ip: 2\r\n", "x_real-ip: 2\r\nX-Real-IP: 1\r\n",
        "Content_Length: 9\r\nContent-Length: 5\r\n",
    ]),
    (Fields, 417, &["Expect: 200-ok\r\n", "Expect: 100-continue, x\r\n"]),
    (All, 400, &["GET /bad HTTP/1.1\r\n\r\n", "GET http://a/bad HTTP/1.1\r\n\r\n", "GET /bad HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"]),
    (Host, 400, &[
        "a b", "a/b", "a\\b", "u@a", "a:b", "a:65536", "a:-1", "a:1:2", "a,b", ":80", "[::1", "::1", "[a]", "a%41",
        "a\u{e9}", "a?", "a#", "<a>", "\"a\"", "a\r\nHost: a", "a\r\nhost: b",
    ]),
    (Length, 400, &[
        "+5", "-5", "5, 5", "5,5", "5 5", "5 0", "0x5", "5.0", "", ",", "five", "5;", "\u{b2}", "9223372036854775808",
        "18446744073709551616", "99999999999999999999999", "5\r\nContent-Length: 5", "5\r\nContent-Length: 6",
        "5\r\nTransfer-Encoding: chunked",
    ]),
    (Length, 413, &["100001", "100001\r\nExpect: 100-continue"]),
    (Coding, 400, &[
        "", "identity", "gzip", "xchunked", "chunkedx", "chunked, chunked", "chunked, identity", "chunked,",
        ", chunked", "\"chunked\"", "chunked;q=1", "\x0bchunked", "chunked\r\nContent-Length: 5",
        "chunked\r\nTransfer-Encoding: chunked", "chunked\r\nTransfer-Encoding: identity",
    ]),
    (Coding, 501, &["gzip, chunked", "identity, chunked", "gzip\r\nTransfer-Encoding: chunked"]),
    (All, 400, &["POST /bad HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"]),
    // What has come with the head is looked at before the app is called.
    (Chunks, 400, &[
        "\r\n", "zz\r\n", "-1\r\n", "+5\r\nhello\r\n", " 5\r\nhello\r\n", "5 \r\nhello\r\n", "0x5\r\nhello\r\n",
        "5\nhello\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhelloX\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "5_0\r\n",
        "ffffffffffffffffff\r\n", "10000000000000005\r\nhello\r\n", "5;\nhello\r\n", "5;a\0b\r\nhello\r\n",
        "5;a\rb\r\nhello\r\n", "0\r\n\n", "0\r\nX: y\n\r\n", "0\r\n folded\r\n\r\n", "0\r\nX : y\r\n\r\n",
        "0\r\nX: \0\r\n\r\n", "0\r\nX\r\n\r\n", "0\n\n",
    ]),
];

impl Part {
    /// The request around it.
    fn within(self, text: &str) -> String {
        let get =
            |host: &str, fields: &str| format!("GET /bad HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
        let post = |field: &str, body: &str| {
            format!("POST /bad HTTP/1.1\r\nHost: a\r\n{field}: {text}\r\n\r\n{body}")
        };
        match self {
            All => text.to_owned(),
            RequestLine => format!("{text}\r\nHost: a\r\n\r\n"),
            Target => format!("GET {text} HTTP/1.1\r\nHost: a\r\n\r\n"),
            Host => get(text, ""),
            Fields => get("a", text),
            Length => post("Content-Length", "hello"),
            Coding => post("Transfer-Encoding", "0\r\n\r\n"),
            Chunks => {
                format!("POST /bad HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{text}")
            }
        }
    }
}

/// Every request that is refused where heads may have 8 KiB and bodies 100000 bytes.
pub(super) fn refused() -> Vec<(u16, String)> {
    let mut table = Vec::new();
    for (part, status, texts) in RULES {
        table.extend(texts.iter().map(|text| (*status, part.within(text))));
    }
    for (part, status, text) in [
        (Target, 414, format!("/{}", "bad".repeat(3000))),
        (Fields, 431, format!("X: {}\r\n", "y".repeat(8200))),
        (Fields, 431, "X: y\r\n".repeat(100)),
        (
            Chunks,
            400,
            format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(5000)),
        ),
        (
            Chunks,
            400,
            format!("{}0\r\n\r\n", "1;aaaaaaaaa\r\nx\r\n".repeat(500)),
        ),
        (Chunks, 400, format!("0\r\n{}\r\n", "X: y\r\n".repeat(101))),
    ] {
        table.push((status, part.within(&text)));
    }
    table
}

/// What is unusual and right, with what the app sees of it.
#[rustfmt::skip]
pub(super) const SERVED: &[(&str, &str)] = &[
    ("\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n", r#"["GET","/a",""]"#),
    ("GET /a HTTP/1.7\r\nHost: a\r\n\r\n", r#"["GET","/a",""]"#),
    ("GET /a HTTP/1.0\r\n\r\n", r#"["GET","/a",""]"#),
    ("get /a HTTP/1.1\r\nHost: a\r\n\r\n", r#"["get","/a",""]"#),
    ("M-SEARCH /a HTTP/1.1\r\nHost:\r\n\r\n", r#"["M-SEARCH","/a",""]"#),
    ("TRACE /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", r#"["TRACE","/a",""]"#),
    ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", r#"["OPTIONS","*",""]"#),
    ("GET HTTP://b:81/a?b HTTP/1.1\r\nHost: a\r\n\r\n", r#"["GET","/a?b",""]"#),
    ("GET //a/../b?c=[d]{|}` HTTP/1.1\r\nHost: a\r\n\r\n", r#"["GET","//a/../b?c=[d]{|}`",""]"#),
    ("GET /a HTTP/1.1\r\nHost: a\r\nX_Only: b\r\n\r\n", r#"["GET","/a",""]"#),
    ("GET /a HTTP/1.1\r\nHost:\ta \t\r\nX:\r\nY: \u{e9}\tz\r\n\r\n", r#"["GET","/a",""]"#),
    ("GET /a HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", r#"["GET","/a",""]"#),
    ("GET /a HTTP/1.0\r\nExpect: x\r\n\r\n", r#"["GET","/a",""]"#),
    ("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length:  005 \r\n\r\n\n\r\0\nx", r#"["POST","/a","\n\r\u0000\nx"]"#),
    ("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n05 ;a=\"b\"\r\n\r\n\r\n.\r\n0\r\nX: y\r\n\r\n",
        r#"["POST","/a","\r\n\r\n."]"#),
];
