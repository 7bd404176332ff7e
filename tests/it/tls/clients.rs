//! What depends on the client: the name it asks for, the session it resumes, the certificate it shows.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{LARGE, LARGE_BYTES, TELL, Tls, client_pair, https, https_alone, pair};
use crate::harness::{Emperor, write_python, write_whole};

#[test]
fn the_name_chooses_the_certificate() {
    let emperor = Emperor::start();
    let certs = emperor.at("certs");
    pair(&certs, "a", "DNS:a.test");
    pair(&certs, "b", "DNS:b.test,DNS:*.b.test");
    let entry = |name: &str| format!("\"127.0.0.1:0,../certs/{name}.pem,../certs/{name}.key\"");
    let option = format!("https = [{}, {}]", entry("a"), entry("b"));
    let site = Tls::over(emperor, &option, "", TELL);
    for (asked, shown) in [
        ("a.test", "a.test"),
        ("b.test", "b.test"),
        ("www.b.test", "b.test"),
        ("c.test", "a.test"),
        ("", "a.test"),
    ] {
        let name = ["-servername", asked];
        let flags = if asked.is_empty() {
            &["-noservername"][..]
        } else {
            &name
        };
        let said = site.s_client(flags);
        assert!(
            said.contains(&format!("subject=CN = {shown}")),
            "{asked}: {said}"
        );
    }
}

#[test]
fn a_session_is_resumed_by_any_worker() {
    let emperor = Emperor::start();
    pair(&emperor.at("certs"), "a", "DNS:a.test");
    let code = TELL.replace(
        "told['size']",
        "told['pid'] = __import__('os').getpid(); told['size']",
    );
    let site = Tls::over(emperor, &https(""), "processes = 3", &code);
    site.python(
        r"
for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
    made, session, workers = context(version), None, set()
    # Each connection is held, so that the next ones meet other workers too.
    for number in range(200):
        tls = connect(made, session)
        assert tls.session_reused == (session is not None), (version, number)
        session = session or (ask(tls) and tls.session)
        workers.add(json.loads(ask(tls)[1])['pid'])
        tls.close()
        if len(workers) == 3 and number > 10:
            break
    assert len(workers) > 1, workers
",
    );
}

/// It stands for the client's certificate, which the other may ask for.
#[test]
fn a_session_is_resumed_by_no_other_listener() {
    let emperor = Emperor::start();
    let certs = emperor.at("certs");
    pair(&certs, "a", "DNS:a.test");
    pair(&certs, "ca", "DNS:ca.test");
    let entry = |host: &str, more: &str| {
        https(more)
            .replace("https = ", "")
            .replace("127.0.0.1", host)
    };
    let optional = ", client-ca = \"../certs/ca.pem\", client-auth = \"optional\"";
    let option = format!(
        "https = [{}, {}]",
        entry("127.0.0.1", ""),
        entry("[::1]", optional)
    );
    let vassal = emperor.vassal("site");
    write_python(&vassal.app, TELL);
    write_whole(&vassal.file, &https_alone(&vassal, &option));
    emperor.ready_after(&vassal, 0);
    let addresses = emperor.addresses(&vassal);
    let at = |start: &str| {
        addresses
            .iter()
            .find(|at| at.starts_with(start))
            .expect("it is there")
            .clone()
    };
    let site = Tls {
        address: at("127."),
        emperor,
        vassal,
    };
    site.python(&format!(
        "
made = context()
tls = connect(made); ask(tls); session = tls.session
assert connect(made, session).session_reused
host, port = '::1', {:?}
assert not connect(made, session).session_reused
",
        at("[::1]").rsplit(':').next().expect("a port")
    ));
}

/// A vassal that believes certificates of an authority, of whose two clients one is a stranger.
#[track_caller]
fn with_clients(auth: &str) -> (Tls, PathBuf) {
    let emperor = Emperor::start();
    let certs = emperor.at("certs");
    pair(&certs, "a", "DNS:a.test");
    pair(&certs, "ca", "DNS:ca.test");
    client_pair(&certs, "me", "/C=DE/O=Söhne, Inc./CN=me");
    pair(&certs, "stranger", "DNS:stranger.test");
    let option = https(&format!(", client-ca = \"../certs/ca.pem\"{auth}"));
    (Tls::over(emperor, &option, "", TELL), certs)
}

#[test]
fn clients_show_certificates() {
    let (site, certs) = with_clients("");
    let text = std::fs::read_to_string(certs.join("me.pem")).expect("it is there");
    for version in ["1.2", "1.3"] {
        let told = site.told(&[&shown(&certs, "me")[..], &["--tls-max", version]].concat());
        for (name, value) in [
            ("SSL_CLIENT_VERIFY", "SUCCESS"),
            ("SSL_CLIENT_S_DN", "CN=me,O=S\u{c3}\u{b6}hne\\, Inc.,C=DE"),
            ("SSL_CLIENT_I_DN", "CN=ca.test"),
            ("SSL_CLIENT_M_SERIAL", "ABCDEF"),
            ("SSL_CLIENT_CERT", &text),
            ("HTTPS_DN", "/C=DE/O=S\u{c3}\u{b6}hne, Inc./CN=me"),
            ("HTTPS_CC", &text),
        ] {
            assert_eq!(told[name], value, "{name}: {told}");
        }
        for flags in [&shown(&certs, "stranger")[..], &[]] {
            let output = site.curl("/", &[flags, &["--tls-max", version]].concat());
            assert!(
                !output.status.success() && output.stdout.is_empty(),
                "{output:?}"
            );
        }
    }
}

