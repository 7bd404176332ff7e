//! Whoever watches is told how the vassals are: `stats` of a vassal, `--stats` and `--metrics` of the
//! emperor.

mod clients;
mod emperor;
mod vassal;

use std::io::{self, Read};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use serde_json::Value;

use crate::harness::{DEADLINE, Emperor, Vassal};

/// An app that says how long the requests of a test take: none, or until it is ended.
const APP: &str = r"
import os, time
def application(environ, start_response):
    path = environ['PATH_INFO']
    if path == '/raises':
        raise RuntimeError('raised')
    if path == '/slow':
        print('began', flush=True)
        time.sleep(30)
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [str(os.getpid()).encode()]
";

/// All that is told to whoever connects and says nothing.
fn told(address: &str) -> io::Result<String> {
    let mut text = String::new();
    if address.starts_with('/') {
        let mut stream = UnixStream::connect(address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.read_to_string(&mut text)?;
    } else {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.read_to_string(&mut text)?;
    }
    Ok(text)
}

/// The same as JSON.
#[track_caller]
fn document(address: &str) -> Value {
    let text = told(address).expect("somebody tells");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The address at which a vassal speaks this.
#[track_caller]
fn address(emperor: &Emperor, vassal: &Vassal, protocol: &str) -> String {
    let status = emperor.status_of(vassal);
    let sockets = status["sockets"].as_array().expect("a list");
    let found = sockets.iter().find(|socket| socket["protocol"] == protocol);
    let address = found.and_then(|socket| socket["address"].as_str());
    address.expect("such a socket").to_owned()
}
