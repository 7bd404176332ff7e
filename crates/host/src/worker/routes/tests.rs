//! Rules as they are written, and what they make of requests.

use std::borrow::Cow;

use lictor_core::config::{VassalConfig, parse_vassal};
use proptest::prelude::*;

use super::{Asked, End, Routed, Routes, Target};

struct Request {
    path: Vec<u8>,
    query: &'static str,
    uri: String,
}

impl Asked for Request {
    fn path(&self) -> &[u8] {
        &self.path
    }

    fn query(&self) -> &str {
        self.query
    }

    fn variable(&self, name: &str) -> Cow<'_, [u8]> {
        Cow::Borrowed(match name {
            "REQUEST_URI" => self.uri.as_bytes(),
            "HTTP_HOST" => b"Example.org:80",
            "REMOTE_ADDR" => b"10.0.0.1",
            "SCRIPT_NAME" => b"/a",
            "HTTP_X" => b"a\r\nSet-Cookie: b",
            _ => b"",
        })
    }

    fn decode(&self, path: &str) -> Vec<u8> {
        path.replace("%20", " ").replace("%3F", "?").into_bytes()
    }
}

fn vassal(options: &str) -> VassalConfig {
    let text = format!("[uwsgi]\nmodule = app\nhttp = :1\n{options}\n");
    parse_vassal(std::path::Path::new("/srv/a.ini"), text.as_bytes()).expect("it is right")
}

fn routed(options: &str, path: &[u8], query: &'static str) -> Routed {
    let request = Request {
        path: path.to_vec(),
        query,
        uri: "/sent%20here?q=1".to_owned(),
    };
    let routes = Routes::new(&vassal(options).routes).expect("there are rules");
    routes.decide(&request)
}

fn redirect(status: u16, to: &str) -> End {
    let to = to.to_owned();
    End::Redirect { status, to }
}

fn file(file: usize, name: &str) -> End {
    let name = name.as_bytes().to_vec();
    End::File { file, name }
}

fn answer(status: u16, reason: &str) -> End {
    let reason = reason.as_bytes().to_vec();
    End::Answer { status, reason }
}

fn ends() -> [(&'static str, &'static str, End); 17] {
    [
        ("route = ^/b redirect:/c", "/a", End::Open),
        ("route = /b redirect:/c", "/a/b", redirect(302, "/c")),
        (
            "route = ^/(.*)$ redirect-301:/x/$1",
            "/a b?c",
            redirect(301, "/x/a%20b%3Fc"),
        ),
        (
            "route = ^/(.*)$ redirect:$1",
            "///evil.org/a",
            redirect(302, "/evil.org/a"),
        ),
        (
            "route = ^/(.*)$ redirect:/$1",
            "//evil.org/a",
            redirect(302, "/evil.org/a"),
        ),
        (
            "route-uri = ^/(.*) redirect-permanent:https://${HTTP_HOST}/$1",
            "/",
            redirect(301, "https://Example.org:80/sent%20here?q=1"),
        ),
        ("route-host = ^example redirect:/c", "/", End::Open),
        (
            "route-host = ^Example[.] redirect:/$0$",
            "/",
            redirect(302, "/Example.$"),
        ),
        (
            "route-run = redirect:/${NONE}${HTTP_X}",
            "/",
            redirect(302, "/a%0D%0ASet-Cookie:%20b"),
        ),
        (
            "route-remote-addr = ^10[.] break:403 Not for ${REMOTE_ADDR}",
            "/",
            answer(403, "Not for 10.0.0.1"),
        ),
        (
            "route-run = break:500 ${HTTP_X}",
            "/",
            answer(500, "a%0D%0ASet-Cookie: b"),
        ),
        ("route-qs = q=1 break:", "/", End::Open),
        ("route-qs = ^$ break:", "/", End::Silence),
        ("route-user-agent = . break:", "/", End::Open),
        (
            "route = ^/z static:/srv/z\nroute = ^/a/(.*) static:/srv/w/x-$1.png",
            "/a/b/../c",
            file(1, "x-b/../c.png"),
        ),
        ("route = ^/a static:logo.png", "/a", file(0, "")),
        // The order is that of the file, whatever the options are called.
        (
            "route = ^/a last:\nroute-run = break:404\nroute = ^/a break:500",
            "/a",
            End::Open,
        ),
    ]
}

