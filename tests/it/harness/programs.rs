//! Programs that a test puts down to be run.
//!
//! They are written by a process of its own each. A descriptor open for writing in this one would be
//! inherited by whatever another test starts at that moment, and a program that anybody may write to
//! cannot be executed (`ETXTBSY`, `execve(2)`).

use std::path::Path;
use std::process::Command;

/// Puts the binary under test there, in place of what may run from there.
#[track_caller]
pub(crate) fn install_lictor(at: &Path) {
    install(at, env!("CARGO_BIN_EXE_lictor"), "cp -- \"$1\" \"$0.new\"");
}

/// Puts a program of this text there, likewise.
#[track_caller]
pub(crate) fn install_text(at: &Path, text: &str) {
    install(at, text, "printf %s \"$1\" > \"$0.new\"");
}

#[track_caller]
fn install(at: &Path, what: &str, write: &str) {
    let script = format!("{write} && chmod 755 \"$0.new\" && mv -f -- \"$0.new\" \"$0\"");
    let mut shell = Command::new("/bin/sh");
    let status = shell.arg("-c").arg(script).arg(at).arg(what).status();
    let status = status.expect("there is a shell");
    assert!(status.success(), "{} was not written", at.display());
}
