//! The files that `https` names: unusable, out of date, renewed while all goes on.

use std::cell::Cell;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use super::{CLIENT, TELL, Tls, client_pair, https, openssl, pair};
use crate::harness::{Emperor, write_whole};

/// Certificate and key as the option names them, and what is said of them.
const UNUSABLE: [(&str, &[&str], &str); 8] = [
    (
        "a.pem,../certs/b.key",
        &["b.key", "does not belong", "a.pem"],
        "certificate of the site",
    ),
    (
        "none.pem,../certs/a.key",
        &["none.pem", "no certificate"],
        "BEGIN CERTIFICATE",
    ),
    (
        "a.pem,../certs/none.pem",
        &["none.pem", "no private key"],
        "BEGIN PRIVATE KEY",
    ),
    (
        "a.pem,../certs/locked.key",
        &["locked.key", "encrypted"],
        "openssl pkey",
    ),
    (
        "a.pem,../certs/small.key",
        &["small.key", "cannot be used"],
        "2048",
    ),
    (
        "broken.pem,../certs/a.key",
        &["broken.pem", "cannot be used"],
        "version 3",
    ),
    (
        "missing.pem,../certs/a.key",
        &["missing.pem", "No such file"],
        "name a PEM file",
    ),
    (
        "a.pem,../certs/a.key,,../certs/none.pem",
        &["none.pem", "no certificate"],
        "BEGIN CERTIFICATE",
    ),
];

#[test]
fn files_that_cannot_be_used_fail_the_generation() {
    let emperor = Emperor::start();
    let certs = emperor.at("certs");
    pair(&certs, "a", "DNS:a.test");
    pair(&certs, "b", "DNS:b.test");
    write_whole(&certs.join("none.pem"), "nothing\n");
    write_whole(
        &certs.join("broken.pem"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    openssl(
        &certs,
        &[
            "pkey",
            "-in",
            "a.key",
            "-aes128",
            "-passout",
            "pass:x",
            "-out",
            "locked.key",
        ],
    );
    openssl(&certs, &["genrsa", "-out", "small.key", "1024"]);
    let site = emperor.add("site", "http = \"127.0.0.1:0\"", TELL);
    let first = emperor.ready_after(&site, 0);
    for ((files, says, hints), generation) in UNUSABLE.iter().zip(first..) {
        let option = format!("https = \"127.0.0.1:0,../certs/{files}\"");
        write_whole(&site.file, &Emperor::text_for(&site, &option));
        let failure = emperor.failed_after(&site, generation);
        failure.says("config", says);
        failure.hints(hints);
        // What served before serves on.
        assert_eq!(emperor.state_of(&site), "degraded");
    }
}

#[test]
fn a_key_that_its_user_may_not_read_is_told() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let emperor = Emperor::start();
    let certs = emperor.at("certs");
    pair(&certs, "a", "DNS:a.test");
    // Where everybody may go, but for the key.
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is ours");
    };
    open(&emperor.at(""), 0o755);
    open(&certs, 0o755);
    open(&certs.join("a.key"), 0o600);
    let options = format!("uid = 65534\npython = \"/usr/bin/python3\"\n{}", https(""));
    let site = emperor.add("site", &options, TELL);
    let failure = emperor.failed_after(&site, 0);
    failure.says("permission", &["a.key", "Permission denied"]);
    failure.hints("setfacl");
}

