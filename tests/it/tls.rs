//! `https`: real clients against real certificates, made by `openssl` for each test.

mod clients;
mod files;
mod hostile;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::harness::{DEADLINE, Emperor, Setup, Vassal, get, write_python, write_whole};

/// Says what it was asked, and how much of a body came with it.
const TELL: &str = r"
import json
def application(environ, start_response):
    size = len(environ['wsgi.input'].read())
    told = {key: value for key, value in environ.items() if isinstance(value, str)}
    told['size'] = size
    start_response('200 OK', [('Content-Type', 'application/json')])
    return [json.dumps(told).encode()]
";

/// Answers with megabytes, in one piece, in many, or without saying how many.
const LARGE: &str = r"
def application(environ, start_response):
    path, piece = environ['PATH_INFO'], b'0123456789abcdef' * 4096
    start_response('200 OK', [('Content-Length', str(len(piece) * 64))] if path == '/known' else [])
    if path == '/whole':
        return [piece * 64]
    return (piece for _ in range(64))
";
const LARGE_BYTES: usize = 16 * 4096 * 64;

/// A client in Python, for what curl cannot do. Its arguments are the address, the authority, and
/// what to do.
const CLIENT: &str = r"
import json, select, socket, ssl, sys, time
host, port = sys.argv[1].rsplit(':', 1)
def context(version=None):
    made = ssl.create_default_context(cafile=sys.argv[2])
    if version:
        made.minimum_version = made.maximum_version = version
    return made
def connect(made=None, session=None, name='a.test'):
    raw = socket.create_connection((host, int(port)), timeout=60)
    return (made or context()).wrap_socket(raw, server_hostname=name, session=session)
def ask(tls, path='/'):
    tls.sendall(f'GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n'.encode())
    return answer(tls)
def answer(tls):
    data = b''
    while b'\r\n\r\n' not in data:
        data += more(tls)
    head, body = data.split(b'\r\n\r\n', 1)
    length = int([line for line in head.lower().split(b'\r\n') if line.startswith(b'content-length')][0].split(b':')[1])
    while len(body) < length:
        body += more(tls)
    return head, body[:length], body[length:]
def more(tls):
    data = tls.recv(65536)
    assert data, 'the server has closed'
    return data
";

/// A vassal with certificates, and how to reach it.
pub(crate) struct Tls {
    pub(crate) emperor: Emperor,
    vassal: Vassal,
    pub(crate) address: String,
}

impl Tls {
    /// A vassal with `https` alone, on a port of the kernel's choice.
    #[track_caller]
    pub(crate) fn new(options: &str, code: &str) -> Self {
        let emperor = Emperor::start();
        pair(&emperor.at("certs"), "a", "DNS:a.test,IP:127.0.0.1");
        Self::over(emperor, &https(""), options, code)
    }

    #[track_caller]
    fn over(emperor: Emperor, https: &str, options: &str, code: &str) -> Self {
        let options = format!("{https}\n{options}");
        let vassal = emperor.vassal("site");
        write_python(&vassal.app, code);
        write_whole(&vassal.file, &https_alone(&vassal, &options));
        assert_eq!(emperor.ready_after(&vassal, 0), 1);
        let address = emperor.address(&vassal);
        Self {
            emperor,
            vassal,
            address,
        }
    }

    pub(crate) fn cert(&self, file: &str) -> PathBuf {
        self.emperor.at("certs").join(file)
    }

    fn port(&self) -> &str {
        self.address.rsplit(':').next().expect("it has a port")
    }

    /// What curl gets for a path at a.test.
    #[track_caller]
    fn curl(&self, path: &str, flags: &[&str]) -> Output {
        let resolve = format!("a.test:{}:127.0.0.1", self.port());
        let url = format!("https://a.test:{}{path}", self.port());
        let output = Command::new("curl")
            .args(["-sS", "--max-time", "60", "--resolve", &resolve, "--cacert"])
            .arg(self.cert("a.pem"))
            .args(flags)
            .arg(url)
            .output();
        output.expect("curl is there")
    }

