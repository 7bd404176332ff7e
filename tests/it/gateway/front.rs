//! The real nginx before a vassal, with a server for each protocol and kind of socket.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::harness::{Emperor, Response, Vassal, WebServer, connect, free_port, write_python};

pub(super) const PROTOCOLS: [&str; 3] = ["uwsgi", "fastcgi", "scgi"];

/// What nginx is told to send, as its own files of parameters have it.
const PARAMETERS: [(&str, &str); 15] = [
    ("QUERY_STRING", "$query_string"),
    ("REQUEST_METHOD", "$request_method"),
    ("CONTENT_TYPE", "$content_type"),
    ("CONTENT_LENGTH", "$content_length"),
    ("REQUEST_URI", "$request_uri"),
    ("PATH_INFO", "$document_uri"),
    ("DOCUMENT_ROOT", "$document_root"),
    ("SERVER_PROTOCOL", "$server_protocol"),
    ("REQUEST_SCHEME", "$scheme"),
    ("HTTPS", "$https if_not_empty"),
    ("REMOTE_ADDR", "$remote_addr"),
    ("REMOTE_PORT", "$remote_port"),
    ("SERVER_PORT", "$server_port"),
    ("SERVER_NAME", "$server_name"),
    ("SCGI", "1"),
];

/// What would make uWSGI load code.
const POWERS: &[(&str, &str)] = &[("UWSGI_SCRIPT", "evil.py"), ("UWSGI_SETENV", "A=evil")];

/// Where nginx listens, and what it does there.
pub(super) struct Server {
    pub(super) port: u16,
    pub(super) protocol: &'static str,
    pub(super) socket: String,
    /// Parameters besides the usual ones.
    pub(super) further: &'static [(&'static str, &'static str)],
}

/// A server at each port, which hands on to a socket by a protocol.
pub(super) fn nginx(root: &Path, servers: &[Server]) -> WebServer {
    fs::create_dir(root).expect("it is ours");
    let place = root.display();
    let mut text = format!(
        "daemon off; master_process off; pid {place}/pid; error_log {place}/errors;
        events {{ worker_connections 512; }}
        http {{ access_log off; client_max_body_size 0; client_body_temp_path {place}/bodies;
        proxy_temp_path {place}/p; fastcgi_temp_path {place}/f; uwsgi_temp_path {place}/u;
        scgi_temp_path {place}/s; large_client_header_buffers 8 64k;\n"
    );
    for server in servers {
        let (port, protocol, socket) = (server.port, server.protocol, &server.socket);
        let parameters = PARAMETERS.iter().chain(server.further);
        let parameters: Vec<String> = parameters
            .map(|(name, value)| format!("{protocol}_param {name} {value};"))
            .collect();
        let (parameters, kept) = (parameters.join(" "), protocol == "fastcgi");
        let keeps = if kept { "fastcgi_keep_conn on;" } else { "" };
        let keepalive = if kept { "keepalive 4;" } else { "" };
        let pass = format!("{protocol}_pass at{port}; {keeps} {parameters}");
        write!(
            text,
            "upstream at{port} {{ server {socket}; {keepalive} }}
            server {{
                listen 127.0.0.1:{port}; server_name localhost;
                {protocol}_next_upstream off;
                location / {{ {pass} }}
                location /unbuffered/ {{
                    rewrite ^/unbuffered(/.*)$ $1 break;
                    {protocol}_request_buffering off; {protocol}_buffering off; {pass}
                }}
            }}\n"
        )
        .expect("a text grows");
    }
    text.push('}');
    let mut nginx = WebServer::nginx(root, &text);
    for server in servers {
        nginx.listens(server.port);
    }
    nginx
}

/// A vassal that speaks all protocols, and nginx before it.
pub(super) struct Behind {
    _nginx: WebServer,
    pub(super) emperor: Emperor,
    pub(super) vassal: Vassal,
    /// What nginx hands on by: a protocol and a kind of socket, and where it listens itself.
    pub(super) fronts: Vec<(String, String)>,
}

impl Behind {
    #[track_caller]
    pub(super) fn new(options: &str, code: &str) -> Self {
        let emperor = Emperor::start();
        let mut text = "# without http =\n".to_owned();
        let mut servers = Vec::new();
        let mut fronts = Vec::new();
        for protocol in PROTOCOLS {
            let unix = emperor.at(protocol).display().to_string();
            let tcp = format!("127.0.0.1:{}", free_port());
            writeln!(text, "{protocol} = [\"unix:{unix}\", \"{tcp}\"]").expect("a text grows");
            for (kind, socket) in [("unix", format!("unix:{unix}")), ("tcp", tcp)] {
                let port = free_port();
                servers.push(Server {
                    port,
                    protocol,
                    socket,
                    further: POWERS,
                });
                fronts.push((format!("{protocol} {kind}"), format!("127.0.0.1:{port}")));
            }
        }
        if !options.contains("access-log") {
            text.push_str("access-log = \"all\"\n");
        }
        text.push_str(options);
        let vassal = emperor.vassal("site");
        write_python(&vassal.app, code);
        let vassal = emperor.serve("site", &text, code);
        Self {
            _nginx: nginx(&emperor.at("nginx"), &servers),
            emperor,
            vassal,
            fronts,
        }
    }
}

/// The answer to a request without a body.
#[track_caller]
pub(super) fn get(address: &str, path: &str) -> Response {
    ask(
        address,
        &format!("GET {path} HTTP/1.1\r\nHost: site\r\nConnection: close\r\n\r\n"),
        &[],
    )
}

/// The answer to `POST`.
#[track_caller]
pub(super) fn post(address: &str, path: &str, body: &[u8]) -> Response {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: site\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    ask(address, &head, body)
}

#[track_caller]
pub(super) fn ask(address: &str, head: &str, body: &[u8]) -> Response {
    let mut connection = connect(address).expect("nginx listens");
    connection.send(head.as_bytes()).expect("it reads");
    // Whoever refuses a body need not read it.
    let _unread = connection.send(body);
    connection
        .receive()
        .unwrap_or_else(|error| panic!("{address} {head}: {error}"))
}
