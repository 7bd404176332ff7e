//! The environ of a request: a copy of a prepared dict, and what this request says.
//!
//! Keys are interned strings made once; a usual field name costs one lookup, no formatting.

use std::collections::HashMap;

use lictor_core::config::{Address, Protocol};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::RequestFields;
use super::field_name::{USUAL, environ_key};
use super::file_wrapper::FileWrapper;
use super::input::Input;
use super::text::{native, native_text};
use super::tls_variables::set_tls;
use crate::worker::Listener;
use crate::worker::exchange::RequestHead;
use crate::worker::gateway::Variables;

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
/// Variables that web servers usually send.
const VARIABLES: [&str; 17] = [
    "QUERY_STRING",
    "REQUEST_METHOD",
    "CONTENT_TYPE",
    "CONTENT_LENGTH",
    "REQUEST_URI",
    "PATH_INFO",
    "DOCUMENT_ROOT",
    "SERVER_PROTOCOL",
    "REQUEST_SCHEME",
    "HTTPS",
    "REMOTE_ADDR",
    "REMOTE_PORT",
    "SERVER_PORT",
    "SERVER_NAME",
    "SCRIPT_NAME",
    "GATEWAY_INTERFACE",
    "REMOTE_USER",
];
/// Two fields that web servers send among the others too, beside the variables that frame the body.
const COPIES: [&str; 2] = ["HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"];
/// How keys begin that are for the server to set.
const OURS: [&str; 3] = ["wsgi.", "uwsgi.", "lictor."];
const SOFTWARE: &str = concat!("lictor/", env!("CARGO_PKG_VERSION"));

/// What apps are told of the processes around them, and what they are offered.
#[derive(Clone, Copy)]
pub(super) struct Surroundings {
    pub(super) is_multithread: bool,
    pub(super) is_multiprocess: bool,
    pub(super) has_file_wrapper: bool,
}

/// What all environs of a worker have in common.
pub(super) struct Environ {
    /// One for each listener.
    templates: Vec<Py<PyDict>>,
    keys: HashMap<&'static str, Py<PyString>>,
    methods: Vec<(&'static str, Py<PyString>)>,
    variables: HashMap<&'static str, Py<PyString>>,
}

impl Environ {
    pub(super) fn new<'a>(
        py: Python<'_>,
        listeners: impl Iterator<Item = &'a Listener>,
        surroundings: Surroundings,
    ) -> PyResult<Self> {
        let mut templates = Vec::new();
        for listener in listeners {
            let scheme = match listener.protocol {
                Protocol::Https => "https",
                Protocol::Http | Protocol::Uwsgi | Protocol::Fastcgi | Protocol::Scgi => "http",
            };
            let usual_port = if scheme == "https" { "443" } else { "80" };
            let (name, port) = match &listener.address {
                Address::Tcp(at) => (at.ip().to_canonical().to_string(), at.port().to_string()),
                // There is none; URL reconstruction (PEP 3333) then yields a valid URL.
                Address::Unix(_) | Address::Abstract(_) => {
                    ("localhost".to_owned(), usual_port.to_owned())
                }
            };
            let template = template(py, surroundings)?;
            template.set_item("wsgi.url_scheme", scheme)?;
            if scheme == "https" {
                template.set_item("HTTPS", "on")?;
            }
            template.set_item("SERVER_NAME", name)?;
            template.set_item("SERVER_PORT", port)?;
            templates.push(template.unbind());
        }
        let key = |name: &'static str| {
            let key = environ_key(name)?;
            Some((name, PyString::intern(py, &key).unbind()))
        };
        let keys = USUAL.iter().copied().filter_map(key).collect();
        let methods = METHODS
            .map(|name| (name, PyString::intern(py, name).unbind()))
            .into();
        Ok(Self {
            templates,
            keys,
            methods,
            variables: VARIABLES
                .map(|name| (name, PyString::intern(py, name).unbind()))
                .into(),
        })
    }

    /// The environ of one request.
    pub(super) fn build<'py>(
        &self,
        py: Python<'py>,
        head: &RequestHead<'_>,
        fields: &mut RequestFields<'_>,
        input: &Bound<'py, Input>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let environ = match self.templates.get(head.listener) {
            Some(template) => template.bind(py).copy()?,
            None => PyDict::new(py),
        };
        if let Some(variables) = head.variables {
            self.set_variables(&environ, variables)?;
        }
        match self.methods.iter().find(|(name, _)| *name == head.method) {
            Some((_, method)) => environ.set_item(intern!(py, "REQUEST_METHOD"), method)?,
            None => environ.set_item(intern!(py, "REQUEST_METHOD"), head.method)?,
        }
        environ.set_item(intern!(py, "PATH_INFO"), native(py, &head.path))?;
        if !head.query.is_empty() {
            environ.set_item(intern!(py, "QUERY_STRING"), native_text(py, head.query))?;
        }
        let uri = native_text(py, head.uri);
        environ.set_item(intern!(py, "REQUEST_URI"), &uri)?;
        environ.set_item(intern!(py, "RAW_URI"), uri)?;
        if head.is_http_10 {
            environ.set_item(intern!(py, "SERVER_PROTOCOL"), intern!(py, "HTTP/1.0"))?;
        } else if head.is_http_2 {
            environ.set_item(intern!(py, "SERVER_PROTOCOL"), intern!(py, "HTTP/2.0"))?;
        }
        if !head.peer.address.is_empty() {
            environ.set_item(intern!(py, "REMOTE_ADDR"), &head.peer.address)?;
            environ.set_item(intern!(py, "REMOTE_PORT"), &head.peer.port)?;
        }
        if head.is_secure {
            environ.set_item(intern!(py, "wsgi.url_scheme"), intern!(py, "https"))?;
        }
        if let Some(port) = head.server_port {
            environ.set_item(intern!(py, "SERVER_PORT"), port)?;
        }
        // What a web server says there may be all of the path.
        if !head.prefix.is_empty() || head.variables.is_some() {
            environ.set_item(intern!(py, "SCRIPT_NAME"), head.prefix)?;
        }
        if let Some(tls) = head.tls {
            set_tls(&environ, tls)?;
        }
        environ.set_item(intern!(py, "wsgi.input"), input)?;
        self.set_fields(&environ, fields)?;
        if let Some(host) = head.host {
            environ.set_item(intern!(py, "HTTP_HOST"), host)?;
        }
        Ok(environ)
    }

    /// What a web server says besides the fields of the request.
    fn set_variables(&self, environ: &Bound<'_, PyDict>, variables: &Variables) -> PyResult<()> {
        let py = environ.py();
        for (name, value) in variables.iter() {
            let is_field = name.starts_with("HTTP_") && !COPIES.contains(&name);
            if is_field || OURS.iter().any(|ours| name.starts_with(ours)) {
                continue;
            }
            match self.variables.get(name) {
                Some(key) => environ.set_item(key, native(py, value))?,
                None => environ.set_item(name, native(py, value))?,
            }
        }
        Ok(())
    }

    fn set_fields(
        &self,
        environ: &Bound<'_, PyDict>,
        fields: &mut RequestFields<'_>,
    ) -> PyResult<()> {
        let py = environ.py();
        let mut last_name = "";
        for (name, value) in fields {
            let text = native(py, value);
            let made;
            let key = if let Some(key) = self.keys.get(name) {
                key.bind(py)
            } else if let Some(key) = environ_key(name) {
                made = PyString::new(py, &key);
                &made
            } else {
                continue;
            };
            if name == last_name {
                join(environ, key, name, &text)?;
            } else {
                environ.set_item(key, text)?;
            }
            last_name = name;
        }
        Ok(())
    }
}

