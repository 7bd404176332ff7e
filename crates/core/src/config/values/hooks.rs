//! Hooks as uWSGI writes them: a verb, a colon, and what it acts on.

use std::path::PathBuf;

use super::daemons::{command, signal};
use super::paths::absolute;
use crate::config::diagnostic::{Complaint, quote};
use crate::config::setting::Setting;
use crate::config::tree::Node;
use crate::config::vassal::Hook;

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
