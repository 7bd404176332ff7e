//! The scope of a request: a copy of a prepared dict, and what this request says.

use std::collections::HashMap;

use lictor_core::config::Address;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use super::tls;
use crate::worker::exchange::{RequestFields, RequestHead};
use crate::worker::wsgi::USUAL;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// The version of ASGI's HTTP part: since 2.4 `send` raises once the client has left.
const SPEC_VERSION: &str = "2.5";

/// A scope and what else the call needs to know of its request.
pub(in crate::worker) struct Scope {
    pub(super) dict: Py<PyDict>,
    pub(super) is_head: bool,
    /// Which of the apps it is for.
    pub(super) app: usize,
}

/// What all scopes of a worker have in common.
pub(super) struct Scopes {
    /// One for each listener.
    templates: Vec<Py<PyDict>>,
    asgi: Py<PyDict>,
    names: HashMap<&'static str, Py<PyBytes>>,
    methods: Vec<(&'static str, Py<PyString>)>,
}

impl Scopes {
    pub(super) fn new<'a>(
        py: Python<'_>,
        addresses: impl Iterator<Item = &'a Address>,
    ) -> PyResult<Self> {
        let mut templates = Vec::new();
        for address in addresses {
            let template = PyDict::new(py);
            template.set_item(intern!(py, "type"), intern!(py, "http"))?;
            template.set_item(intern!(py, "http_version"), intern!(py, "1.1"))?;
            template.set_item(intern!(py, "scheme"), intern!(py, "http"))?;
            template.set_item(intern!(py, "root_path"), intern!(py, ""))?;
            template.set_item(intern!(py, "query_string"), PyBytes::new(py, b""))?;
            template.set_item(intern!(py, "client"), py.None())?;
            let server = match address {
                Address::Tcp(at) => (at.ip().to_canonical().to_string(), Some(at.port())),
                Address::Unix(path) => (path.display().to_string(), None),
                Address::Abstract(name) => (format!("@{name}"), None),
            };
            template.set_item(intern!(py, "server"), server)?;
            templates.push(template.unbind());
        }
        let asgi = PyDict::new(py);
        asgi.set_item("version", "3.0")?;
        asgi.set_item("spec_version", SPEC_VERSION)?;
        let name = |name: &&'static str| (*name, PyBytes::new(py, name.as_bytes()).unbind());
        Ok(Self {
            templates,
            asgi: asgi.unbind(),
            names: USUAL.iter().map(name).collect(),
            methods: METHODS
                .map(|name| (name, PyString::intern(py, name).unbind()))
                .into(),
        })
    }

    /// The scope of one request. `state` is what the app put there when it started.
    pub(super) fn build(
        &self,
        py: Python<'_>,
        head: &RequestHead<'_>,
        fields: &mut RequestFields<'_>,
        state: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Scope> {
        let scope = match self.templates.get(head.listener) {
            Some(template) => template.bind(py).copy()?,
            None => PyDict::new(py),
        };
        // Copies, so that what an app writes there stays in this request.
        scope.set_item(intern!(py, "asgi"), self.asgi.bind(py).copy()?)?;
        if let Some(state) = state {
            scope.set_item(intern!(py, "state"), state.copy()?)?;
        }
        let method = self.methods.iter().find(|(name, _)| *name == head.method);
        match method {
            Some((_, method)) => scope.set_item(intern!(py, "method"), method)?,
            None => scope.set_item(intern!(py, "method"), head.method)?,
        }
        if head.is_http_10 {
            scope.set_item(intern!(py, "http_version"), intern!(py, "1.0"))?;
        } else if head.is_http_2 {
            scope.set_item(intern!(py, "http_version"), intern!(py, "2"))?;
        }
        set_target(&scope, head)?;
        if head.is_secure {
            scope.set_item(intern!(py, "scheme"), intern!(py, "https"))?;
        }
        if let Some(port) = head.server_port.and_then(|port| port.parse::<u16>().ok()) {
            set_server_port(&scope, port)?;
        }
        if let Ok(port) = head.peer.port.parse::<u16>() {
            scope.set_item(intern!(py, "client"), (&head.peer.address, port))?;
        }
        let (headers, takes_trailers) = self.headers(py, head, fields)?;
        scope.set_item(intern!(py, "headers"), headers)?;
        let extensions = PyDict::new(py);
        extensions.set_item(intern!(py, "http.response.pathsend"), PyDict::new(py))?;
        if takes_trailers && !head.is_http_10 {
            extensions.set_item(intern!(py, "http.response.trailers"), PyDict::new(py))?;
        }
        if let Some(tls) = head.tls {
            extensions.set_item(intern!(py, "tls"), tls::extension(py, tls)?)?;
        }
        scope.set_item(intern!(py, "extensions"), extensions)?;
        Ok(Scope {
            dict: scope.unbind(),
            is_head: head.method == "HEAD",
            app: head.app,
        })
    }

    /// Pairs of bytes, and whether the client says `TE: trailers`.
    fn headers<'py>(
        &self,
        py: Python<'py>,
        head: &RequestHead<'_>,
        fields: &mut RequestFields<'_>,
    ) -> PyResult<(Bound<'py, PyList>, bool)> {
        let headers = PyList::empty(py);
        let mut takes_trailers = false;
        for (name, value) in fields {
            takes_trailers |= name == "te" && says_trailers(value);
            // The target's host counts (RFC 9112 §3.2.2).
            let value = match head.host.filter(|_| name == "host") {
                Some(host) => host.as_bytes(),
                None => value,
            };
            let value = PyBytes::new(py, value);
            match self.names.get(name) {
                Some(known) => headers.append((known, value))?,
                None => headers.append((PyBytes::new(py, name.as_bytes()), value))?,
            }
        }
        Ok((headers, takes_trailers))
    }
}

