//! httpbin: large, chunked, streamed and packed bodies.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Emperor, Python, Response, Vassal, connect};

use super::virtualenvs::{Packages, run_in, with_packages};

fn place(python: &Python) -> PathBuf {
    with_packages(
        python,
        &Packages {
            name: "httpbin",
            version: "0.10.2",
        },
    )
}

pub(super) fn serve(emperor: &Emperor, python: &Python) -> Vassal {
    let place = place(python);
    emperor.serve(
        "httpbin",
        &format!(
            "virtualenv = \"{}\"\nmodule = \"httpbin:app\"\nthreads = 4\n",
            place.display()
        ),
        "",
    )
}

pub(super) fn check(emperor: &Emperor, vassal: &Vassal, python: &Python) {
    let address = emperor.address(vassal);
    small(&address);
    uploads(&address);
    packed(&address, &place(python), &emperor.at("packed"));
}

fn ask(address: &str, request: impl AsRef<[u8]>) -> Response {
    let mut connection = connect(address).expect("it listens");
    connection.send(request.as_ref()).expect("it reads");
    connection.receive().expect("it answers")
}

fn get(address: &str, path: &str, fields: &str) -> Response {
    ask(
        address,
        format!("GET {path} HTTP/1.1\r\nHost: test\r\n{fields}\r\n"),
    )
}

fn told(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{response:?}");
    serde_json::from_str(&response.body).expect("it is JSON")
}

fn small(address: &str) {
    let answer = told(&get(address, "/get?a=1&a=2&b=%C3%A9", "X-Own: yes\r\n"));
    assert_eq!(answer["args"], json!({"a": ["1", "2"], "b": "\u{e9}"}));
    assert_eq!(
        (&answer["headers"]["X-Own"], &answer["origin"]),
        (&json!("yes"), &json!("127.0.0.1"))
    );
    assert_eq!(answer["url"], json!("http://test/get?a=1&a=2&b=\u{e9}"));
    assert_eq!(get(address, "/status/418", "").status, 418);
    assert!(get(address, "/status/418", "").body.contains("teapot"));
    assert_eq!(get(address, "/status/503", "").status, 503);
    let moved = get(address, "/redirect/1", "");
    assert_eq!(
        (moved.status, moved.header("location")),
        (302, Some("/get"))
    );
    streams(address);
    states(address);
}

fn states(address: &str) {
    let set = get(address, "/cookies/set?flavour=oat", "");
    assert!(
        set.header("set-cookie")
            .is_some_and(|cookie| cookie.starts_with("flavour=oat;")),
        "{set:?}"
    );
    assert_eq!(
        told(&get(address, "/cookies", "Cookie: a=1; b=2\r\n"))["cookies"],
        json!({"a": "1", "b": "2"})
    );
    assert_eq!(get(address, "/basic-auth/me/secret", "").status, 401);
    assert_eq!(
        get(
            address,
            "/basic-auth/me/secret",
            "Authorization: Basic bWU6c2VjcmV0\r\n"
        )
        .status,
        200
    );
    assert_eq!(
        get(
            address,
            "/cache",
            "If-None-Match: x\r\nConnection: close\r\n"
        )
        .status,
        304
    );
    let part = get(address, "/range/1000", "Range: bytes=10-19\r\n");
    assert_eq!(
        (part.status, part.header("content-range"), part.body.len()),
        (206, Some("bytes 10-19/1000"), 10)
    );
}

fn streams(address: &str) {
    let lines: Vec<Value> = get(address, "/stream/20", "")
        .body
        .lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
        .collect();
    assert_eq!(
        lines
            .iter()
            .map(|line| line["id"].clone())
            .collect::<Vec<_>>(),
        (0..20).map(Value::from).collect::<Vec<_>>()
    );
    assert_eq!(
        get(address, "/drip?duration=0.2&numbytes=5&delay=0", "").body,
        "*****"
    );
    assert_eq!(
        told(&get(address, "/delay/1", ""))["url"],
        json!("http://test/delay/1")
    );
}

fn uploads(address: &str) {
    let content: String = "0123456789abcdef\n".repeat(620_000);
    assert!(content.len() > 10 << 20);
    let head = "POST /post HTTP/1.1\r\nHost: test\r\nContent-Type: text/plain";
    let whole = told(&ask(
        address,
        format!(
            "{head}\r\nContent-Length: {}\r\n\r\n{content}",
            content.len()
        ),
    ));
    assert!(whole["data"] == content.as_str(), "the same must come back");
    let mut chunked = format!("{head}\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    for piece in content.as_bytes().chunks(100_003) {
        write!(chunked, "{:x}\r\n", piece.len()).expect("memory");
        chunked.extend(piece);
        chunked.extend(b"\r\n");
    }
    chunked.extend(b"0\r\n\r\n");
    let whole = told(&ask(address, &chunked));
    assert!(whole["data"] == content.as_str(), "the same must come back");
    let put = told(&ask(
        address,
        "PUT /anything/x HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\n\r\nhi",
    ));
    assert_eq!(
        (&put["data"], &put["method"]),
        (&json!("hi"), &json!("PUT"))
    );
}

/// Bodies that are not text, as they come.
fn packed(address: &str, place: &Path, file: &Path) {
    let body_of = |path: &str| {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a deadline can be set");
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
        )
        .expect("it reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("it answers");
        let end = answer
            .windows(4)
            .position(|bytes| bytes == b"\r\n\r\n")
            .expect("a head")
            + 4;
        answer.split_off(end)
    };
    // Not `/bytes`: with this Werkzeug it returns a bytearray, which is not what PEP 3333 allows.
    let streamed = || body_of("/stream-bytes/100000?seed=1");
    assert!(streamed().len() > 100_000 && streamed() == streamed());
    assert_eq!(body_of("/image/png").get(1..4), Some(b"PNG".as_slice()));
    for (path, unpack) in [
        ("/gzip", "gzip.decompress(packed)"),
        ("/deflate", "zlib.decompress(packed)"),
        ("/brotli", "brotlicffi.decompress(packed)"),
        (
            "/encoding/utf8",
            "b'{\"encoding\": true}' if '\u{222e}'.encode() in packed else b''",
        ),
    ] {
        fs::write(file, body_of(path)).expect("it is ours");
        let code = format!(
            "import brotlicffi, gzip, json, sys, zlib; packed = open(sys.argv[1], 'rb').read(); print(sorted(json.loads({unpack})))"
        );
        let keys = run_in(
            place,
            Path::new("/"),
            &["-c", &code, &file.to_string_lossy()],
            &[("PYTHONUTF8", "1")],
        );
        let word = match path {
            "/gzip" => "gzipped",
            "/deflate" => "deflated",
            "/brotli" => "brotli",
            _ => "encoding",
        };
        assert!(keys.contains(&format!("'{word}'")), "{path}: {keys}");
    }
}
