//! Commands beside the app, as uWSGI writes them: daemons, jobs with their times, hooks.

use std::path::PathBuf;
use std::time::Duration;

use super::paths::absolute;
use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::Setting;
use crate::config::tree::Node;
use crate::config::vassal::{CronConfig, DaemonConfig, Hook};

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
fn split_pairs(text: &str) -> Vec<String> {
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

fn is_switched_on(
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

fn signal(setting: &Setting<'_>, node: &Node, text: &str) -> Result<i32, Complaint> {
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

/// `MINUTE HOUR DAY MONTH WEEKDAY COMMAND`.
pub(in crate::config) fn cron(setting: &Setting<'_>, node: &Node) -> Result<CronConfig, Complaint> {
    let mut rest = setting.text(node)?;
    let mut times = [-1; 5];
    for time in &mut times {
        let (word, behind) = rest
            .split_once(char::is_whitespace)
            .ok_or_else(|| setting.mismatch(node))?;
        if word.starts_with('*') {
            return Err(setting
                .mismatch(node)
                .hint("write `-1` for `*`, and `-5` for `*/5`"));
        }
        *time = word.parse().map_err(|_error| setting.mismatch(node))?;
        rest = behind.trim_start();
    }
    if rest.is_empty() {
        return Err(setting.mismatch(node));
    }
    checked(setting, node, times, rest)
}

/// `key=value,… COMMAND`.
pub(in crate::config) fn keyed_cron(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<CronConfig, Complaint> {
    let parts = setting.text(node)?.split_once(char::is_whitespace);
    let (pairs, command) = parts.ok_or_else(|| setting.mismatch(node))?;
    let (mut times, mut is_unique, mut harakiri) = ([-1; 5], false, None);
    for pair in split_pairs(pairs) {
        let (key, value) = pair.split_once('=').ok_or_else(|| setting.mismatch(node))?;
        let place = ["minute", "hour", "day", "month", "week"]
            .iter()
            .position(|known| *known == key);
        let number = || value.parse::<i32>().map_err(|_e| setting.mismatch(node));
        match (place.and_then(|place| times.get_mut(place)), key) {
            (Some(time), _) => *time = number()?,
            (None, "unique") => is_unique = is_switched_on(setting, node, key, value)?,
            (None, "harakiri") => {
                let seconds = u64::try_from(number()?).map_err(|_e| setting.mismatch(node))?;
                harakiri = Some(Duration::from_secs(seconds)).filter(|limit| !limit.is_zero());
            }
            (None, _) => {
                return Err(setting
                    .wrong(node, &format!("does not know {}", quote(key)))
                    .hint("the keys are `minute`, `hour`, `day`, `month`, `week`, `unique` and `harakiri`"));
            }
        }
    }
    let cron = checked(setting, node, times, command.trim_start())?;
    Ok(CronConfig {
        is_unique,
        harakiri,
        ..cron
    })
}

fn checked(
    setting: &Setting<'_>,
    node: &Node,
    times: [i32; 5],
    command: &str,
) -> Result<CronConfig, Complaint> {
    let bounds = [
        ("minute", 0, 59),
        ("hour", 0, 23),
        ("day", 1, 31),
        ("month", 1, 12),
        ("weekday", 0, 7),
    ];
    for (time, (name, first, last)) in times.into_iter().zip(bounds) {
        if !(-last..=last).contains(&time) || (time == 0 && first == 1) {
            let what = format!("has {time} as its {name}, which is {first} to {last}");
            return Err(setting
                .wrong(node, &what)
                .hint("-1 stands for any, and -5 for every fifth"));
        }
    }
    let [minute, hour, day, month, weekday] = times;
    if command.contains('\0') {
        return Err(setting.mismatch(node));
    }
    Ok(CronConfig {
        minute,
        hour,
        day,
        month,
        weekday,
        command: command.to_owned(),
        is_unique: false,
        harakiri: None,
    })
}

/// A command of an `exec-*` option, which must succeed.
pub(in crate::config) fn exec_hook(setting: &Setting<'_>, node: &Node) -> Result<Hook, Complaint> {
    Ok(Hook::Exec {
        command: command(setting, node)?,
        must_succeed: true,
    })
}

/// `VERB:ARGUMENT`.
pub(in crate::config) fn hook(setting: &Setting<'_>, node: &Node) -> Result<Hook, Complaint> {
    hook_of(setting, node, setting.text(node)?)
}

/// `FILE VERB:ARGUMENT`.
pub(in crate::config) fn touch_hook(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<(PathBuf, Hook), Complaint> {
    let (path, rest) = first_word(setting, node, setting.text(node)?)?;
    Ok((path, hook_of(setting, node, rest)?))
}

/// `FILE COMMAND`.
pub(in crate::config) fn touch_exec(
    setting: &Setting<'_>,
    node: &Node,
) -> Result<(PathBuf, Hook), Complaint> {
    let (path, command) = first_word(setting, node, setting.text(node)?)?;
    let hook = Hook::Exec {
        command: command.to_owned(),
        must_succeed: true,
    };
    Ok((path, hook))
}

/// A path, and what stands behind it.
fn first_word<'t>(
    setting: &Setting<'_>,
    node: &Node,
    text: &'t str,
) -> Result<(PathBuf, &'t str), Complaint> {
    let parts = text.split_once(char::is_whitespace);
    let (path, rest) = parts.ok_or_else(|| setting.mismatch(node))?;
    Ok((absolute(setting.base, path), rest.trim_start()))
}

fn hook_of(setting: &Setting<'_>, node: &Node, text: &str) -> Result<Hook, Complaint> {
    let Some((verb, argument)) = text.split_once(':') else {
        return Err(setting
            .mismatch(node)
            .hint("write it as a verb and what it acts on, such as `exec:COMMAND`"));
    };
    let file_and_text = || first_word(setting, node, argument);
    let written = |is_appended: bool, ending: &str| {
        let (path, text) = file_and_text()?;
        Ok(Hook::Write {
            path,
            text: format!("{text}{ending}"),
            is_appended,
        })
    };
    match verb.trim() {
        _ if argument.trim().is_empty() || argument.contains('\0') => Err(setting.mismatch(node)),
        "exec" | "safeexec" => Ok(Hook::Exec {
            command: argument.to_owned(),
            must_succeed: verb.trim() == "exec",
        }),
        "print" => Ok(Hook::Print(argument.to_owned())),
        "write" => written(false, ""),
        "writen" => written(false, "\n"),
        "append" => written(true, ""),
        "appendn" => written(true, "\n"),
        "writefifo" => {
            let (path, text) = file_and_text()?;
            let text = text.to_owned();
            Ok(Hook::WriteFifo { path, text })
        }
        "unlink" => Ok(Hook::Unlink(absolute(setting.base, argument.trim()))),
        "cd" | "chdir" => Ok(Hook::ChangeDirectory(absolute(
            setting.base,
            argument.trim(),
        ))),
        "unix_signal" => signal_hook(setting, node, argument),
        other => Err(unknown_verb(setting, node, other)),
    }
}

/// `PID SIGNAL`.
fn signal_hook(setting: &Setting<'_>, node: &Node, argument: &str) -> Result<Hook, Complaint> {
    let words: Vec<&str> = argument.split_ascii_whitespace().collect();
    let [pid, number] = words.as_slice() else {
        return Err(setting.mismatch(node));
    };
    let pid = pid.parse().ok().filter(|pid| *pid > 1);
    let pid = pid.ok_or_else(|| setting.wrong(node, "names no process by its number"))?;
    let signal = signal(setting, node, number)?;
    Ok(Hook::Signal { pid, signal })
}

fn unknown_verb(setting: &Setting<'_>, node: &Node, verb: &str) -> Complaint {
    let hint = match verb {
        "call" | "callret" | "callint" | "callintret" => {
            "do it in the app's own module, with `ctypes` if the function is in C"
        }
        "mount" | "umount" => "mount it with a systemd mount unit, before the emperor starts",
        "exit" => "remove it; `lictor stop NAME` ends a vassal",
        _ => {
            "the verbs are `exec`, `safeexec`, `print`, `write`, `writen`, `append`, `appendn`, \
             `writefifo`, `unlink`, `cd` and `unix_signal`"
        }
    };
    setting
        .wrong(node, &format!("has no verb {}", quote(verb)))
        .hint(hint)
}