impl Scope {
    /// The same for a request that asks for a websocket.
    pub(super) fn of_websocket(
        self,
        py: Python<'_>,
        subprotocols: &[String],
        is_secure: bool,
    ) -> PyResult<Self> {
        let scope = self.dict.bind(py);
        scope.set_item(intern!(py, "type"), intern!(py, "websocket"))?;
        scope.set_item(intern!(py, "scheme"), if is_secure { "wss" } else { "ws" })?;
        scope.del_item(intern!(py, "method"))?;
        scope.set_item(intern!(py, "subprotocols"), subprotocols)?;
        let extensions = PyDict::new(py);
        extensions.set_item(intern!(py, "websocket.http.response"), PyDict::new(py))?;
        let before = scope.get_item(intern!(py, "extensions"))?;
        if let Some(tls) = before.and_then(|before| before.get_item(intern!(py, "tls")).ok()) {
            extensions.set_item(intern!(py, "tls"), tls)?;
        }
        scope.set_item(intern!(py, "extensions"), extensions)?;
        Ok(self)
    }
}

fn set_target(scope: &Bound<'_, PyDict>, head: &RequestHead<'_>) -> PyResult<()> {
    let py = scope.py();
    let path = String::from_utf8_lossy(&head.path);
    let raw = head.uri.split('?').next().unwrap_or(head.uri);
    if head.prefix.is_empty() {
        scope.set_item(intern!(py, "path"), &*path)?;
        scope.set_item(intern!(py, "raw_path"), PyBytes::new(py, raw.as_bytes()))?;
    } else {
        // The path of ASGI is the whole one, of which `root_path` is the beginning.
        let prefix = head.prefix;
        scope.set_item(intern!(py, "root_path"), prefix)?;
        scope.set_item(intern!(py, "path"), format!("{prefix}{path}"))?;
        // The target that a web server hands on is the whole one, too.
        let outer = match head.variables {
            Some(_) => "",
            None => prefix.strip_suffix(head.mountpoint).unwrap_or(prefix),
        };
        let raw = format!("{outer}{raw}");
        scope.set_item(intern!(py, "raw_path"), PyBytes::new(py, raw.as_bytes()))?;
    }
    if !head.query.is_empty() {
        let query = PyBytes::new(py, head.query.as_bytes());
        scope.set_item(intern!(py, "query_string"), query)?;
    }
    Ok(())
}

/// The port that the client connected to, where a believed proxy says so.
fn set_server_port(scope: &Bound<'_, PyDict>, port: u16) -> PyResult<()> {
    let server = scope.get_item(intern!(scope.py(), "server"))?;
    let host = server.and_then(|server| server.get_item(0).ok());
    scope.set_item(intern!(scope.py(), "server"), (host, port))
}

fn says_trailers(value: &[u8]) -> bool {
    value
        .split(|byte| *byte == b',')
        .filter_map(|option| option.split(|byte| *byte == b';').next())
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}
