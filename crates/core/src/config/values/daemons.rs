//! Daemons as uWSGI writes them, and what such texts have in common with others: keys, signals.

use super::paths::absolute;
use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::Setting;
use crate::config::tree::Node;
use crate::config::vassal::DaemonConfig;

/// SIGTERM (`signal(7)`).
const TERM: i32 = 15;
/// The highest number of a signal that is not real-time.
const LAST_SIGNAL: i32 = 31;
/// Names of signals as people write them, with or without `SIG`.
const SIGNALS: [(&str, i32); 9] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("KILL", 9),
    ("USR1", 10),
    ("USR2", 12),
    ("TERM", TERM),
    ("CONT", 18),
    ("WINCH", 28),
];
const FOREGROUND: &str = "let the command stay in the foreground, and Lictor keeps it running";

/// A command for the shell.
pub(in crate::config) fn command(setting: &Setting<'_>, node: &Node) -> Result<String, Complaint> {
    let text = setting.text(node)?;
    if text.contains('\0') {
        return Err(setting.mismatch(node));
    }
    Ok(text.to_owned())
}

/// A daemon that is nothing but a command.
pub(in crate::config) fn plain_daemon(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<DaemonConfig, Complaint> {
    Ok(DaemonConfig {
        command: command(setting, node)?,
        chdir: None,
        pidfile: None,
        touch: None,
        stop_signal: TERM,
        is_control: false,
    })
}

/// `PIDFILE COMMAND`.
pub(in crate::config) fn pidfile_daemon(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<DaemonConfig, Complaint> {
    let mut daemon = plain_daemon(setting, node)?;
    let parts = daemon.command.split_once(char::is_whitespace);
    let Some((file, command)) = parts else {
        return Err(setting.mismatch(node));
    };
    daemon.pidfile = Some(absolute(setting.base, file));
    daemon.command = command.trim_start().to_owned();
    Ok(daemon)
}

/// `cmd=COMMAND,key=value`.
pub(in crate::config) fn keyed_daemon(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<DaemonConfig, Complaint> {
    let mut daemon = plain_daemon(setting, node)?;
    let text = std::mem::take(&mut daemon.command);
    let mut is_daemonized = false;
    for pair in split_pairs(&text) {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(setting
                .mismatch(node)
                .hint("a comma within the command is written `\\,`"));
        };
        let (key, value) = (key.trim(), value.trim().to_owned());
        let path = |value: &str| Some(absolute(setting.base, value));
        match key {
            "cmd" | "command" | "exec" => daemon.command = value,
            "pidfile" => daemon.pidfile = path(&value),
            "touch" => daemon.touch = path(&value),
            "chdir" => daemon.chdir = path(&value),
            "control" => daemon.is_control = is_switched_on(setting, node, key, &value)?,
            "daemonize" | "daemon" => is_daemonized = is_switched_on(setting, node, key, &value)?,
            "stopsignal" | "stop_signal" => daemon.stop_signal = signal(setting, node, &value)?,
            _ => return Err(unknown_key(setting, node, key)),
        }
    }
    if daemon.command.is_empty() {
        return Err(setting.wrong(node, "names no command").hint("add `cmd=…`"));
    }
    if daemon.pidfile.is_some() != is_daemonized {
        let what = if is_daemonized {
            "has `daemonize` without `pidfile`"
        } else {
            "has `pidfile` without `daemonize`, so that the command would leave to the background"
        };
        return Err(setting.wrong(node, what).hint(FOREGROUND));
    }
    Ok(daemon)
}

fn unknown_key(setting: &Setting<'_>, node: &Node, key: &str) -> Complaint {
    let hint = match key {
        "uid" | "gid" => "remove it; a daemon runs as its vassal's user",
        "freq" | "max_throttle" => "remove it; the end of a daemon is noticed when it happens",
        "reloadsignal" | "reload_signal" => {
            "remove it; a reload stops the daemon and starts it by the new file"
        }
        "stdin" | "ns_pid" | "legion" | "notifypid" => "remove it",
        _ => {
            "the keys are `cmd`, `chdir`, `control`, `daemonize`, `pidfile`, `stopsignal`, `touch`"
        }
    };
    setting
        .wrong(node, &format!("does not know {}", quote(key)))
        .hint(hint)
}

/// At commas outside double quotes that no backslash stands before; both go.
pub(super) fn split_pairs(text: &str) -> Vec<String> {
    let mut pairs = vec![String::new()];
    let (mut is_quoted, mut chars) = (false, text.chars().peekable());
    while let Some(c) = chars.next() {
        let escaped = chars.next_if(|next| c == '\\' && matches!(next, ',' | '"'));
        match (escaped, c) {
            (None, '"') => is_quoted = !is_quoted,
            (None, ',') if !is_quoted => pairs.push(String::new()),
            (escaped, c) => pairs.extend_last(escaped.unwrap_or(c)),
        }
    }
    pairs.retain(|pair| !pair.trim().is_empty());
    pairs
}

/// Writing on at the end of the last of several texts.
trait ExtendLast {
    fn extend_last(&mut self, c: char);
}

impl ExtendLast for Vec<String> {
    fn extend_last(&mut self, c: char) {
        if let Some(last) = self.last_mut() {
            last.push(c);
        }
    }
}

pub(super) fn is_switched_on(
    setting: &Setting<'_>,
    node: &Node,
    key: &str,
    value: &str,
) -> Result<bool, Complaint> {
    match value {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(setting.wrong(node, &format!("takes 0 or 1 for {}", quote(key)))),
    }
}

pub(super) fn signal(setting: &Setting<'_>, node: &Node, text: &str) -> Result<i32, Complaint> {
    let name = text.trim_start_matches("SIG");
    let known = SIGNALS.iter().find(|(known, _)| *known == name);
    known
        .map(|(_, number)| *number)
        .or_else(|| text.parse().ok())
        .filter(|number| (1..=LAST_SIGNAL).contains(number))
        .ok_or_else(|| {
            setting
                .wrong(node, &format!("has no signal {}", quote(text)))
                .hint("write its number, or its name such as `SIGINT`")
        })
}
