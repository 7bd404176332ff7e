//! What the environ of a request over TLS says about it, by the names of uWSGI and of `mod_ssl`.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::text::native;
use crate::worker::exchange::TlsFacts;

/// Adds them; a client's certificate has been checked by now, or is not there.
pub(super) fn set_tls(environ: &Bound<'_, PyDict>, tls: &TlsFacts) -> PyResult<()> {
    let py = environ.py();
    let set = |key: &Bound<'_, PyString>, value: &str| {
        environ.set_item(key, native(py, value.as_bytes()))
    };
    set(intern!(py, "SSL_PROTOCOL"), tls.protocol)?;
    set(intern!(py, "SSL_CIPHER"), tls.cipher)?;
    if let Some(name) = &tls.server_name {
        set(intern!(py, "SSL_TLS_SNI"), name)?;
    }
    let Some(client) = &tls.client else {
        return set(intern!(py, "SSL_CLIENT_VERIFY"), "NONE");
    };
    set(intern!(py, "SSL_CLIENT_VERIFY"), "SUCCESS")?;
    set(intern!(py, "SSL_CLIENT_S_DN"), &client.subject)?;
    set(intern!(py, "SSL_CLIENT_I_DN"), &client.issuer)?;
    set(intern!(py, "SSL_CLIENT_M_SERIAL"), &client.serial)?;
    set(intern!(py, "SSL_CLIENT_CERT"), &client.pem)?;
    set(intern!(py, "HTTPS_DN"), &client.subject_line)?;
    set(intern!(py, "HTTPS_CC"), &client.pem)
}
