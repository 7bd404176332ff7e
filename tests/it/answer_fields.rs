//! `add-header`, `del-header`, `static-expires` and `static-skip-ext`.

use crate::harness::{Connection, Response, connect};
use crate::static_files::{site_of, site_with};

#[track_caller]
fn ask(connection: &mut Connection, target: &str) -> Response {
    let request = format!("GET {target} HTTP/1.1\r\nHost: test\r\n\r\n");
    connection.send(request.as_bytes()).expect("it reads");
    connection.receive().expect("it answers")
}

const APP: &str = "\
def application(environ, start_response):
    if environ['PATH_INFO'] == '/fails':
        raise RuntimeError
    start_response('200 OK', [
        ('Content-Length', '1'), ('X-Powered-By', 'app'), ('Server', 'app'), ('X-Both', 'app')])
    return [b'x']
";

#[test]
fn every_answer_has_the_fields_of_the_operator() {
    let options = |base: &std::path::Path| {
        format!(
            "check-static = {base:?}\n\
             add-header = [\"X-Frame-Options: DENY\", \"Server: mine\", \"X-Both: ours: a\"]\n\
             del-header = [\"x-powered-by\", \"Server\"]"
        )
    };
    let (site, _base) = site_of(&[("a.txt", "file")], options, APP);
    let mut connection = connect(&site.address).expect("it listens");
    for (target, status) in [("/", 200), ("/a.txt", 200), ("/fails", 500)] {
        let answer = ask(&mut connection, target);
        assert_eq!(answer.status, status, "{target}");
        assert_eq!(answer.header("x-frame-options"), Some("DENY"), "{target}");
        assert_eq!(answer.header("server"), Some("mine"), "{target}");
        assert_eq!(answer.header("x-powered-by"), None, "{target}");
        let both = answer.headers.iter().filter(|(name, _)| name == "x-both");
        let both: Vec<_> = both.map(|(_, value)| value.as_str()).collect();
        let expected: &[_] = if target == "/" {
            &["app", "ours: a"]
        } else {
            &["ours: a"]
        };
        assert_eq!(both, expected, "{target}");
    }
}

#[test]
fn files_are_kept_as_long_as_is_said_of_their_kind() {
    let files = [
        ("a.css", "css"),
        ("b.js", "js"),
        ("c.txt", "txt"),
        ("d.php", "php"),
    ];
    let (site, _base) = site_with(&files, |base| {
        format!(
            "check-static = {base:?}\nstatic-max-age = 7\n\
             static-expires-uri = \"[?]now 0\"\n\
             static-expires-type = \"text/css=60\"\n\
             static-expires = \"/served/b[.]js$ 90\"\n\
             static-skip-ext = \".php\""
        )
    });
    let mut connection = connect(&site.address).expect("it listens");
    for (target, age, is_dated) in [
        ("/a.css", "max-age=60", true),
        ("/a.css?now", "max-age=0", true),
        ("/b.js", "max-age=90", true),
        ("/c.txt", "max-age=7", false),
    ] {
        let answer = ask(&mut connection, target);
        assert_eq!(answer.header("cache-control"), Some(age), "{target}");
        assert_eq!(answer.header("expires").is_some(), is_dated, "{target}");
    }
    assert_eq!(ask(&mut connection, "/d.php").body, "app /d.php");
}
