//! A line a request: for errors by default, for all or none by option.

use crate::site::Site;

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
