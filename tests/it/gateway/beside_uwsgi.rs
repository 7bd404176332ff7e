//! What the same app is told by uWSGI and by Lictor, behind the same nginx: compared key by key.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use serde_json::{Map, Value};

use super::front::ask;
use crate::harness::{Emperor, WebServer, free_port, write_python};

/// Tells everything, with its type.
const TELLING: &str = r"
import json

def application(environ, start):
    start('200 OK', [('Content-Type', 'application/json')])
    told = {key: f'{type(value).__name__} {value!r}' if isinstance(value, (str, bytes, bool, int, tuple))
            else type(value).__name__ for key, value in environ.items()}
    return [json.dumps(told).encode()]
";

/// Keys that only one of the two has, or that may differ, and why.
const DIFFERENT: [(&str, &str); 13] = [
    (
        "SCRIPT_NAME",
        "PEP 3333 wants it, empty where the app is at the root",
    ),
    ("SERVER_NAME", "the host's name at uWSGI's own HTTP sockets"),
    ("REMOTE_PORT", "each request comes from another port"),
    ("SERVER_SOFTWARE", "each names itself, uWSGI not at all"),
    ("RAW_URI", "as gunicorn has it"),
    ("wsgi.input", "a class of each server"),
    ("wsgi.errors", "uWSGI opens standard error once more"),
    ("wsgi.file_wrapper", "a class here, a function there"),
    ("wsgi.input_terminated", "uWSGI's input is not"),
    (
        "wsgi.multiprocess",
        "uWSGI says True of one worker too, with a master",
    ),
    ("uwsgi.core", "a number that means nothing here"),
    ("uwsgi.version", "that of uWSGI"),
    ("uwsgi.node", "the host's name"),
];

const REQUESTS: [(&str, &str); 7] = [
    ("GET / HTTP/1.1\r\nHost: site\r\n", ""),
    (
        "GET /a%20b%2Fc/%C3%A4;p?x=1&y=%20 HTTP/1.1\r\nHost: site:81\r\nCookie: a=b; c=d\r\n",
        "",
    ),
    ("GET /once HTTP/1.0\r\n", ""),
    (
        "DELETE //two/../one?q HTTP/1.1\r\nHost: site\r\nAccept: */*\r\n",
        "",
    ),
    (
        "POST /form HTTP/1.1\r\nHost: site\r\nContent-Type: text/x; charset=a\r\nContent-Length: 3\r\n",
        "a=b",
    ),
    (
        "PUT /twice HTTP/1.1\r\nHost: site\r\nX-Two: 1\r\nX-Two: 2\r\nX-Empty:\r\nX-Latin: \u{e4}\r\nContent-Length: 0\r\n",
        "",
    ),
    (
        "GET /login HTTP/1.1\r\nHost: site\r\nAuthorization: Basic YTpi\r\nProxy: evil\r\nIf-None-Match: \"x\"\r\n",
        "",
    ),
];

/// An nginx with a server for each address, with its own files of parameters.
fn nginx(emperor: &Emperor, protocol: &str, addresses: &[String]) -> (WebServer, Vec<u16>) {
    let root = emperor.at(protocol);
    fs::create_dir(&root).expect("it is ours");
    let place = root.display();
    let mut text = format!(
        "daemon off; master_process off; pid {place}/pid; error_log {place}/errors; events {{}}
        http {{ access_log off; client_body_temp_path {place}/b; proxy_temp_path {place}/p;
        fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u; scgi_temp_path {place}/s;\n"
    );
    let mut ports = Vec::new();
    for address in addresses {
        let port = free_port();
        let pass = match protocol {
            "http" => format!("proxy_pass http://{address}; proxy_set_header Host $http_host;"),
            _ => format!("{protocol}_pass {address}; include /etc/nginx/{protocol}_params;"),
        };
        // The same name and port for both.
        write!(
            text,
            "server {{ listen 127.0.0.1:{port}; server_name site; location / {{ {pass}
            {protocol}_param SERVER_PORT 8080; {protocol}_param UWSGI_SCHEME https; }} }}\n"
        )
        .expect("a text grows");
        ports.push(port);
    }
    let text = text.replace(
        "http_param SERVER_PORT 8080; http_param UWSGI_SCHEME https;",
        "",
    );
    let mut nginx = WebServer::nginx(&root, &(text + "}"));
    for port in &ports {
        nginx.listens(*port);
    }
    (nginx, ports)
}

fn told(port: u16, head: &str, body: &str) -> Map<String, Value> {
    let head = format!("{head}Connection: close\r\n\r\n");
    let answer = ask(&format!("127.0.0.1:{port}"), &head, body.as_bytes());
    serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
}

/// What uWSGI tells, and Lictor does not tell in the same way.
fn differences(theirs: &Map<String, Value>, ours: &Map<String, Value>) -> Vec<String> {
    // Its FastCGI and SCGI leave the path to the web server, and its HTTP takes dots out of it.
    let is_path_theirs = theirs
        .get("PATH_INFO")
        .is_none_or(|path| path == "str '//one'");
    let keys = theirs
        .keys()
        .chain(ours.keys().filter(|key| !theirs.contains_key(*key)));
    keys.filter(|key| DIFFERENT.iter().all(|(name, _)| name != key))
        .filter(|key| *key != "PATH_INFO" || !is_path_theirs)
        .filter(|key| theirs.get(*key) != ours.get(*key))
        .map(|key| {
            format!(
                "{key}: uWSGI {:?}, Lictor {:?}",
                theirs.get(key),
                ours.get(key)
            )
        })
        .collect()
}

#[test]
fn the_environ_is_that_of_uwsgi() {
    let emperor = Emperor::start();
    let vassal = emperor.vassal("site");
    write_python(&vassal.app, TELLING);
    let mut all = Vec::new();
    for protocol in ["uwsgi", "fastcgi", "scgi", "http"] {
        let (theirs, ours) = (free_port(), free_port());
        let option = if protocol == "http" { "http" } else { protocol };
        let options = format!("{option} = \"127.0.0.1:{ours}\"\nthreads = 1\n# http =\n");
        let name = format!("site-{protocol}");
        emperor.serve(&name, &options, TELLING);
        let mut command = Command::new("uwsgi");
        command
            .args([
                "--plugin",
                "python3",
                "--need-app",
                "--master",
                "--no-orphans",
            ])
            .arg(format!("--{protocol}-socket=127.0.0.1:{theirs}"))
            .arg(format!("--wsgi-file={}", vassal.app.display()));
        let mut uwsgi = WebServer::start(&mut command);
        uwsgi.listens(theirs);
        let addresses = [theirs, ours].map(|port| format!("127.0.0.1:{port}"));
        let (_nginx, ports) = nginx(&emperor, protocol, &addresses);
        for (head, body) in REQUESTS {
            let [mut theirs, mut ours] = [0, 1].map(|at| told(ports[at], head, body));
            if protocol == "http" {
                // Where each listens.
                theirs.remove("SERVER_PORT");
                ours.remove("SERVER_PORT");
            }
            let found = differences(&theirs, &ours);
            all.extend(
                found
                    .into_iter()
                    .map(|it| format!("{protocol} {head:?}: {it}")),
            );
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}