    /// What the app tells about the request of a curl with these flags.
    #[track_caller]
    fn told(&self, flags: &[&str]) -> Value {
        let output = self.curl("/path?query", flags);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
    }

    /// Runs a client in Python; it fails the test when it fails.
    #[track_caller]
    fn python(&self, code: &str) -> String {
        let script = self.emperor.at("client.py");
        write_whole(&script, &format!("{CLIENT}{code}"));
        let output = Command::new("python3")
            .arg(script)
            .arg(&self.address)
            .arg(self.cert("a.pem"))
            .output()
            .expect("python3 is there");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("it prints text")
    }

    /// What `openssl s_client` says after the handshake; the server closes behind one request.
    #[track_caller]
    fn s_client(&self, flags: &[&str]) -> String {
        let mut client = Command::new("openssl")
            .args(["s_client", "-ign_eof", "-connect", &self.address])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("openssl is there");
        let mut input = client.stdin.take().expect("it has one");
        // One that was refused does not read.
        drop(input.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"));
        let output = client.wait_with_output().expect("it ends");
        drop(input);
        let error = String::from_utf8_lossy(&output.stderr);
        String::from_utf8_lossy(&output.stdout).into_owned() + &error
    }

    /// A connection without TLS.
    #[track_caller]
    fn stream(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("it can be");
        stream
    }
}

/// The option, with further parts of its table.
fn https(more: &str) -> String {
    format!(
        "https = {{ address = \"127.0.0.1:0\", cert = \"../certs/a.pem\", key = \"../certs/a.key\"{more} }}"
    )
}

/// The text of a vassal file without `http`.
fn https_alone(vassal: &Vassal, options: &str) -> String {
    Emperor::text_for(vassal, options).replace("http = \"127.0.0.1:0\"\n", "")
}

fn openssl(directory: &Path, arguments: &[&str]) {
    let output = Command::new("openssl")
        .current_dir(directory)
        .args(arguments)
        .output()
        .expect("openssl is there");
    assert!(output.status.success(), "{output:?}");
}

/// A key, and a certificate that it has signed itself.
fn pair(directory: &Path, name: &str, names: &str) {
    std::fs::create_dir_all(directory).expect("it can be made");
    let (key, cert) = (format!("{name}.key"), format!("{name}.pem"));
    let (subject, names) = (
        format!("/CN={name}.test"),
        format!("subjectAltName={names}"),
    );
    let curve = "ec_paramgen_curve:P-256";
    let request = [
        "req", "-x509", "-newkey", "ec", "-pkeyopt", curve, "-nodes", "-days", "9",
    ];
    let files = [
        "-keyout", &key, "-out", &cert, "-subj", &subject, "-addext", &names,
    ];
    openssl(directory, &[&request[..], &files].concat());
}

/// A certificate for a client, signed by the authority `ca`.
fn client_pair(directory: &Path, name: &str, subject: &str) {
    let (key, request, cert) = (
        format!("{name}.key"),
        format!("{name}.csr"),
        format!("{name}.pem"),
    );
    let new = [
        "req", "-newkey", "rsa:2048", "-nodes", "-keyout", &key, "-out", &request,
    ];
    openssl(
        directory,
        &[&new[..], &["-utf8", "-subj", subject]].concat(),
    );
    write_whole(
        &directory.join("client.ext"),
        "extendedKeyUsage=clientAuth\n",
    );
    let sign = [
        "x509", "-req", "-in", &request, "-CA", "ca.pem", "-CAkey", "ca.key",
    ];
    let out = [
        "-set_serial",
        "0xABCDEF",
        "-days",
        "9",
        "-extfile",
        "client.ext",
        "-out",
        &cert,
    ];
    openssl(directory, &[&sign[..], &out].concat());
}

#[test]
fn an_app_learns_that_it_is_asked_over_tls() {
    // The master asks without TLS.
    let site = Tls::new("ready-path = \"/ready\"", TELL);
    let told = site.told(&[]);
    for (name, value) in [
        ("HTTPS", "on"),
        ("wsgi.url_scheme", "https"),
        ("SERVER_PORT", site.port()),
        ("SSL_PROTOCOL", "TLSv1.3"),
        ("SSL_TLS_SNI", "a.test"),
        ("SSL_CLIENT_VERIFY", "NONE"),
        ("PATH_INFO", "/path"),
        ("QUERY_STRING", "query"),
    ] {
        assert_eq!(told[name], value, "{name}: {told}");
    }
    assert!(
        told["SSL_CIPHER"]
            .as_str()
            .expect("text")
            .starts_with("TLS_")
    );
    assert_eq!(told["HTTPS_CC"], Value::Null);
    let older = site.told(&[
        "--tls-max",
        "1.2",
        "--ciphers",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
    ]);
    assert_eq!(older["SSL_PROTOCOL"], "TLSv1.2");
    assert_eq!(older["SSL_CIPHER"], "ECDHE-ECDSA-AES128-GCM-SHA256");
    let status = site.emperor.status_of(&site.vassal);
    assert_eq!(status["sockets"][0]["protocol"], "https", "{status}");
}

#[test]
fn http_and_https_stand_side_by_side() {
    let emperor = Emperor::start();
    pair(&emperor.at("certs"), "a", "DNS:a.test");
    let vassal = emperor.serve("site", &https(""), TELL);
    let status = emperor.status_of(&vassal);
    let at = |protocol: &str| {
        let sockets = status["sockets"].as_array().expect("a list");
        let found = sockets.iter().find(|socket| socket["protocol"] == protocol);
        found.expect(protocol)["address"]
            .as_str()
            .expect("text")
            .to_owned()
    };
    let plain: Value = serde_json::from_str(&get(&at("http"), "/")).expect("JSON");
    assert_eq!(
        (&plain["wsgi.url_scheme"], &plain["HTTPS"]),
        (&json!("http"), &Value::Null)
    );
    let site = Tls {
        address: at("https"),
        emperor,
        vassal,
    };
    assert_eq!(site.told(&[])["wsgi.url_scheme"], "https");
}

#[test]
fn bodies_of_any_size_pass_both_ways() {
    let site = Tls::new("", TELL);
    let upload = site.emperor.at("upload");
    write_whole(&upload, &"x".repeat(5_000_000));
    let data = format!("@{}", upload.display());
    for flags in [
        vec!["--data-binary", &data],
        vec!["--data-binary", &data, "-H", "Transfer-Encoding: chunked"],
        vec!["--data-binary", &data, "--tls-max", "1.2"],
    ] {
        assert_eq!(site.told(&flags)["size"], 5_000_000, "{flags:?}");
    }
    let large = Tls::new("", LARGE);
    for path in ["/known", "/whole", "/unknown"] {
        for version in ["1.2", "1.3"] {
            let output = large.curl(path, &["--tls-max", version]);
            assert_eq!(
                output.stdout.len(),
                LARGE_BYTES,
                "{path} {version}: {:?}",
                output.stderr
            );
        }
        // Its end is the connection's, which TLS can tell from one that was cut.
        let output = large.curl(path, &["--http1.0"]);
        assert!(output.status.success(), "{:?}", output.stderr);
        assert_eq!(output.stdout.len(), LARGE_BYTES);
    }
}

#[test]
fn a_client_that_reads_slowly_gets_everything() {
    let site = Tls::new("", LARGE);
    let counted = site.python(
        r"
tls = connect()
tls.sendall(b'GET /known HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n')
total = 0
while True:
    data = tls.recv(30000)
    if not data:
        break
    total += len(data)
    if total % 7 == 0:
        time.sleep(0.02)
print(total > 4194304)
",
    );
    assert_eq!(counted.trim(), "True");
}

#[test]
fn requests_may_come_all_at_once_or_a_byte_at_a_time() {
    let site = Tls::new("", TELL);
    site.python(
        r"
one = b'POST /%d HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello'
tls = connect()
tls.sendall(b''.join(one % number for number in range(50)))
data = b''
while data.count(b'HTTP/1.1 200 OK') < 50 or not data.endswith(b'}'):
    data += more(tls)
places = [data.index(b'/%d\x22' % number) for number in range(50)]
assert places == sorted(places), places
tls = connect()
for byte in one % 7:
    tls.sendall(bytes([byte]))
assert b'/7\x22' in answer(tls)[1]
# The client's own end comes before the answer.
tls = connect()
tls.sendall(b'GET /half HTTP/1.1\r\nHost: a.test\r\n\r\n')
raw = socket.socket(fileno=tls.detach())
raw.settimeout(60)
raw.shutdown(socket.SHUT_WR)
assert raw.recv(65536)
",
    );
}

#[test]
fn protocols_and_names_are_agreed_on() {
    let site = Tls::new("", TELL);
    let said = site.s_client(&["-alpn", "spdy/3,http/1.1", "-tls1_2"]);
    assert!(said.contains("ALPN protocol: http/1.1"), "{said}");
    assert!(
        said.contains("TLSv1.2") && said.contains("200 OK"),
        "{said}"
    );
    let said = site.s_client(&["-tls1_3"]);
    assert!(
        said.contains("No ALPN negotiated") && said.contains("200 OK"),
        "{said}"
    );
    // The connection ends with a farewell.
    assert!(
        said.contains("closed") && !said.contains("unexpected eof"),
        "{said}"
    );
    let refused = site.s_client(&["-alpn", "spdy/3"]);
    assert!(refused.contains("no application protocol"), "{refused}");
    let old = site.s_client(&["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]);
    assert!(!old.contains("200 OK"), "{old}");
}

#[test]
fn a_reload_an_upgrade_and_another_emperor_lose_no_client() {
    let emperor = Setup::new().own_program().start_leaving_vassals();
    pair(&emperor.at("certs"), "a", "DNS:a.test,IP:127.0.0.1");
    let mut site = Tls::over(emperor, &https(""), "", TELL);
    let before = site.address.clone();
    site.emperor.touch(&site.vassal.file);
    let generation = site.emperor.replaced(&site.vassal, 1);
    assert_eq!(site.told(&[])["HTTPS"], "on");
    site.emperor.kill9();
    assert_eq!(site.told(&[])["HTTPS"], "on");
    site.emperor.start_again();
    let status = site.emperor.status_of(&site.vassal);
    assert_eq!(
        status["sockets"],
        json!([{ "protocol": "https", "address": before }])
    );
    site.emperor.touch(&site.vassal.file);
    site.emperor.ready_after(&site.vassal, generation);
    assert_eq!(site.emperor.address(&site.vassal), before);
    assert_eq!(site.told(&[])["HTTPS"], "on");
}

#[test]
fn an_idle_connection_is_taken_leave_of() {
    let site = Tls::new("", TELL);
    let script = r"
tls = connect()
ask(tls)
# What was cut is an error here.
tls.suppress_ragged_eofs = False
print('idle', flush=True)
assert tls.recv(100) == b''
";
    let path = site.emperor.at("idle.py");
    write_whole(&path, &format!("{CLIENT}{script}"));
    let mut client = Command::new("python3")
        .arg(path)
        .arg(&site.address)
        .arg(site.cert("a.pem"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    let mut said = client.stdout.take().expect("it has one");
    said.read_exact(&mut [0; 4])
        .expect("it says that it is idle");
    site.emperor.touch(&site.vassal.file);
    site.emperor.replaced(&site.vassal, 1);
    assert!(client.wait().expect("it ends").success());
}
