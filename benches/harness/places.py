"""Where a contender listens, by which wire, and how one sees that it answers there.

| wire  | what the client speaks                  | where the server listens         |
|-------|-----------------------------------------|----------------------------------|
| http  | HTTP/1.1                                | a port                           |
| h2    | HTTP/2 over TLS, by ALPN                | a port                           |
| h2c   | HTTP/2 in the clear, by prior knowledge | a port                           |
| nginx | HTTP/1.1, with nginx                    | a unix socket that nginx passes to |
"""

import os
import shutil
import subprocess

from .client import answer, free_port, h2load
from .processes import CLIENT_CPU, Process

NGINX = """
daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/nginx.log;
{user}
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    # What is measured is posted from memory, and connections end by nobody's count.
    client_body_buffer_size 64k;
    keepalive_requests 1000000000;
    upstream app {{
        server unix:{socket};
        {keepalive}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
{passing}
        }}
    }}
}}
"""
KEPT = "keepalive 64; keepalive_requests 1000000000;"
PROXY = """
proxy_pass http://app;
proxy_http_version 1.1;
proxy_set_header Host $http_host;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
proxy_set_header X-Forwarded-Proto $scheme;
proxy_set_header Connection "";
"""
# uWSGI serves one connection per worker, so those that nginx keeps would shut all others out.
CLOSING = PROXY.replace('proxy_set_header Connection "";', "proxy_set_header Connection close;")
UWSGI = "uwsgi_pass app;\n" + "".join(f"uwsgi_param {name} {value};\n" for name, value in [
    ("QUERY_STRING", "$query_string"), ("REQUEST_METHOD", "$request_method"), ("CONTENT_TYPE", "$content_type"),
    ("CONTENT_LENGTH", "$content_length"), ("REQUEST_URI", "$request_uri"), ("PATH_INFO", "$document_uri"),
    ("DOCUMENT_ROOT", "$document_root"), ("SERVER_PROTOCOL", "$server_protocol"),
    ("REQUEST_SCHEME", "$scheme"), ("HTTPS", "$https if_not_empty"), ("REMOTE_ADDR", "$remote_addr"),
    ("REMOTE_PORT", "$remote_port"), ("SERVER_PORT", "$server_port"), ("SERVER_NAME", "$server_name"),
])
# How nginx passes a request on, and whether it keeps the connection.
WAYS = {"proxy": (PROXY, KEPT), "proxy, closing": (CLOSING, ""), "uwsgi": (UWSGI, "")}


class Place:
    """One contender's own place, open while the block lasts."""

    def __init__(self, bench, wire="http", way="proxy"):
        self.bench, self.wire, self.way = bench, wire, way
        self.port = self.home = self.front = None

    def __enter__(self):
        self.port = free_port()
        self.home = self.bench.fresh_directory("place")
        if self.wire == "nginx":
            self.front = self.nginx()
        return self

    def __exit__(self, *_):
        if self.front:
            self.front.end()
        shutil.rmtree(self.home, ignore_errors=True)

    @property
    def url(self):
        return f"{'https' if self.wire == 'h2' else 'http'}://127.0.0.1:{self.port}/"

    @property
    def socket(self):
        return self.home / "app.sock"

    def filled(self, word):
        """A word of a server's command with this place in it."""
        return str(word).replace("PORT", str(self.port)).replace("SOCKET", str(self.socket))

    def is_answering(self):
        if self.wire not in ("h2", "h2c"):
            return answer(self.port) is not None
        try:
            return h2load(self.url, "-n1", "-c1") == 1
        except RuntimeError:
            return False

    def nginx(self):
        """On the clients' CPU: only the server behind it is measured."""
        passing, keepalive = WAYS[self.way]
        text = NGINX.format(
            home=self.home, socket=self.socket, port=self.port, passing=passing, keepalive=keepalive,
            user="user root;" if os.geteuid() == 0 else "",
        )
        file = self.home / "nginx.conf"
        file.write_text(text)
        command = ["nginx", "-c", file, "-e", self.home / "nginx.log"]
        return Process(command, cpu=CLIENT_CPU, log=self.home / "nginx.out")


def certificate(home):
    """Paths of a certificate for loopback and its key, ECDSA with P-256, the same for everybody."""
    cert, key = home / "loopback.pem", home / "loopback.key"
    if not (cert.exists() and key.exists()):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "3650", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", key, "-out", cert],
            check=True, capture_output=True,
        )
    return cert, key
