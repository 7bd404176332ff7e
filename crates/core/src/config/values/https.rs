//! One address with a certificate: uWSGI's `ADDRESS,CERT,KEY,CIPHERS,CA`, or a table.

use std::path::PathBuf;

use super::address::address;
use super::paths::path;
use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::{Outcome, Setting};
use crate::config::tree::{Entry, Node, Place, Value};
use crate::config::vassal::{CertificateFiles, ClientCertificates, HttpsAddress};

/// What a table may hold.
const KEYS: [&str; 5] = ["address", "cert", "key", "client-ca", "client-auth"];

/// One entry of `https`.
pub(in crate::config) fn https(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<HttpsAddress, Complaint> {
    match &node.value {
        Value::Table(entries) => from_table(setting, node, entries),
        Value::Text(_)
        | Value::Null
        | Value::Bare
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Date(_)
        | Value::List(_) => from_text(setting, node),
    }
}

fn from_text(setting: &Setting<'_>, node: &Node) -> Result<HttpsAddress, Complaint> {
    let text = setting.text(node)?;
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    let (at, cert, key) = match *parts.as_slice() {
        [at, cert, key] | [at, cert, key, _] | [at, cert, key, _, _]
            if !(cert.is_empty() || key.is_empty()) =>
        {
            (at, cert, key)
        }
        _ => {
            return Err(setting.mismatch(node).hint(
                "write `:8443,site.pem,site.key`; where one file holds both, name it twice",
            ));
        }
    };
    if parts.get(3).is_some_and(|ciphers| !ciphers.is_empty()) {
        return Err(setting
            .wrong(node, "names ciphers, which cannot be chosen")
            .hint("leave that part empty: TLS 1.2 and 1.3 are spoken with safe ciphers only"));
    }
    let part = |text: &str| Node {
        value: Value::Text(text.to_owned()),
        place: node.place.clone(),
    };
    let clients = match parts.get(4) {
        None | Some(&"") => None,
        Some(ca) => Some(ClientCertificates {
            is_required: ca.starts_with('!'),
            ca: path(setting, &part(ca.trim_start_matches('!')))?,
        }),
    };
    Ok(HttpsAddress {
        address: address(setting, &part(at))?,
        certificates: vec![CertificateFiles {
            cert: path(setting, &part(cert))?,
            key: path(setting, &part(key))?,
        }],
        clients,
    })
}

fn from_table(
    setting: &Setting<'_>,
    node: &Node,
    entries: &[Entry],
) -> Result<HttpsAddress, Complaint> {
    let unknown = entries.iter().find(|entry| !KEYS.contains(&&*entry.key));
    if let Some(entry) = unknown {
        let message = format!("{} has no key {}", quote(setting.key), quote(&entry.key));
        return Err(Complaint::new(entry.place.clone(), message)
            .hint("it has `address`, `cert`, `key`, `client-ca` and `client-auth`"));
    }
    let find = |key: &str| {
        let found = entries.iter().find(|entry| entry.key == key);
        found.map(|entry| &entry.node)
    };
    let needed = |key: &str| {
        find(key).ok_or_else(|| {
            setting
                .wrong(node, &format!("has no {}", quote(key)))
                .hint("a table needs `address`, `cert` and `key`")
        })
    };
    let ca = find("client-ca").map(|ca| path(setting, ca)).transpose()?;
    let clients = clients(setting, ca, find("client-auth"))?;
    Ok(HttpsAddress {
        address: address(setting, needed("address")?)?,
        certificates: vec![CertificateFiles {
            cert: path(setting, needed("cert")?)?,
            key: path(setting, needed("key")?)?,
        }],
        clients,
    })
}

fn clients(
    setting: &Setting<'_>,
    ca: Option<PathBuf>,
    auth: Option<&Node>,
) -> Result<Option<ClientCertificates>, Complaint> {
    let Some(node) = auth else {
        return Ok(ca.map(|ca| ClientCertificates {
            ca,
            is_required: true,
        }));
    };
    let is_required = match setting.text(node)? {
        "none" => return Ok(None),
        "optional" => false,
        "required" => true,
        other => {
            let message = format!(
                "`client-auth` takes `none`, `optional` or `required`, not {}",
                quote(other)
            );
            return Err(Complaint::new(node.place.clone(), message));
        }
    };
    match ca {
        Some(ca) => Ok(Some(ClientCertificates { ca, is_required })),
        None => Err(
            Complaint::new(node.place.clone(), "`client-auth` without `client-ca`")
                .hint("name the file of the authorities that are believed as `client-ca`"),
        ),
    }
}

/// Entries of one address become one, with several certificates.
pub(in crate::config) fn joined_https(
    entries: Vec<(HttpsAddress, Place)>,
) -> Outcome<Vec<HttpsAddress>> {
    let mut joined: Vec<(HttpsAddress, Place)> = Vec::new();
    let mut complaints = Vec::new();
    for (entry, place) in entries {
        let same = joined
            .iter_mut()
            .find(|(known, _)| known.address == entry.address);
        let Some((known, first)) = same else {
            joined.push((entry, place));
            continue;
        };
        let problem = if known.clients != entry.clients {
            Some("asks for other client certificates here")
        } else if entry
            .certificates
            .iter()
            .any(|files| known.certificates.contains(files))
        {
            Some("is given twice with the same certificate")
        } else {
            None
        };
        match problem {
            Some(problem) => complaints.push(
                Complaint::new(place, format!("the address `{}` {problem}", entry.address))
                    .also(first.clone(), "first here")
                    .hint("an address may be repeated with another certificate and nothing else"),
            ),
            None => known.certificates.extend(entry.certificates),
        }
    }
    if complaints.is_empty() {
        Ok(joined.into_iter().map(|(entry, _)| entry).collect())
    } else {
        Err(complaints)
    }
}
