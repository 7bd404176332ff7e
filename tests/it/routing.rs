//! `route…`: rules for requests before files and apps answer them.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;

use crate::gateway::raw;
use crate::harness::{Connection, Emperor, Response, connect};
use crate::static_files::site_of;

const APP: &str = "\
def application(environ, start_response):
    keys = 'PATH_INFO', 'QUERY_STRING', 'REQUEST_URI', 'wsgi.url_scheme'
    body = ' '.join(environ.get(key, '-') for key in keys).encode()
    start_response('200 OK', [('Content-Length', str(len(body))), ('X-App', 'yes')])
    return [body]
";

const ASGI_APP: &str = "\
async def application(scope, receive, send):
    if scope['type'] != 'http':
        raise RuntimeError
    body = b' '.join([scope['path'].encode(), scope['query_string'], scope['scheme'].encode()])
    headers = [(b'content-length', b'%d' % len(body)), (b'x-app', b'yes')]
    await send({'type': 'http.response.start', 'status': 200, 'headers': headers})
    await send({'type': 'http.response.body', 'body': body})
";

#[track_caller]
fn ask(connection: &mut Connection, target: &str) -> Response {
    let request = format!("GET {target} HTTP/1.1\r\nHost: test\r\nUser-Agent: Bot\r\n\r\n");
    connection.send(request.as_bytes()).expect("it reads");
    connection.receive().expect("it answers")
}

fn rules(base: &std::path::Path) -> String {
    let base = base.display();
    format!(
        "static-map = \"/files={base}\"\n\
         route = ['^/old/(.*) redirect:/new/$1', '^/gone redirect-permanent:http://${{HTTP_HOST}}/', \
         '^/logo static:{base}/logo.txt', '^/pick/(.*) static:{base}/$1.txt', \
         '^/private break:403 Not here', '^/index/(.*) rewrite:/app?page=$1', \
         '^/app setscheme:https', '^/alias rewrite:/files/logo.txt', \
         '^/(.*) addheader:X-Asked: $1', '^/bare delheader:X-App']\n\
         route-user-agent = 'Bot log:a bot came'"
    )
}

const FILES: [(&str, &str); 2] = [("logo.txt", "logo"), ("secret", "secret")];

#[test]
fn rules_come_before_files_and_the_app() {
    let (site, _base) = site_of(&FILES, rules, APP);
    let mut connection = connect(&site.address).expect("it listens");
    for (target, status, location) in [
        ("/old/a%20b", 302, "/new/a%20b"),
        ("/old/a%0d%0aX:%20b", 302, "/new/a%0D%0AX:%20b"),
        ("/gone", 301, "http://test/"),
    ] {
        let answer = ask(&mut connection, target);
        assert_eq!(answer.status, status, "{target}");
        assert_eq!(answer.header("location"), Some(location), "{target}");
        assert_eq!(answer.header("x"), None, "{target}");
    }
    for (target, status, body) in [
        ("/logo", 200, "logo"),
        ("/pick/logo", 200, "logo"),
        ("/pick/none", 404, "404 Not Found\n"),
        ("/pick/..%2flogo", 404, "404 Not Found\n"),
        ("/private", 403, "403 Not here\n"),
        ("/alias", 200, "logo"),
        ("/plain?a", 200, "/plain a /plain?a http"),
        (
            "/index/a%26b?c=d",
            200,
            "/app page=a%26b&c=d /index/a%26b?c=d https",
        ),
    ] {
        let answer = ask(&mut connection, target);
        assert_eq!(answer.status, status, "{target}");
        assert_eq!(answer.body, body, "{target}");
    }
    let answer = ask(&mut connection, "/private");
    assert_eq!(answer.header("x-asked"), None);
    let answer = ask(&mut connection, "/plain%0a");
    assert_eq!(answer.header("x-asked"), Some("plain%0A"));
    assert_eq!(answer.header("x-app"), Some("yes"));
    let answer = ask(&mut connection, "/bare");
    assert_eq!(answer.header("x-app"), None);
    // The fields of one answer are not those of the next.
    assert_eq!(ask(&mut connection, "/x").header("x-app"), Some("yes"));
}

#[test]
fn rules_hold_for_asgi_apps() {
    let (site, _base) = site_of(&FILES, rules, ASGI_APP);
    let mut connection = connect(&site.address).expect("it listens");
    assert_eq!(
        ask(&mut connection, "/old/x").header("location"),
        Some("/new/x")
    );
    assert_eq!(ask(&mut connection, "/logo").body, "logo");
    assert_eq!(
        ask(&mut connection, "/index/1?c").body,
        "/app page=1&c https"
    );
    let answer = ask(&mut connection, "/bare");
    assert_eq!(answer.header("x-app"), None);
    assert_eq!(answer.header("x-asked"), Some("bare"));
}

#[test]
fn a_request_can_be_left_without_an_answer() {
    let options = |_: &std::path::Path| "route = '^/bad break:'".to_owned();
    let (site, _base) = site_of(&[], options, APP);
    let mut connection = connect(&site.address).expect("it listens");
    assert_eq!(ask(&mut connection, "/good").status, 200);
    let request = b"GET /bad HTTP/1.1\r\nHost: test\r\n\r\n";
    connection.send(request).expect("it reads");
    assert!(connection.receive().is_err(), "it closes without a word");
}

#[test]
fn rules_hold_for_http_2_and_for_web_servers() {
    let emperor = Emperor::start();
    let socket = emperor.at("web.sock");
    let options = format!(
        "http2 = \"all\"\nuwsgi = {socket:?}\n\
         route = ['^/old/(.*) redirect:/new/$1', '^/m/in rewrite:/m/out?a=$0']\n\
         route-run = ['fixpathinfo:', 'addheader:X-Root: ${{DOCUMENT_ROOT}}']"
    );
    let vassal = emperor.serve("site", &options, APP);
    let by_uwsgi = |path: &str| {
        let mut stream = UnixStream::connect(&socket).expect("it listens");
        let uri = format!("{path}?q");
        let request = [
            ("REQUEST_METHOD", "GET"),
            ("REQUEST_URI", &*uri),
            ("PATH_INFO", path),
            ("SCRIPT_NAME", "/m"),
            ("QUERY_STRING", "q"),
            ("DOCUMENT_ROOT", "/srv\nX: y"),
        ];
        let request = raw::uwsgi(&request, b"");
        stream.write_all(&request).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        answer.to_lowercase()
    };
    let answer = by_uwsgi("/old/x");
    assert!(answer.contains(" 302 "), "{answer}");
    assert!(answer.contains("location: /new/x\r\n"), "{answer}");
    let answer = by_uwsgi("/m/in");
    assert!(answer.contains("x-root: /srv%0ax: y\r\n"), "{answer}");
    assert!(answer.ends_with("/out a=/m/in&q /m/in?q http"), "{answer}");

    let addresses = emperor.addresses(&vassal);
    let http = addresses.iter().find(|it| it.starts_with("127."));
    let url = format!("http://{}/m/in", http.expect("it listens"));
    let output = Command::new("curl")
        .args(["-s", "-i", "--http2-prior-knowledge", &url])
        .output()
        .expect("curl is there");
    let answer = String::from_utf8_lossy(&output.stdout).to_lowercase();
    assert!(answer.starts_with("http/2 200"), "{answer}");
    assert!(answer.contains("x-root:"), "{answer}");
    assert!(answer.ends_with("/m/out a=/m/in /m/in http"), "{answer}");
}
