//! Hooks: what is done at a point of a generation's life, one after the other.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use lictor_core::config::Hook;
use lictor_core::observe::{Failure, FailureKind};
use lictor_core::sys::ExitStatus;
use rustix::event::{Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use super::label::{named, shortened};
use super::process::Process;
use crate::master::overdue::say;

/// What of its output is shown with the failure of a hook.
const SHOWN_LINES: usize = 40;

/// Why a hook failed.
struct HookError {
    message: String,
    /// What it printed last.
    output: String,
}

/// Runs hooks, each when the one before is done, and stops at the first that fails. `when` is said
/// with a failure; all together may take no longer than `patience`.
pub(crate) fn run_hooks<'h>(
    when: &str,
    hooks: impl IntoIterator<Item = &'h Hook>,
    patience: Duration,
) -> Result<(), Failure> {
    let until = Instant::now() + patience;
    for hook in hooks {
        run(hook, until).map_err(|error| {
            let message = format!("a hook {when} failed: {}", error.message);
            let detail = if error.output.is_empty() {
                "hint: the hook must succeed for the generation to come up".to_owned()
            } else {
                error.output
            };
            Failure::new(FailureKind::Crash, message, detail)
        })?;
    }
    Ok(())
}

/// The same where nothing depends on it: a failure is told in the log.
pub(crate) fn try_hooks<'h>(
    when: &str,
    hooks: impl IntoIterator<Item = &'h Hook>,
    patience: Duration,
) {
    if let Err(failure) = run_hooks(when, hooks, patience) {
        say(&format!("lictor: {}\n", failure.message));
    }
}

fn run(hook: &Hook, until: Instant) -> Result<(), HookError> {
    if let Hook::Exec {
        command,
        must_succeed,
    } = hook
    {
        return match execute(command, until) {
            Err(error) if !must_succeed => {
                say(&format!("lictor: {}\n", error.message));
                Ok(())
            }
            outcome => outcome,
        };
    }
    let (what, path, outcome) = perform(hook);
    outcome.map_err(|error| HookError {
        message: format!("could not {what} `{path}`: {error}"),
        output: String::new(),
    })
}

/// Runs a command to its end.
fn execute(command: &str, until: Instant) -> Result<(), HookError> {
    let failed = |message: String, output: String| HookError { message, output };
    let shown = shortened(command);
    let mut process = Process::start(&named("hook", command), command, None)
        .map_err(|error| failed(format!("could not start `{shown}`: {error}"), String::new()))?;
    process.keep_lines(SHOWN_LINES);
    loop {
        let now = Instant::now();
        if now >= until {
            process.kill();
        }
        process.read();
        if let Some(status) = process.ended() {
            let output = process.kept_lines();
            return if status == ExitStatus::Code(0) {
                Ok(())
            } else if now >= until {
                Err(failed(format!("`{shown}` took too long"), output))
            } else {
                Err(failed(format!("`{shown}` ended with {status}"), output))
            };
        }
        let left = until.saturating_duration_since(now) + Duration::from_millis(1);
        let timeout = Timespec::try_from(left).ok();
        let mut fds: Vec<_> = process.poll_fds().collect();
        // Interrupted is as good as woken.
        let _ = poll(&mut fds, timeout.as_ref());
    }
}

/// What needs no other process: the attempt in words, on what, and how it went.
fn perform(hook: &Hook) -> (&'static str, String, io::Result<()>) {
    let shown = |path: &Path| path.display().to_string();
    match hook {
        Hook::Exec { command, .. } => ("run", command.clone(), Ok(())),
        Hook::Print(text) => {
            say(&format!("{text}\n"));
            ("print", text.clone(), Ok(()))
        }
        Hook::Write {
            path,
            text,
            is_appended,
        } => {
            let mut options = OpenOptions::new();
            options
                .create(true)
                .write(!is_appended)
                .append(*is_appended);
            (
                "write",
                shown(path),
                write(options.truncate(!is_appended), path, text),
            )
        }
        // Without a reader opening it fails instead of waiting (`fifo(7)`).
        Hook::WriteFifo { path, text } => {
            let mut options = OpenOptions::new();
            (
                "write to the fifo",
                shown(path),
                write(options.write(true), path, text),
            )
        }
        Hook::Unlink(path) => {
            let outcome = std::fs::remove_file(path).or_else(|error| {
                let is_gone = error.kind() == io::ErrorKind::NotFound;
                if is_gone { Ok(()) } else { Err(error) }
            });
            ("remove", shown(path), outcome)
        }
        Hook::ChangeDirectory(path) => ("change to", shown(path), std::env::set_current_dir(path)),
        Hook::Signal { pid, signal } => {
            let target = Pid::from_raw(*pid).zip(Signal::from_named_raw(*signal));
            let outcome = target
                .map_or(Err(io::ErrorKind::InvalidInput.into()), |(pid, signal)| {
                    Ok(kill_process(pid, signal)?)
                });
            ("signal", pid.to_string(), outcome)
        }
    }
}

fn write(options: &mut OpenOptions, path: &Path, text: &str) -> io::Result<()> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let mut file = options.custom_flags(flags).open(path)?;
    file.write_all(text.as_bytes())
}
