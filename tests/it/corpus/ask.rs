//! One request over each socket of a vassal.

use crate::gateway::raw;
use crate::harness::{Emperor, Vassal, connect, try_get};

use super::layout::Options;

/// Asks over all sockets, and fails the test unless each answer is that of the vassal's own app.
#[track_caller]
pub(super) fn all(emperor: &Emperor, vassal: &Vassal, options: &Options) {
    let shown = emperor.status_of(vassal);
    if !options.sleeps() {
        assert_eq!(shown["state"], "ready", "{shown}");
    }
    let sockets = shown["sockets"].as_array().expect("a list of sockets");
    let is_server = ["module", "wsgi-file", "mount"]
        .iter()
        .any(|name| options.one(name).is_some());
    assert_eq!(sockets.is_empty(), !is_server, "{shown}");
    // An app below a path alone is asked there.
    let mounts: Vec<&str> = options
        .all("mount")
        .filter_map(|value| value.split_once('='))
        .map(|(path, _)| path)
        .collect();
    let path = match mounts.first() {
        Some(path) if !mounts.contains(&"/") => path,
        _ => "/",
    };
    let expected = format!("hello from {}.", vassal.name);
    for socket in sockets {
        let [protocol, address] =
            ["protocol", "address"].map(|field| socket[field].as_str().expect("text"));
        if protocol == "stats" {
            let told = rest(address, b"");
            assert!(told.contains("\"workers\""), "{}: {told}", vassal.name);
            continue;
        }
        let answer = match protocol {
            "http" => format!("{:?}", try_get(address, path)),
            _ => asked_by(protocol, address, path),
        };
        let is_good = answer.contains("200") && answer.contains(&expected);
        assert!(
            is_good,
            "{} by {protocol} at {address}: {answer}",
            vassal.name
        );
    }
}

/// What comes back by a protocol of web servers.
fn asked_by(protocol: &str, address: &str, path: &str) -> String {
    let variables = [
        ("CONTENT_LENGTH", "0"),
        ("SCGI", "1"),
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", path),
        ("PATH_INFO", path),
        ("QUERY_STRING", ""),
        ("SERVER_NAME", "test"),
        ("SERVER_PORT", "80"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
    ];
    let request = match protocol {
        "uwsgi" => raw::uwsgi(&variables, b""),
        "fastcgi" => raw::fastcgi(1, 0, &variables, b""),
        "scgi" => raw::scgi(&variables, b""),
        other => panic!("no request by {other}"),
    };
    rest(address, &request)
}

/// All that is said to whoever sends this.
fn rest(address: &str, request: &[u8]) -> String {
    let mut connection = connect(address).expect("it listens");
    connection.send(request).expect("it reads");
    String::from_utf8_lossy(&connection.rest().expect("it answers")).into_owned()
}
