//! Options: where web servers hand requests on.

use super::{OptionSpec, ReloadClass, ValueKind};
use crate::config::diagnostic::Complaint;
use crate::config::draft::Draft;
use crate::config::setting::{Outcome, Setting};
use crate::config::types::{Address, Protocol};
use crate::config::values;

pub(super) static OPTIONS: &[OptionSpec] = &[UWSGI, FASTCGI, SCGI, SOCKET, PROTOCOL];

fn addresses(draft: &Draft, setting: &Setting<'_>) -> Outcome<Vec<Address>> {
    let addresses = values::distinct_addresses(setting.each(values::address)?)?;
    if addresses.is_empty() {
        return Err(vec![setting.without_value(&setting.key_place)]);
    }
    values::apart(setting, draft, &addresses)?;
    Ok(addresses)
}

const UWSGI: OptionSpec = OptionSpec {
    name: "uwsgi",
    aliases: &["uwsgi-socket"],
    kind: ValueKind::Many,
    takes: "an address such as `127.0.0.1:3031`, or a list of them",
    default: "none",
    example: "\"blog.sock\"",
    is_local: true,
    documentation: "The addresses to speak the uwsgi protocol on, for nginx's `uwsgi_pass`, Apache's \
        `mod_proxy_uwsgi` and others; they are written as for `http`. Who may connect is believed in \
        all that it says of the client, so let only the web server reach the socket: a unix socket \
        with `chmod-socket`, or an address of the machine itself. Only requests for the app are \
        served (modifier 0), and nothing that a request says makes Lictor load code or files. Each \
        connection carries one request, as web servers do it. What `buffer-size` is to a request head \
        it is to the variables, which the protocol bounds at 64 KiB.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.gateway.uwsgi = addresses(draft, setting)?;
        Ok(())
    },
};

const FASTCGI: OptionSpec = OptionSpec {
    name: "fastcgi",
    aliases: &["fastcgi-socket"],
    kind: ValueKind::Many,
    takes: "an address such as `127.0.0.1:9000`, or a list of them",
    default: "none",
    example: "\"blog-fastcgi.sock\"",
    is_local: true,
    documentation: "The addresses to speak FastCGI on, as a responder, for nginx's `fastcgi_pass` and \
        others; they are written as for `http`, and believed as those of `uwsgi`. Connections are kept \
        where the web server asks for that (`fastcgi_keep_conn`). A connection carries one request at \
        a time: a second one beside it is answered with FCGI_CANT_MPX_CONN, as the specification has it.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.gateway.fastcgi = addresses(draft, setting)?;
        Ok(())
    },
};

const SCGI: OptionSpec = OptionSpec {
    name: "scgi",
    aliases: &["scgi-socket"],
    kind: ValueKind::Many,
    takes: "an address such as `127.0.0.1:4000`, or a list of them",
    default: "none",
    example: "\"blog-scgi.sock\"",
    is_local: true,
    documentation: "The addresses to speak SCGI on, for nginx's `scgi_pass` and others; they are \
        written as for `http`, and believed as those of `uwsgi`. Each connection carries one request.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.gateway.scgi = addresses(draft, setting)?;
        Ok(())
    },
};

const SOCKET: OptionSpec = OptionSpec {
    name: "socket",
    aliases: &["s"],
    kind: ValueKind::Many,
    takes: "an address such as `127.0.0.1:3031`, or a list of them",
    default: "none",
    example: "\"blog-socket.sock\"",
    is_local: true,
    documentation: "The addresses to speak what `protocol` says on, which is the uwsgi protocol by \
        default. It is uWSGI's name; `uwsgi`, `http`, `fastcgi` and `scgi` say the protocol themselves.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.sockets = addresses(draft, setting)?;
        Ok(())
    },
};

const PROTOCOL: OptionSpec = OptionSpec {
    name: "protocol",
    aliases: &["socket-protocol"],
    kind: ValueKind::One,
    takes: "`uwsgi`, `http`, `fastcgi` or `scgi`",
    default: "\"uwsgi\"",
    example: "\"uwsgi\"",
    is_local: false,
    documentation: "What is spoken at the addresses that are given as `socket`. The other options of \
        addresses say it by their names, and are the better choice.",
    reload: ReloadClass::NewGeneration,
    apply: |draft, setting| {
        draft.socket_protocol = setting.one(|setting, node| match setting.text(node)? {
            "uwsgi" => Ok(Protocol::Uwsgi),
            "http" | "http11" => Ok(Protocol::Http),
            "fastcgi" => Ok(Protocol::Fastcgi),
            "scgi" => Ok(Protocol::Scgi),
            "https" => Err(Complaint::new(
                node.place.clone(),
                "`protocol` cannot be `https` without a certificate",
            )
            .hint("use `https = \"ADDRESS,CERT,KEY\"` instead of `socket`")),
            _ => Err(setting.mismatch(node)),
        })?;
        Ok(())
    },
};
