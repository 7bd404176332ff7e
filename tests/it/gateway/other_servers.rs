//! Behind Apache httpd, lighttpd and `HAProxy`, by every protocol that each of them speaks.

use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::APP;
use super::bodies::{body, sum_of};
use super::front::{ask, get, post};
use crate::harness::{Emperor, WebServer, connect, free_port};

const MODULES: &str = "/usr/lib/apache2/modules";

/// What is before the vassal: what it speaks to it, where the vassal listens, where it listens itself.
struct Front {
    protocol: &'static str,
    socket: String,
    port: u16,
}

impl Front {
    /// The path of a unix socket.
    fn path(&self) -> Option<&str> {
        self.socket.strip_prefix("unix:")
    }
}

/// A vassal that speaks all protocols, and a front for each of these, over unix and over TCP.
fn fronts(emperor: &Emperor, protocols: &[&'static str]) -> Vec<Front> {
    // Apache's own processes are nobody's.
    fs::set_permissions(emperor.at(""), Permissions::from_mode(0o755)).expect("it is ours");
    let mut text = "chmod-socket = \"666\"\n# http =\n".to_owned();
    let mut fronts = Vec::new();
    for &protocol in protocols {
        let unix = format!("unix:{}", emperor.at(protocol).display());
        let tcp = format!("127.0.0.1:{}", free_port());
        writeln!(text, "{protocol} = [\"{unix}\", \"{tcp}\"]").expect("a text grows");
        for socket in [unix, tcp] {
            let port = free_port();
            fronts.push(Front {
                protocol,
                socket,
                port,
            });
        }
    }
    emperor.serve("site", &text, APP);
    fronts
}

fn apache(emperor: &Emperor, fronts: &[Front]) -> WebServer {
    let root = emperor.at("apache");
    fs::create_dir(&root).expect("it is ours");
    let place = root.display();
    let mut text = format!(
        "ServerRoot {place}\nServerName site\nPidFile {place}/pid\nErrorLog {place}/errors\n\
         User www-data\nGroup www-data\nMutex file:{place}\nProxyTimeout 60\n"
    );
    for name in [
        "mpm_event",
        "authz_core",
        "proxy",
        "proxy_http",
        "proxy_uwsgi",
        "proxy_fcgi",
        "proxy_scgi",
    ] {
        writeln!(text, "LoadModule {name}_module {MODULES}/mod_{name}.so").expect("a text grows");
    }
    for front in fronts {
        let scheme = if front.protocol == "fastcgi" {
            "fcgi"
        } else {
            front.protocol
        };
        let to = match front.path() {
            Some(path) => format!("unix:{path}|{scheme}://site-{}/", front.port),
            None => format!("{scheme}://{}/", front.socket),
        };
        let port = front.port;
        write!(
            text,
            "Listen 127.0.0.1:{port}\n<VirtualHost 127.0.0.1:{port}>\nProxyPass / \"{to}\"\n\
             ProxyPreserveHost On\n</VirtualHost>\n"
        )
        .expect("a text grows");
    }
    let file = root.join("apache.conf");
    fs::write(&file, text).expect("it is ours");
    WebServer::start(Command::new("apache2").arg("-X").arg("-f").arg(file))
}

fn lighttpd(emperor: &Emperor, fronts: &[Front]) -> WebServer {
    let root = emperor.at("lighttpd");
    fs::create_dir(&root).expect("it is ours");
    let place = root.display();
    let own = free_port();
    let mut text = format!(
        "server.modules = (\"mod_proxy\", \"mod_fastcgi\", \"mod_scgi\")\nserver.port = {own}\n\
         server.bind = \"127.0.0.1\"\nserver.document-root = \"{place}\"\n\
         server.errorlog = \"{place}/errors\"\nserver.upload-dirs = (\"{place}\")\n"
    );
    for front in fronts {
        let port = front.port;
        let to = if let Some(path) = front.path() {
            format!("\"socket\" => \"{path}\"")
        } else {
            let (host, port) = front.socket.rsplit_once(':').expect("an address");
            format!("\"host\" => \"{host}\", \"port\" => {port}")
        };
        let server = format!("(\"\" => (({to}, \"check-local\" => \"disable\")))");
        let pass = match front.protocol {
            "http" => format!("proxy.server = (\"\" => (({to})))"),
            "fastcgi" => format!("fastcgi.server = {server}"),
            protocol => format!("scgi.protocol = \"{protocol}\"\nscgi.server = {server}"),
        };
        writeln!(
            text,
            "$SERVER[\"socket\"] == \"127.0.0.1:{port}\" {{\n{pass}\n}}"
        )
        .expect("a text grows");
    }
    let file = root.join("lighttpd.conf");
    fs::write(&file, text).expect("it is ours");
    WebServer::start(Command::new("lighttpd").arg("-D").arg("-f").arg(file))
}

fn haproxy(emperor: &Emperor, fronts: &[Front]) -> WebServer {
    let mut text =
        "defaults\nmode http\ntimeout connect 5s\ntimeout client 60s\ntimeout server 60s\n\
        option forwardfor\nfcgi-app app\ndocroot /\noption keep-conn\n"
            .to_owned();
    for front in fronts {
        let port = front.port;
        let address = match front.path() {
            Some(path) => format!("unix@{path}"),
            None => front.socket.clone(),
        };
        let (uses, speaks) = match front.protocol {
            "fastcgi" => ("use-fcgi-app app\n", "proto fcgi"),
            _ => ("", ""),
        };
        write!(
            text,
            "frontend f{port}\nbind 127.0.0.1:{port}\ndefault_backend b{port}\n\
             backend b{port}\n{uses}server s {address} {speaks}\n"
        )
        .expect("a text grows");
    }
    let file = emperor.at("haproxy.conf");
    fs::write(&file, text).expect("it is ours");
    WebServer::start(Command::new("haproxy").arg("-db").arg("-f").arg(file))
}

/// Whether everything comes through, one way and the other.
#[track_caller]
fn everything_comes_through(mut server: WebServer, fronts: &[Front]) {
    let bodies: Vec<Vec<u8>> = [0, 1, 10_000, 3_000_000].map(body).into();
    for front in fronts {
        server.listens(front.port);
        let address = format!("127.0.0.1:{}", front.port);
        let what = format!("{} {}", front.protocol, front.socket);
        for body in &bodies {
            let answer = post(&address, "/sum", body);
            assert_eq!((answer.status, answer.body), (200, sum_of(body)), "{what}");
        }
        let answer = get(&address, "/much?20");
        assert_eq!(
            (answer.status, answer.body.len()),
            (200, 2_000_000),
            "{what}"
        );
        let answer = get(&address, "/304");
        assert_eq!(
            (answer.status, answer.header("etag")),
            (304, Some("\"x\"")),
            "{what}"
        );
        assert_eq!(get(&address, "/204").status, 204, "{what}");
        let answer = get(&address, "/to");
        let location = answer.header("location");
        assert!(
            location.is_some_and(|at| at.ends_with("/there?a=b")),
            "{what} {location:?}"
        );
        let mut connection = connect(&address).expect("it listens");
        let sent = connection.send(b"HEAD / HTTP/1.0\r\nHost: site\r\n\r\n");
        sent.and_then(|()| connection.head())
            .map(|(status, _)| assert_eq!(status, 200, "{what}"))
            .expect("an answer");
        assert!(get(&address, "/raise").status >= 500, "{what}");
        let head = "GET /env/a%20b?x=1 HTTP/1.1\r\nHost: site:81\r\nX-One: 1\r\n\
            Connection: close\r\n\r\n";
        let answer = ask(&address, head, b"");
        let told: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
        for (key, value) in [
            ("PATH_INFO", "/env/a b"),
            ("SCRIPT_NAME", ""),
            ("QUERY_STRING", "x=1"),
            ("REQUEST_METHOD", "GET"),
            ("HTTP_HOST", "site:81"),
            ("HTTP_X_ONE", "1"),
            ("wsgi.url_scheme", "http"),
        ] {
            assert_eq!(told[key], value, "{key} {what}: {told:#}");
        }
    }
}

#[test]
fn apache_is_answered() {
    let emperor = Emperor::start();
    let fronts = fronts(&emperor, &["uwsgi", "fastcgi", "scgi", "http"]);
    everything_comes_through(apache(&emperor, &fronts), &fronts);
}

#[test]
fn lighttpd_is_answered() {
    let emperor = Emperor::start();
    let fronts = fronts(&emperor, &["uwsgi", "fastcgi", "scgi", "http"]);
    everything_comes_through(lighttpd(&emperor, &fronts), &fronts);
}

#[test]
fn haproxy_is_answered() {
    let emperor = Emperor::start();
    let fronts = fronts(&emperor, &["fastcgi", "http"]);
    everything_comes_through(haproxy(&emperor, &fronts), &fronts);
}
