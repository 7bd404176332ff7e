//! Options: TLS.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::values;

pub(super) static OPTIONS: &[OptionSpec] = &[HTTPS];

const HTTPS: OptionSpec = OptionSpec {
    name: "https",
    aliases: &["https-socket"],
    kind: ValueKind::Many,
    takes: "`ADDRESS,CERT,KEY`, a table such as `{ address, cert, key }`, or a list of them",
    default: "none",
    example: "\":8443,site.pem,site.key\"",
    is_local: true,
    documentation: "The addresses to speak HTTP/2 and HTTP/1.1 over TLS on, beside or instead of `http`. An \
        address is written as for `http`; CERT and KEY are PEM files, CERT with the certificates \
        between it and its authority behind it. TLS 1.2 and 1.3 are spoken. Both files are read by \
        the vassal's own user, and again when they have changed, so that a renewed certificate needs \
        no reload. Give an address once more with another certificate for another host name: the \
        name that a client asks for (SNI) chooses among them, and the first is for everybody else. \
        Certificates of clients are asked for with `client-ca`, a PEM file of the authorities that \
        are believed, and `client-auth`, which is `required` (the default), `optional` or `none`; as \
        text that is `ADDRESS,CERT,KEY,,CA` for optional ones and `ADDRESS,CERT,KEY,,!CA` for \
        required ones, as in uWSGI, whose list of ciphers between the two must stay empty.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        let entries = setting.each(values::https)?;
        if entries.is_empty() {
            return Err(vec![setting.without_value(&setting.key_place)]);
        }
        draft.tls.https = values::joined_https(entries)?;
        values::apart(setting, &draft.http, &draft.tls.https)
    },
};