#[test]
fn how_rules_end() {
    for (options, path, end) in ends() {
        assert_eq!(routed(options, path.as_bytes(), "").end, end, "{options}");
    }
    let options = "route = ^/b break:500\nroute-run = break:404\nroute = ^/a break:500";
    assert_eq!(routed(options, b"/a", "").end, answer(404, ""));
}

#[test]
fn what_is_changed_on_the_way() {
    let target = |path: &str, query: &str| {
        Some(Target {
            path: path.as_bytes().to_vec(),
            query: query.to_owned(),
            uri: None,
        })
    };
    for (options, query, expected) in [
        (
            "route = ^/a/(.*) rewrite:/i%%20.php?p=$1",
            "",
            target("/i .php", "p=b%20%26c"),
        ),
        (
            "route = ^/a/(.*) rewrite:/i?p=1",
            "old=2",
            target("/i", "p=1&old=2"),
        ),
        (
            "route = ^/a/(.*) rewrite:$1",
            "old=2",
            target("/b &c", "old=2"),
        ),
        (
            "route = ^/a rewrite:/x?1\nroute = ^/x$ rewrite:/y${PATH_INFO}?2\nroute = ^/a break:500",
            "",
            target("/y/x", "2&1"),
        ),
        (
            "route = ^/a rewrite-last:/x\nroute = ^/x break:500",
            "",
            target("/x", ""),
        ),
    ] {
        let mut routed = routed(options, b"/a/b &c", query);
        let uri = routed.target.as_mut().and_then(|target| target.uri.take());
        assert!(uri.is_some_and(|uri| uri.starts_with('/')), "{options}");
        assert_eq!(routed.target, expected, "{options}");
        assert_eq!(routed.end, End::Open, "{options}");
    }
    let fixed = |path: &str| routed("route-run = fixpathinfo:", path.as_bytes(), "q").target;
    assert_eq!(fixed("/a/b"), target("/b", "q"));
    assert_eq!(fixed("/a"), target("", "q"));
    assert_eq!(fixed("/ab"), None);
    let options = "route = ^/(.*) addheader:X-Path: $1;${HTTP_X}\nroute-run = delheader:Server\n\
        route-run = log:got $1x\nroute-run = setscheme:https";
    let options = options.replace("$1x", "${REMOTE_ADDR}");
    let routed = routed(&options, "/é".as_bytes(), "");
    let value = "é;a%0D%0ASet-Cookie: b".as_bytes().to_vec();
    assert_eq!(routed.added, [("X-Path".to_owned(), value)]);
    assert_eq!(routed.removed, ["server"]);
    assert_eq!(routed.lines, [b"got 10.0.0.1".to_vec()]);
    assert_eq!(routed.is_secure, Some(true));
}

#[test]
fn without_rules_there_is_nothing_to_ask() {
    assert!(Routes::new(&[]).is_none());
}

#[test]
fn the_files_that_rules_send_are_known_beforehand() {
    let options =
        "route = ^/a static:/srv/a.html\nroute = ^/b break:404\nroute = ^/c static:/srv/c.html";
    let routes = Routes::new(&vassal(options).routes).expect("there are rules");
    assert_eq!(routes.files().count(), 2);
}

proptest! {
    #[test]
    fn nothing_of_a_request_ends_a_line(path in proptest::collection::vec(any::<u8>(), 0..40)) {
        let options = "route = ^(.*)$ addheader:X-A: $1${PATH_INFO}\n\
            route = ^(.*)$ redirect:$1";
        let routed = routed(options, &path, "");
        let End::Redirect { to, .. } = routed.end else { panic!("it redirects") };
        prop_assert!(to.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert!(!to.starts_with("//"));
        let (_, value) = &routed.added[0];
        prop_assert!(!value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t'));
    }
}