/// Says what its scope says about TLS.
const SCOPE: &str = r"
import json
async def application(scope, receive, send):
    assert scope['type'] in ('http', 'websocket')
    if scope['type'] == 'websocket':
        await receive()
        await send({'type': 'websocket.accept'})
        told = scope['extensions']['tls']
        return await send({'type': 'websocket.send', 'text': json.dumps(told)})
    body = json.dumps([scope['scheme'], scope['extensions'].get('tls')]).encode()
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': body})
";

#[test]
fn an_asgi_app_learns_what_the_handshake_came_to() {
    let emperor = Emperor::start();
    let certs = emperor.at("certs");
    pair(&certs, "a", "DNS:a.test");
    pair(&certs, "ca", "DNS:ca.test");
    client_pair(&certs, "me", "/C=DE/O=S\u{f6}hne, Inc./CN=me");
    let option = https(", client-ca = \"../certs/ca.pem\", client-auth = \"optional\"");
    let site = Tls::over(emperor, &option, "", SCOPE);
    let pem = |name: &str| std::fs::read_to_string(certs.join(name)).expect("it is there");
    for (flags, version, suites) in [
        (&["--tls-max", "1.3"][..], 0x0304, 0x1301..=0x1303),
        (
            &[
                "--tls-max",
                "1.2",
                "--ciphers",
                "ECDHE-ECDSA-AES128-GCM-SHA256",
            ],
            0x0303,
            0xc02b..=0xc02b,
        ),
    ] {
        let told = site.told(flags);
        assert_eq!(told[0], "https");
        let tls = &told[1];
        assert_eq!(
            (&tls["server_cert"], &tls["tls_version"]),
            (&json!(pem("a.pem")), &json!(version))
        );
        let number = tls["cipher_suite"].as_u64().expect("a number");
        assert!(suites.contains(&number), "{number:x}");
        for absent in ["client_cert_name", "client_cert_error"] {
            assert_eq!(tls[absent], Value::Null, "{tls}");
        }
        assert_eq!(tls["client_cert_chain"], json!([]));
        let told = site.told(&[&shown(&certs, "me")[..], flags].concat());
        let tls = &told[1];
        assert_eq!(tls["client_cert_chain"], json!([pem("me.pem")]));
        assert_eq!(
            (&tls["client_cert_name"], &tls["client_cert_error"]),
            (&json!("CN=me,O=S\u{f6}hne\\, Inc.,C=DE"), &Value::Null)
        );
    }
    let heard = site.python(
        r"
tls = connect()
tls.sendall(b'GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: upgrade\r\n'
            b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
data = b''
while not data.endswith(b'}'):
    data += more(tls)
print(data.split(b'\r\n\r\n')[1].split(b'{', 1)[1].decode().count('BEGIN CERTIFICATE'))
",
    );
    assert_eq!(heard.trim(), "1");
}

#[test]
fn a_resumed_session_is_still_the_same_clients() {
    let (site, _) = with_clients("");
    let resumed = site.python(
        r"
made = context()
made.load_cert_chain(sys.argv[2].replace('a.pem', 'me.pem'), sys.argv[2].replace('a.pem', 'me.key'))
tls = connect(made); ask(tls); session = tls.session
tls = connect(made, session)
print(tls.session_reused, json.loads(ask(tls)[1])['SSL_CLIENT_S_DN'].startswith('CN=me,'))
",
    );
    assert_eq!(resumed.trim(), "True True");
}

#[test]
fn certificates_of_clients_may_be_optional() {
    let (site, certs) = with_clients(", client-auth = \"optional\"");
    assert_eq!(site.told(&[])["SSL_CLIENT_VERIFY"], "NONE");
    let told = site.told(&shown(&certs, "me"));
    assert_eq!(told["SSL_CLIENT_VERIFY"], "SUCCESS");
    // One that is shown must be good all the same.
    assert!(!site.curl("/", &shown(&certs, "stranger")).status.success());
}

/// How curl shows a certificate.
fn shown(certs: &Path, name: &str) -> [&'static str; 4] {
    let path = |ending: &str| certs.join(format!("{name}.{ending}")).display().to_string();
    ["--cert", path("pem").leak(), "--key", path("key").leak()]
}

#[test]
fn clients_that_agree_on_it_speak_http_2() {
    for (option, version) in [("", "2"), ("http2 = \"off\"", "1.1")] {
        let tls = Tls::new(option, LARGE);
        let output = tls.curl("/many", &["-w", "%{http_version}"]);
        let end = output.stdout.len() - version.len();
        assert_eq!(end, LARGE_BYTES, "{output:?}");
        assert_eq!(&output.stdout[end..], version.as_bytes());
    }
}

#[test]
fn a_websocket_over_tls_is_one_of_http_1() {
    let tls = Tls::new(
        "",
        r"
async def application(scope, receive, send):
    if scope['type'] != 'websocket':
        raise NotImplementedError
    await receive()
    await send({'type': 'websocket.accept'})
    message = await receive()
    await send({'type': 'websocket.send', 'text': scope['scheme'] + ' ' + message['text']})
",
    );
    let told = tls.python(
        r"
made = context()
made.set_alpn_protocols(['http/1.1'])
tls = connect(made)
assert tls.selected_alpn_protocol() == 'http/1.1'
tls.sendall(b'GET / HTTP/1.1\r\nHost: a.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
            b'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n')
data = b''
while b'\r\n\r\n' not in data:
    data += more(tls)
assert data.startswith(b'HTTP/1.1 101 '), data
tls.sendall(b'\x81\x82\0\0\0\0hi')
data = data.partition(b'\r\n\r\n')[2]
while len(data) < 8:
    data += more(tls)
print(data[2:8].decode())
",
    );
    assert_eq!(told, "wss hi\n");
}
