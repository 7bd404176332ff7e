//! `logger`, in uWSGI's words: `[NAME ]PLUGIN:ARGUMENTS`.

use std::path::PathBuf;

use super::absolute;
use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::Setting;
use crate::config::tree::Node;
use crate::config::vassal::{LogRotation, LogTarget, Logger};

/// What uWSGI has, and what to do.
const ABSENT: [(&str, &str); 10] = [
    (
        "redislog",
        "let a log shipper such as Vector write to Redis",
    ),
    (
        "mongodblog",
        "let a log shipper such as Fluent Bit write to MongoDB",
    ),
    ("zeromq", "use `socket:HOST:PORT`, or a log shipper"),
    ("zmq", "use `socket:HOST:PORT`, or a log shipper"),
    (
        "pipe",
        "use `socket:/path` and have the program read datagrams, or a file",
    ),
    (
        "graylog2",
        "use `rsyslog:HOST:PORT`: Graylog takes syslog in",
    ),
    (
        "systemd",
        "use `stdio`: under systemd the emperor's log is in the journal",
    ),
    ("crypto", "let a log shipper encrypt what it sends"),
    ("python", "use a handler of Python's `logging` in the app"),
    ("xattr", "use `file:/path`"),
];

/// Facilities of RFC 5424 §6.2.1, by the names of `syslog(3)`.
const FACILITIES: [(&str, u8); 20] = [
    ("kern", 0),
    ("user", 1),
    ("mail", 2),
    ("daemon", 3),
    ("auth", 4),
    ("syslog", 5),
    ("lpr", 6),
    ("news", 7),
    ("uucp", 8),
    ("cron", 9),
    ("authpriv", 10),
    ("ftp", 11),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];
const DAEMON: u8 = 3;

/// A logger.
pub(in crate::config) fn logger(setting: &Setting<'_>, node: &Node) -> Result<Logger, Complaint> {
    let text = setting.text(node)?;
    // A name stands before the plugin, which its colon tells from a path with a space in it.
    let (name, rest) = match text.split_once(' ') {
        Some((name, rest)) if !name.contains([':', '/']) => (Some(name), rest.trim_start()),
        _ => (None, text),
    };
    let (plugin, arguments) = rest.split_once(':').unwrap_or((rest, ""));
    let target = target(setting, node, plugin, arguments)?;
    Ok(Logger {
        name: name.map(str::to_owned),
        target,
    })
}

/// The value of `log-syslog`.
pub(in crate::config) fn syslog(text: &str) -> Result<LogTarget, String> {
    let (ident, facility) = text.split_once(',').unwrap_or((text, ""));
    let facility = match facility.trim() {
        "" => DAEMON,
        name => {
            let known = FACILITIES.iter().find(|(known, _)| *known == name);
            known.map(|(_, number)| *number).ok_or_else(|| {
                format!(
                    "has the facility {}, which syslog does not know",
                    quote(name)
                )
            })?
        }
    };
    let ident = match ident.trim() {
        "" => "lictor",
        ident => ident,
    };
    Ok(LogTarget::Syslog {
        ident: ident.to_owned(),
        facility,
    })
}

/// The value of `log-socket`.
pub(in crate::config) fn datagram(
    setting: &Setting<'_>,
    node: &Node,
    text: &str,
) -> Result<LogTarget, Complaint> {
    let (address, prefix) = text.split_once(',').unwrap_or((text, ""));
    Ok(LogTarget::Datagram {
        address: destination(setting, node, address)?,
        prefix: prefix.to_owned(),
    })
}

fn target(
    setting: &Setting<'_>,
    node: &Node,
    plugin: &str,
    arguments: &str,
) -> Result<LogTarget, Complaint> {
    match plugin {
        "stdio" => Ok(LogTarget::Emperor),
        "fd" if matches!(arguments, "1" | "2") => Ok(LogTarget::Emperor),
        "fd" => Err(setting
            .wrong(node, "names a descriptor that a vassal does not have")
            .hint("write `fd:1` or `fd:2`, which are the emperor's log, or `file:/path`")),
        "file" | "logfile" => file(setting, node, arguments),
        "syslog" => syslog(arguments).map_err(|what| setting.wrong(node, &what)),
        "rsyslog" => {
            let (address, ident) = arguments.split_once(',').unwrap_or((arguments, "lictor"));
            Ok(LogTarget::RemoteSyslog {
                address: destination(setting, node, address)?,
                ident: ident.split(',').next().unwrap_or(ident).to_owned(),
            })
        }
        "socket" => datagram(setting, node, arguments),
        other => Err(unknown(setting, node, other)),
    }
}

fn unknown(setting: &Setting<'_>, node: &Node, plugin: &str) -> Complaint {
    let what = format!("names the plugin {}, which Lictor has not", quote(plugin));
    let known = ABSENT.iter().find(|(name, _)| *name == plugin);
    let hint = known.map_or(
        "write `file:/path`, `stdio`, `syslog:IDENT,FACILITY`, `rsyslog:HOST:PORT,IDENT` or \
         `socket:HOST:PORT`",
        |(_, hint)| *hint,
    );
    setting.wrong(node, &what).hint(hint)
}

/// `file:/path`, or `file:logfile=/path,maxsize=N,backupname=/path`.
fn file(setting: &Setting<'_>, node: &Node, arguments: &str) -> Result<LogTarget, Complaint> {
    let mut rotation = LogRotation::default();
    let mut path = (!arguments.contains('=')).then_some(arguments);
    for pair in arguments
        .split(',')
        .filter(|_| path.is_none())
        .collect::<Vec<_>>()
    {
        match pair.split_once('=') {
            Some(("logfile", value)) => path = Some(value),
            Some(("maxsize", value)) => {
                let bytes = value.parse().ok().filter(|bytes| *bytes > 0);
                let wrong = || setting.wrong(node, "has a `maxsize` that is no number of bytes");
                rotation.max_bytes = Some(bytes.ok_or_else(wrong)?);
            }
            Some(("backupname", value)) => {
                rotation.backup_name = Some(absolute(setting.base, value));
            }
            _ => {
                let what = format!("has {}, which a file does not take", quote(pair));
                return Err(setting
                    .wrong(node, &what)
                    .hint("a file takes `logfile`, `maxsize` and `backupname`"));
            }
        }
    }
    match path {
        None | Some("") => Err(setting
            .wrong(node, "names no file")
            .hint("write `file:/path`, or `file:logfile=/path,maxsize=1000000`")),
        Some(path) => Ok(LogTarget::File {
            path: absolute(setting.base, path),
            rotation,
        }),
    }
}

/// `HOST:PORT`, or the path of a unix socket.
fn destination(setting: &Setting<'_>, node: &Node, text: &str) -> Result<String, Complaint> {
    let is_path = text.starts_with(['/', '.']) || (!text.is_empty() && !text.contains(':'));
    if is_path {
        let path: PathBuf = absolute(setting.base, text);
        return Ok(path.display().to_string());
    }
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    match port.and_then(|(_, port)| port.parse::<u16>().ok()) {
        Some(port) if port > 0 => Ok(text.to_owned()),
        _ => Err(setting
            .wrong(
                node,
                &format!("sends to {}, which is no address", quote(text)),
            )
            .hint("write `HOST:PORT` or the path of a unix socket")),
    }
}
