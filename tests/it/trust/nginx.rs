//! Behind the real nginx, asked by the real curl: by header fields and by the PROXY protocol.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{APP, has};
use crate::harness::{WebServer, free_port, run};
use crate::site::Site;

/// Debian's package `libnginx-mod-stream`; `.ci/run` installs it.
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// One that proxies HTTP from its first port and whatever comes from its second, as it says.
fn nginx(site: &Site, http: u16, stream: u16) -> WebServer {
    let root = site.emperor.at("nginx");
    fs::create_dir(&root).expect("it is ours");
    let (place, site) = (root.display(), &site.address);
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {place}/{name};"))
        .join(" ");
    let text = format!(
        "load_module {STREAM_MODULE};
        daemon off; master_process off; pid {place}/pid; error_log {place}/errors;
        events {{}}
        http {{
            access_log off; {temporary}
            server {{
                listen 127.0.0.1:{http};
                location / {{
                    proxy_pass http://{site};
                    proxy_http_version 1.1;
                    proxy_set_header Connection \"\";
                    proxy_set_header Host $host;
                    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                    proxy_set_header X-Forwarded-Proto https;
                }}
            }}
        }}
        stream {{ server {{ listen 127.0.0.1:{stream}; proxy_pass {site}; proxy_protocol on; }} }}\n"
    );
    WebServer::nginx(&root, &text)
}

/// What the app is told when 127.0.0.9 asks at this port.
#[track_caller]
fn asked(port: u16, further: &[&str]) -> Value {
    let url = format!("http://127.0.0.1:{port}/a");
    let usual = "--silent --show-error --max-time 20 --retry 60 --retry-delay 0 \
         --retry-max-time 30 --retry-connrefused --interface 127.0.0.9";
    let mut curl = Command::new("curl");
    curl.args(usual.split_whitespace()).arg(url).args(further);
    let ran = run(curl);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

#[test]
fn the_client_of_nginx_is_seen_by_its_fields() {
    let site = Site::new("forwarded-allow = \"127.0.0.1\"", APP);
    let (http, stream) = (free_port(), free_port());
    let _nginx = nginx(&site, http, stream);
    let forged = [
        "-H",
        "X-Forwarded-For: 127.0.0.1, 10.1.1.1",
        "-H",
        "Forwarded: for=1.1.1.1",
    ];
    for further in [&[][..], &forged] {
        let environ = asked(http, further);
        let expected = [
            ("REMOTE_ADDR", json!("127.0.0.9")),
            ("wsgi.url_scheme", json!("https")),
            ("SERVER_PORT", json!("443")),
            ("HTTP_HOST", json!("127.0.0.1")),
            ("HTTP_FORWARDED", Value::Null),
        ];
        has(&environ, &expected);
    }
}

#[test]
fn the_client_of_nginx_is_seen_by_the_proxy_protocol() {
    let options = "forwarded-allow = \"127.0.0.1\"\nproxy-protocol = true";
    let site = Site::new(options, APP);
    let (http, stream) = (free_port(), free_port());
    let _nginx = nginx(&site, http, stream);
    let environ = asked(stream, &[]);
    has(&environ, &[("REMOTE_ADDR", json!("127.0.0.9"))]);
    has(&environ, &[("SERVER_PORT", json!(stream.to_string()))]);
    // Without nginx between them: 127.0.0.9 is not believed, so it may not say it.
    let (_, port) = site.address.rsplit_once(':').expect("a port");
    let port = port.parse().expect("a number");
    has(&asked(port, &[]), &[("REMOTE_ADDR", json!("127.0.0.9"))]);
}