#[test]
fn an_expired_certificate_is_a_warning() {
    let emperor = Emperor::start();
    let certs = emperor.at("certs");
    pair(&certs, "ca", "DNS:ca.test");
    client_pair(&certs, "a", "/CN=a.test");
    let dates = [
        "-not_before",
        "20200101000000Z",
        "-not_after",
        "20200201000000Z",
    ];
    let sign = [
        "x509", "-req", "-in", "a.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out", "a.pem",
    ];
    let is_new = Command::new("openssl")
        .current_dir(&certs)
        .args([&sign[..], &dates].concat())
        .output()
        .is_ok_and(|output| output.status.success());
    if !is_new {
        // OpenSSL before 3.4 signs for the past as an authority only.
        let setting = "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n\
                       x509_extensions=e\n[e]\nbasicConstraints=CA:false\n[p]\ncommonName=supplied\n";
        write_whole(&certs.join("ca.conf"), setting);
        write_whole(&certs.join("index"), "");
        write_whole(&certs.join("serial"), "01\n");
        let ca = [
            "ca", "-batch", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key",
        ];
        let dates = [
            "-startdate",
            "20200101000000Z",
            "-enddate",
            "20200201000000Z",
            "-in",
            "a.csr",
            "-out",
            "a.pem",
        ];
        openssl(&certs, &[&ca[..], &dates].concat());
    }
    let site = Tls::over(emperor, &https(""), "", TELL);
    let line = site.emperor.printed(&site.vassal, |line| {
        line.contains("warning: the certificate")
            .then(|| line.to_owned())
    });
    assert!(
        line.contains("a.pem` expired") && line.contains("days ago"),
        "{line}"
    );
    assert_eq!(site.told(&["-k"])["HTTPS"], "on");
}

#[test]
fn a_renewed_certificate_is_used_without_a_reload() {
    let site = Tls::new("processes = 2", TELL);
    let certs = site.emperor.at("certs");
    let first = certificate_of(&site);
    // Under load all along: nobody notices.
    let load = r"
import threading
stop = threading.Event()
def client():
    while not stop.is_set():
        made = context()
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
        tls = connect(made)
        assert ask(tls)[0].startswith(b'HTTP/1.1 200')
        tls.close()
failures = []
threading.excepthook = lambda args: failures.append(repr(args.exc_value))
clients = [threading.Thread(target=client) for _ in range(4)]
for one in clients: one.start()
print('loaded', flush=True)
sys.stdin.read()
stop.set()
for one in clients: one.join()
assert not failures, failures
";
    std::fs::copy(certs.join("a.pem"), certs.join("load.pem")).expect("it is there");
    let script = site.emperor.at("load.py");
    write_whole(&script, &format!("{CLIENT}{load}"));
    let mut load = Command::new("python3")
        .arg(&script)
        .arg(&site.address)
        .arg(certs.join("load.pem"))
        .stdin(Stdio::piped())
        .spawn()
        .expect("python3 is there");
    // The key first: for a moment they do not match, which is nobody's mistake.
    pair(&certs, "new", "DNS:a.test,IP:127.0.0.1");
    std::fs::rename(certs.join("new.key"), certs.join("a.key")).expect("it can be");
    std::fs::rename(certs.join("new.pem"), certs.join("a.pem")).expect("it can be");
    // Each of the two workers follows when a client comes to it.
    let followed = Cell::new(0);
    site.emperor.printed(&site.vassal, |line| {
        let is_told = line.contains("has changed and is in use");
        followed.set(followed.get() + i32::from(is_told));
        (followed.get() == 2).then_some(())
    });
    let second = certificate_of(&site);
    assert_ne!(second, first);
    // A new pair that cannot be used is told, and the one before stays.
    write_whole(&certs.join("a.key"), "nonsense\n");
    let line = site.emperor.printed(&site.vassal, |line| {
        line.contains("cannot be used").then(|| line.to_owned())
    });
    assert!(
        line.contains("a.key") && line.contains("no private key"),
        "{line}"
    );
    assert_eq!(certificate_of(&site), second);
    drop(load.stdin.take());
    assert!(load.wait().expect("it ends").success());
    let status = site.emperor.status_of(&site.vassal);
    assert_eq!(status["generation"], 1, "{status}");
}

/// The certificate that is shown now, whoever signed it.
fn certificate_of(site: &Tls) -> String {
    let said = site.s_client(&["-servername", "a.test"]);
    let shown = said.split("-----BEGIN CERTIFICATE-----").nth(1);
    let shown = shown.and_then(|shown| shown.split("-----END").next());
    shown.expect("it shows one").to_owned()
}
