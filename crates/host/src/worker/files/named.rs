//! Files that the app names (`file-serve-mode`): `X-Sendfile` by their path, `X-Accel-Redirect` by a
//! path that a directory stands for.
//!
//! The app has the rights of the worker, so nothing here guards against it; the roots guard against
//! its mistakes, such as a file name that it took from a request.

use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use bytes::Bytes;
use lictor_core::config::{FileServeMode, FilesConfig};

use super::open::entry::Opened;
use super::open::{Absence, Entry, Root};
use super::rules::conditions::Conditions;
use super::rules::content_type;
use super::rules::plan::Described;
use super::rules::route::{self, Mount, is_clean, is_clean_name};
use super::{carry_out, facts, log, report, response_head};
use crate::worker::exchange::{Outcome, Report, RequestHead, ResponseHead};
use crate::worker::http::decode_path;

/// Where files may be that the app names.
#[derive(Debug)]
pub(super) struct NamedFiles {
    mode: FileServeMode,
    roots: Vec<Mount<PathBuf>>,
}

/// The field by which an app names a file, in lower case.
pub(crate) fn file_field(mode: FileServeMode) -> Option<&'static [u8]> {
    match mode {
        FileServeMode::Off => None,
        FileServeMode::XSendfile => Some(b"x-sendfile"),
        FileServeMode::XAccelRedirect => Some(b"x-accel-redirect"),
    }
}

impl NamedFiles {
    pub(super) fn new(config: &FilesConfig) -> Self {
        let mode = config.file_serve_mode;
        let roots = config.sendfile_roots.iter().filter_map(|root| {
            let prefix = match mode {
                FileServeMode::XAccelRedirect => root.prefix.clone()?.into_bytes(),
                // The path itself stands for the directory.
                FileServeMode::XSendfile | FileServeMode::Off => {
                    let path = root.path.as_os_str().as_bytes();
                    path.strip_suffix(b"/").unwrap_or(path).to_vec()
                }
            };
            Some(Mount {
                prefix,
                is_prefix_kept: false,
                root: root.path.clone(),
            })
        });
        let mut roots: Vec<_> = roots.collect();
        route::sort(&mut roots);
        Self { mode, roots }
    }

    pub(super) fn take_over<'r>(
        &self,
        mut report: Report,
        safe: &[PathBuf],
        head: &RequestHead<'_>,
        fields: impl Iterator<Item = (&'r str, &'r [u8])>,
    ) -> Report {
        let Outcome::Answer(answer, _) = &mut report.outcome else {
            return report;
        };
        let Some(named) = answer.named_file.take() else {
            return report;
        };
        let answer = std::mem::take(answer);
        match self.open(&named, safe) {
            Ok(file) => {
                let described = Described {
                    facts: facts(&file),
                    content_type: content_type::of(&named).name,
                    coding: None,
                    is_negotiated: false,
                    max_age: None,
                    has_expires: false,
                    own: &answer.fields,
                };
                carry_out(&described, file, &Conditions::read(head.method, fields))
            }
            Err(absence) => self.refuse(&named, absence, head),
        }
    }

    fn open(&self, named: &[u8], safe: &[PathBuf]) -> Result<Opened, Absence> {
        let decoded;
        let path = if self.mode == FileServeMode::XAccelRedirect {
            let sent = std::str::from_utf8(named).map_err(|_not_a_url| Absence::Outside)?;
            let sent = sent.split('?').next().unwrap_or(sent);
            decoded = decode_path(sent);
            if !is_clean(&decoded, sent.as_bytes()) {
                return Err(Absence::Outside);
            }
            &*decoded
        } else {
            let is_plain = named.strip_prefix(b"/").is_some_and(is_clean_name);
            if !is_plain {
                return Err(Absence::Outside);
            }
            named
        };
        let mut outcome = Err(Absence::Outside);
        for mount in &self.roots {
            let Some(name) = mount.name(path).filter(|name| !name.is_directory) else {
                continue;
            };
            outcome = match Root::open(&mount.root, safe).and_then(|root| root.look(name.name)) {
                Ok(Entry::File(file)) => return Ok(file),
                Ok(Entry::Directory) => Err(Absence::Missing),
                Err(absence) => Err(absence),
            };
        }
        outcome
    }

    fn refuse(&self, named: &[u8], absence: Absence, head: &RequestHead<'_>) -> Report {
        let field = match self.mode {
            FileServeMode::XAccelRedirect => "X-Accel-Redirect",
            FileServeMode::XSendfile | FileServeMode::Off => "X-Sendfile",
        };
        let (status, why) = match absence {
            Absence::Missing => (404, "there is no such file".to_owned()),
            Absence::Outside => (
                500,
                "it is not below a directory of `sendfile-root`".to_owned(),
            ),
            Absence::Refused(error) => (500, std::io::Error::from(error).to_string()),
        };
        let (method, uri) = (head.method, head.uri.escape_debug());
        let named = String::from_utf8_lossy(named);
        log(&format!(
            "{method} {uri}: the app named {named:?} in {field}, which cannot be sent: {why}"
        ));
        if status == 500 {
            return Report {
                outcome: Outcome::Failed,
                status,
                body_bytes: 0,
                is_error: true,
            };
        }
        let body = Bytes::from_static(b"404 Not Found\n");
        let content_type = (
            Bytes::from_static(b"Content-Type"),
            Bytes::from_static(b"text/plain; charset=utf-8"),
        );
        let length = body.len() as u64;
        let head = response_head(404, vec![content_type]);
        report(Outcome::Answer(head, body), status, length)
    }
}

/// Takes the name of a file out of an app's answer. Only where the answer would have the whole body,
/// or the part of it that is asked for, is it sent; the field itself never is.
pub(crate) fn take_name(head: &mut ResponseHead, field: &[u8]) {
    let is_it = |name: &[u8]| name.eq_ignore_ascii_case(field);
    let Some((_, value)) = head.fields.iter().find(|(name, _)| is_it(name)) else {
        return;
    };
    let value = value.clone();
    head.fields.retain(|(name, _)| !is_it(name));
    head.named_file = (matches!(head.status, 200 | 206) && !value.is_empty()).then_some(value);
}