// RFC 9110 §5.3 joins with a comma; cookies are the exception (RFC 6265 §5.4), and CGI's two own
// names cannot be lists.
fn join(
    environ: &Bound<'_, PyDict>,
    key: &Bound<'_, PyString>,
    name: &str,
    value: &Bound<'_, PyString>,
) -> PyResult<()> {
    let separator = match name {
        "content-type" | "content-length" => return Ok(()),
        "cookie" => "; ",
        _ => ", ",
    };
    let Some(before) = environ.get_item(key)? else {
        return environ.set_item(key, value);
    };
    environ.set_item(key, before.add(separator)?.add(value)?)
}

fn template(py: Python<'_>, surroundings: Surroundings) -> PyResult<Bound<'_, PyDict>> {
    let template = PyDict::new(py);
    let set = |key: &str, value: &str| {
        template.set_item(PyString::intern(py, key), PyString::intern(py, value))
    };
    set("SCRIPT_NAME", "")?;
    set("QUERY_STRING", "")?;
    set("SERVER_PROTOCOL", "HTTP/1.1")?;
    set("SERVER_SOFTWARE", SOFTWARE)?;
    // A unix socket's peer has neither address nor port.
    set("REMOTE_ADDR", "")?;
    set("REMOTE_PORT", "")?;
    let flag = |key: &str, value: bool| template.set_item(PyString::intern(py, key), value);
    flag("wsgi.multithread", surroundings.is_multithread)?;
    flag("wsgi.multiprocess", surroundings.is_multiprocess)?;
    flag("wsgi.run_once", false)?;
    // Read to the end, without asking CONTENT_LENGTH: chunked bodies have none.
    flag("wsgi.input_terminated", true)?;
    template.set_item(PyString::intern(py, "wsgi.version"), (1, 0))?;
    template.set_item(
        PyString::intern(py, "wsgi.errors"),
        py.import("sys")?.getattr("stderr")?,
    )?;
    if surroundings.has_file_wrapper {
        let file_wrapper = py.get_type::<FileWrapper>();
        template.set_item(PyString::intern(py, "wsgi.file_wrapper"), file_wrapper)?;
    }
    Ok(template)
}
