//! What a scope says about TLS: the extension `tls` (version 0.2 of its specification).

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::worker::exchange::TlsFacts;

/// The value of the extension. A client's certificate has been checked by now, or is not there.
pub(super) fn extension<'py>(py: Python<'py>, tls: &TlsFacts) -> PyResult<Bound<'py, PyDict>> {
    let extension = PyDict::new(py);
    let client = tls.client.as_ref();
    let chain = client.into_iter().flat_map(|client| {
        let first = std::iter::once(&client.pem);
        first.chain(&client.chain)
    });
    let chain: Vec<&String> = chain.collect();
    let name = client.map(|client| &client.subject);
    extension.set_item(intern!(py, "server_cert"), tls.server_pem.as_deref())?;
    extension.set_item(intern!(py, "client_cert_chain"), PyList::new(py, chain)?)?;
    extension.set_item(intern!(py, "client_cert_name"), name)?;
    extension.set_item(intern!(py, "client_cert_error"), py.None())?;
    extension.set_item(intern!(py, "tls_version"), tls.version)?;
    extension.set_item(intern!(py, "cipher_suite"), tls.suite)?;
    Ok(extension)
}
